#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/toml.h"
#include "base/util.h"
#include "store/config.h"
#include "store/config_keys.h"

/*
 * Showing a configuration, with the secrets masked as the cli sheet (8.4) masks them.
 */

bool
config_is_secret(const char *parent, const char *name)
{
	static const char *const names[] = { "api_key", "bearer_token",
	    "auth_token", "ssh_key" };
	static const char *const parents[] = { "api_keys", "env", "headers" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	for (size_t i = 0; i < COUNT(parents); i++)
		if (!strcmp(parent, parents[i]))
			return true;
	return false;
}

/* First 2 + "..." + last 2 characters; too short a secret shows nothing. */
void
config_mask(struct buf *b, const char *s, size_t n)
{
	size_t head = 0, tail = n, chars = 0;

	for (size_t i = 0, len; i < n; i += len, chars++) {
		len = utf8_next(s + i, n - i);
		len = len ? len : 1;
		head = chars < 2 ? i + len : head;
	}
	if (chars <= 4) {
		buf_puts(b, "****");
		return;
	}
	for (int back = 0; back < 2; back++)
		do
			tail--;
		while (((unsigned char)s[tail] & 0xc0) == 0x80);
	buf_put(b, s, head);
	buf_puts(b, "...");
	buf_put(b, s + tail, n - tail);
}

static void
emit_leaf(struct jtext v, bool secret, struct buf *b)
{
	struct buf masked = BUF_INIT;
	char *s = NULL;
	size_t n;

	if (secret && (s = json_str(v, &n))) {
		config_mask(&masked, s, n);
		jput_str(b, masked.p, masked.n);
	} else {
		jput_raw(b, v.p, v.n);
	}
	free(s);
	buf_free(&masked);
}

void
config_emit_part(struct jtext v, const char *parent, const char *name,
    struct buf *b, bool show_secrets)
{
	char kind = json_kind(v);

	if (kind != '{' && kind != '[') {
		emit_leaf(v, !show_secrets && config_is_secret(parent, name), b);
		return;
	}
	jput_open(b, kind);
	for (struct jiter it = json_iter(v); json_next(&it); ) {
		char *key = it.object ? json_str(it.key, NULL) : NULL;

		if (key) {
			jput_key(b, key);
			config_emit_part(it.value, name, key, b, show_secrets);
		} else {
			config_emit_part(it.value, parent, name, b,
			    show_secrets);
		}
		free(key);
	}
	jput_close(b, kind == '{' ? '}' : ']');
}

void
config_emit_json(const struct config *c, struct buf *b, bool show_secrets)
{
	config_emit_part(c->v, "", "", b, show_secrets);
}

void
config_emit_toml(const struct config *c, struct buf *b, bool show_secrets)
{
	struct buf json = BUF_INIT;

	config_emit_json(c, &json, show_secrets);
	(void)toml_from_json(json_slice(json.p, json.n), b, NULL);
	buf_free(&json);
}

const char *
config_template(void)
{
	return
"# Configuration of rkat; rkat-config(5) describes every key.\n"
"# What is commented out shows the default.  The project's .rkat/config.toml goes\n"
"# over the user's ~/.rkat/config.toml, and what `rkat config set` and `patch`\n"
"# write for a realm goes over both.\n"
"\n"
"# max_tokens = 16384\n"
"\n"
"[agent]\n"
"# model = \"claude-opus-4-6\"\n"
"# max_tokens_per_turn = 16384\n"
"# budget_warning_threshold = 0.8\n"
"\n"
"[limits]\n"
"# budget = 200000          # tokens of one run\n"
"# max_duration = \"10m\"\n"
"\n"
"[shell]\n"
"# program = \"nu\"\n"
"# timeout_secs = 30\n"
"# security_mode = \"unrestricted\"\n"
"# security_patterns = []\n"
"# sandbox = \"workspace\"    # or \"off\", \"strict\"\n"
"# network = false\n"
"\n"
"[rest]\n"
"# host = \"127.0.0.1\"\n"
"# port = 8080\n"
"\n"
"[store]\n"
"# database_dir = \"/somewhere\"\n"
"\n"
"[compaction]\n"
"# auto_compact_threshold = 100000\n"
"# recent_turn_budget = 4\n"
"# max_summary_tokens = 4096\n"
"# min_turns_between_compactions = 3\n"
"\n"
"[hooks]\n"
"# default_timeout_ms = 5000\n"
"# payload_max_bytes = 131072\n"
"# background_max_concurrency = 32\n"
"\n"
"[provider_tools.anthropic]\n"
"# web_search = true\n"
"\n"
"[provider_tools.openai]\n"
"# web_search = true\n"
"\n"
"[provider_tools.gemini]\n"
"# google_search = true\n";
}
