#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/capabilities.h"
#include "store/config.h"

static const struct capability {
	const char *id, *description;
	const char *policy;	/* the config key that switches it, or NULL */
	const char *missing;	/* what this build has not, or NULL */
} capabilities[] = {
	{ "sessions", "Durable sessions: create, resume, list, archive",
	    NULL, NULL },
	{ "streaming", "Answers and events while they happen", NULL, NULL },
	{ "structured_output", "Answers checked against a JSON Schema", NULL,
	    NULL },
	{ "hooks", "Programs and HTTP end points that watch or guard a run",
	    NULL, NULL },
	{ "builtins", "The builtin tools", "tools.builtins_enabled", NULL },
	{ "shell", "The shell tool", "tools.shell_enabled", NULL },
	{ "comms", "Signed messages between agents", NULL, NULL },
	{ "memory_store", "Semantic memory", NULL, "memory" },
	{ "session_store", "Sessions kept in SQLite", NULL, NULL },
	{ "session_compaction", "Summaries of long transcripts", NULL, NULL },
	{ "skills", "Skill documents for agents", NULL, "skills" },
	{ "mcp_live", "Tools of MCP servers", NULL, "mcp" },
};

/* {"<tag>":{"<name>":"<value>"}} as the status. */
static void
put_status(struct buf *b, const char *tag, const char *name,
    const char *value)
{
	jput_key(b, "status");
	jput_open(b, '{');
	jput_key(b, tag);
	jput_open(b, '{');
	jput_kcstr(b, name, value);
	jput_close(b, '}');
	jput_close(b, '}');
}

static void
put_capability(struct buf *b, const struct capability *k,
    const struct config *config)
{
	char *path = k->policy ? xstrdup(k->policy) : NULL, *text;

	jput_open(b, '{');
	jput_kcstr(b, "id", k->id);
	jput_kcstr(b, "description", k->description);
	if (path)
		*strchr(path, '.') = '/';
	if (k->missing) {
		put_status(b, "NotCompiled", "feature", k->missing);
	} else if (path && !config_bool(config, path, false)) {
		text = xasprintf("%s = false", k->policy);
		put_status(b, "DisabledByPolicy", "description", text);
		free(text);
	} else {
		jput_kcstr(b, "status", "Available");
	}
	jput_close(b, '}');
	free(path);
}

void
capabilities_emit(const struct config *c, struct buf *b)
{
	jput_open(b, '{');
	jput_kraw(b, "contract_version", RKAT_CONTRACT_JSON,
	    strlen(RKAT_CONTRACT_JSON));
	jput_key(b, "capabilities");
	jput_open(b, '[');
	for (size_t i = 0; i < COUNT(capabilities); i++)
		put_capability(b, &capabilities[i], c);
	jput_close(b, ']');
	jput_close(b, '}');
}
