#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/fs.h"
#include "base/jput.h"
#include "base/json.h"
#include "model/catalog.h"
#include "session/session.h"
#include "store/sessions.h"

/* create: a row; nothing is asked of a model.  Options: cli sheet section 3. */

#define SCHEMA_MAX ((size_t)1 << 20)

/* The options that are texts of their own, and what is collected on the way. */
struct made {
	struct session_spec spec;
	struct buf labels;		/* JSON object */
	struct buf instructions;	/* JSON array; empty: none */
	struct buf schema;
	const char *params_json;
	const char **params;		/* "key=value" */
	size_t n_params;
	struct buf merged;		/* params_json with params over it */
};

static int
bad(struct cmd *c, const char *option, const char *want, const char *got)
{
	return err_set(&c->e, E_INVALID_PARAMS, "%s: want %s, not '%.80s'",
	    option, want, got);
}

/* "key=value" as a member of an object that is open in b. */
static void
put_pair(struct buf *b, const char *pair)
{
	const char *eq = strchr(pair, '=');
	char *key = xstrndup(pair, (size_t)(eq - pair));

	jput_kcstr(b, key, eq + 1);
	free(key);
}

static int
add_label(struct cmd *c, struct made *m, const char *arg)
{
	static const char *const reserved[] = { "mob_id", "role", "meerkat_id" };
	const char *eq = strchr(arg, '=');

	if (!eq || eq == arg)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--label: expected key=value, got: %.80s", arg);
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (strlen(reserved[i]) == (size_t)(eq - arg) &&
		    !strncmp(arg, reserved[i], (size_t)(eq - arg)))
			return err_set(&c->e, E_INVALID_PARAMS, "peer_meta "
			    "label '%s' is reserved for mob-managed sessions",
			    reserved[i]);
	put_pair(&m->labels, arg);
	return 0;
}

static int
add_param(struct cmd *c, struct made *m, const char *arg)
{
	if (!strchr(arg, '='))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "Invalid --param format '%.80s': expected KEY=VALUE", arg);
	m->params[m->n_params++] = arg;
	return 0;
}

static int
set_params_json(struct cmd *c, struct made *m, const char *arg)
{
	if (json_check(arg, strlen(arg), &c->e) < 0)
		return err_wrap(&c->e, "Invalid --params-json");
	if (!json_is(json_text(arg), '{'))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--params-json must be a JSON object");
	m->params_json = arg;
	return 0;
}

/* Is that key also given as a --param? */
static bool
overridden(const struct made *m, struct jtext key)
{
	bool found = false;

	for (size_t i = 0; i < m->n_params && !found; i++) {
		char *name = xstrndup(m->params[i],
		    strcspn(m->params[i], "="));

		found = json_str_is(key, name);
		free(name);
	}
	return found;
}

/* --param wins over --params-json; its values are always strings. */
static void
merge_params(struct made *m)
{
	struct jiter it = json_iter(json_text(m->params_json));

	if (!m->params_json && !m->n_params)
		return;
	jput_open(&m->merged, '{');
	while (json_next(&it)) {
		if (overridden(m, it.key))
			continue;
		jput_raw(&m->merged, it.key.p, it.key.n);
		buf_putc(&m->merged, ':');
		jput_raw(&m->merged, it.value.p, it.value.n);
	}
	for (size_t i = 0; i < m->n_params; i++)
		put_pair(&m->merged, m->params[i]);
	jput_close(&m->merged, '}');
	m->spec.provider_params = json_slice(m->merged.p, m->merged.n);
}

/* Inline if it starts with a brace, else a file. */
static int
set_schema(struct cmd *c, struct made *m, const char *arg)
{
	buf_trunc(&m->schema, 0);
	if (arg[strspn(arg, " \t\r\n")] == '{')
		buf_puts(&m->schema, arg);
	else if (fs_read(arg, SCHEMA_MAX, &m->schema, &c->e) < 0)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "Failed to read schema file '%.200s'", arg);
	if (json_parse(buf_str(&m->schema), m->schema.n,
	    &m->spec.output_schema, &c->e) < 0)
		return err_wrap(&c->e, "Invalid output schema");
	return 0;
}

static int
set_tools(struct cmd *c, struct made *m, const char *arg)
{
	static const struct { const char *name; int builtins, shell, rest; }
	    presets[] = {
		{ "safe", 1, 0, 0 }, { "workspace", 1, 1, 0 },
		{ "full", 1, 1, 1 }, { "none", 0, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(presets); i++)
		if (!strcmp(arg, presets[i].name)) {
			m->spec.builtins = presets[i].builtins;
			m->spec.shell = presets[i].shell;
			m->spec.memory = m->spec.mob = presets[i].rest;
			return 0;
		}
	return bad(c, "--tools", "safe, workspace, full or none", arg);
}

static int
set_provider(struct cmd *c, struct made *m, const char *arg)
{
	enum provider p;

	m->spec.provider = arg;
	return provider_parse(arg, &p) && p != PROVIDER_OTHER ? 0 :
	    bad(c, "--provider", "anthropic, openai, gemini or self-hosted",
	    arg);
}

static int
add_instruction(struct made *m, const char *arg)
{
	if (!m->instructions.n)
		jput_open(&m->instructions, '[');
	jput_cstr(&m->instructions, arg);
	return 0;
}

/* One option; 2 for a usage error. */
static int
take(struct cmd *c, struct made *m, int o, const char *arg)
{
	switch (o) {
	case 'j': c->json = true; return 0;
	case 'm': m->spec.model = arg; return *arg ? 0 :
	    bad(c, "--model", "a model id", arg);
	case 'p': return set_provider(c, m, arg);
	case 's': m->spec.system_prompt = arg; return 0;
	case 'T': return cmd_number(c, "--max-tokens", arg, 1,
	    &m->spec.max_tokens);
	case 'l': return add_label(c, m, arg);
	case 't': return set_tools(c, m, arg);
	case 'y': return set_tools(c, m, "full");
	case 'S': return set_schema(c, m, arg);
	case 'P': return add_param(c, m, arg);
	case 'J': return set_params_json(c, m, arg);
	case 'i': return add_instruction(m, arg);
	case 'b': m->spec.sandbox = arg; return 0;
	case 'n': m->spec.network = 1; return 0;
	default: return cmd_usage(c);
	}
}

static int
parse(struct cmd *c, struct made *m, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "model", required_argument, NULL, 'm' },
		{ "provider", required_argument, NULL, 'p' },
		{ "system", required_argument, NULL, 's' },
		{ "max-tokens", required_argument, NULL, 'T' },
		{ "label", required_argument, NULL, 'l' },
		{ "tools", required_argument, NULL, 't' },
		{ "yolo", no_argument, NULL, 'y' },
		{ "schema", required_argument, NULL, 'S' },
		{ "param", required_argument, NULL, 'P' },
		{ "params-json", required_argument, NULL, 'J' },
		{ "instructions", required_argument, NULL, 'i' },
		{ "sandbox", required_argument, NULL, 'b' },
		{ "network", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	int o, rc = set_tools(c, m, "safe");

	jput_open(&m->labels, '{');
	while (rc == 0 &&
	    (o = getopt_long(argc, argv, "m:p:t:", opts, NULL)) != -1)
		rc = take(c, m, o, optarg);
	jput_close(&m->labels, '}');
	if (rc == 0 && optind != argc)
		rc = cmd_usage(c);
	if (m->instructions.n) {
		jput_close(&m->instructions, ']');
		m->spec.additional_instructions =
		    json_slice(m->instructions.p, m->instructions.n);
	}
	m->spec.labels = json_slice(m->labels.p, m->labels.n);
	merge_params(m);
	return rc;
}

static int
create(struct cmd *c, const struct session_spec *spec)
{
	struct session s;
	struct buf b = BUF_INIT;
	int rc;

	if (cmd_open(c) < 0 ||
	    agent_create_session(c->db, spec, &s, &c->e) < 0)
		return -1;
	if (c->json) {
		jput_open(&b, '{');
		jput_kcstr(&b, "session_id", s.id);
		jput_close(&b, '}');
	} else {
		buf_puts(&b, s.id);
	}
	rc = cmd_line(c, &b);
	session_free(&s);
	buf_free(&b);
	return rc;
}

VERB(verb_create)
{
	struct made m = { .spec = SESSION_SPEC_INIT };
	int rc;

	m.params = xcalloc((size_t)argc, sizeof *m.params);
	rc = parse(c, &m, argc, argv);
	if (rc == 0)
		rc = create(c, &m.spec);
	buf_free(&m.labels);
	buf_free(&m.instructions);
	buf_free(&m.schema);
	buf_free(&m.merged);
	free(m.params);
	return rc;
}
