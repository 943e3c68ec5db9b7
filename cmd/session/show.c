#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jput.h"
#include "base/json.h"
#include "serve/sessions.h"
#include "session/info.h"
#include "session/session.h"
#include "store/lock.h"
#include "store/sessions.h"
#include "tool/tool.h"

/* What was said in a session, for people (cli sheet 8.2) and for programs. */

#define TEXT_MAX 500
#define SHORT_MAX 200

/* ---- the transcript as text ---- */

static void
put_cut(struct buf *b, const char *p, size_t n, size_t max)
{
	size_t keep = utf8_cut(p, n, max);

	buf_put(b, p, keep);
	if (keep < n)
		buf_puts(b, "...");
}

/* A string member, whole or cut; nothing if it is none. */
static void
put_member(struct buf *b, struct jtext obj, const char *key, size_t max)
{
	size_t n = 0;
	char *s = json_str(json_get(obj, key), &n);

	if (s)
		put_cut(b, s, n, max);
	free(s);
}

static void
put_content(struct buf *b, struct jtext content, size_t max)
{
	struct buf text = BUF_INIT;

	content_project(content, &text, NULL);
	put_cut(b, buf_str(&text), text.n, max);
	buf_free(&text);
}

static void
show_system(struct buf *b, struct jtext m)
{
	buf_puts(b, "SYSTEM:\n  ");
	put_member(b, m, "content", SIZE_MAX);
	buf_putc(b, '\n');
}

static void
show_notice(struct buf *b, struct jtext m)
{
	static const struct { const char *kind, *name; } kinds[] = {
		{ "mcp_pending", "McpPending" },
		{ "background_job", "BackgroundJob" },
		{ "tool_scope", "ToolScope" },
		{ "tool_scope_warning", "ToolScopeWarning" },
	};
	const char *name = "Generic";

	for (size_t i = 0; i < COUNT(kinds); i++)
		if (json_str_is(json_get(m, "kind"), kinds[i].kind))
			name = kinds[i].name;
	buf_printf(b, "SYSTEM NOTICE (%s):\n  ", name);
	put_member(b, m, "body", SIZE_MAX);
	buf_putc(b, '\n');
}

static void
show_user(struct buf *b, struct jtext m)
{
	buf_puts(b, "USER:\n  ");
	put_content(b, json_get(m, "content"), SIZE_MAX);
	buf_putc(b, '\n');
}

static void
show_blocks(struct buf *b, struct jtext m)
{
	struct jiter it = json_iter(json_get(m, "blocks"));

	buf_puts(b, "ASSISTANT (blocks):\n");
	while (json_next(&it)) {
		struct jtext type = json_get(it.value, "block_type");
		struct jtext data = json_get(it.value, "data");

		buf_puts(b, "  ");
		if (json_str_is(type, "text")) {
			put_member(b, data, "text", TEXT_MAX);
		} else if (json_str_is(type, "reasoning")) {
			buf_puts(b, "[thinking] ");
			put_member(b, data, "text", SHORT_MAX);
		} else {
			buf_puts(b, "Tool call: ");
			put_member(b, data, "name", SIZE_MAX);
		}
		buf_putc(b, '\n');
	}
}

/* The form of old files: read, never written. */
static void
show_old(struct buf *b, struct jtext m)
{
	struct jtext calls = json_get(m, "tool_calls");
	struct jiter it = json_iter(calls);
	const char *sep = "  Tool calls: [\"";

	buf_puts(b, "ASSISTANT:\n  ");
	put_member(b, m, "content", TEXT_MAX);
	buf_putc(b, '\n');
	for (; json_next(&it); sep = "\", \"") {
		buf_puts(b, sep);
		put_member(b, it.value, "name", SIZE_MAX);
	}
	if (json_count(calls))
		buf_puts(b, "\"]\n");
}

static void
show_results(struct buf *b, struct jtext m)
{
	struct jiter it = json_iter(json_get(m, "results"));

	buf_puts(b, "TOOL RESULTS:\n");
	while (json_next(&it)) {
		buf_printf(b, "  [%s] ", json_get_bool(it.value, "is_error",
		    false) ? "ERROR" : "OK");
		put_member(b, it.value, "tool_use_id", SIZE_MAX);
		buf_puts(b, ": ");
		put_content(b, json_get(it.value, "content"), SHORT_MAX);
		buf_putc(b, '\n');
	}
}

static const struct role {
	const char *name;
	void (*show)(struct buf *b, struct jtext m);
} roles[] = {
	{ "system", show_system }, { "system_notice", show_notice },
	{ "user", show_user }, { "block_assistant", show_blocks },
	{ "assistant", show_old }, { "tool_results", show_results },
};

/* On a terminal: what a tool read must not drive it (moved cursor, set title, answer back). */
static void
disarm(struct buf *b)
{
	for (size_t i = 0; i < b->n; i++) {
		unsigned char c = (unsigned char)b->p[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			b->p[i] = '?';
		else if (c == 0xc2 && (unsigned char)b->p[i + 1] < 0xa0)
			b->p[i] = b->p[i + 1] = '?';	/* U+0080 to U+009F */
	}
}

static int
show_text(struct cmd *c, const struct session *s, const struct messages *m)
{
	struct buf b = BUF_INIT, comms = BUF_INIT;
	int rc = info_comms_text(c->db, s->id, &comms, &c->e);

	if (rc < 0)
		return -1;
	buf_printf(&b, "Session: %s\nSession Ref: %s:%s\nMessages: %" PRId64
	    "\nVersion: 1\n", s->id, c->realm.id, s->id, s->messages);
	if (comms.n)
		buf_printf(&b, "Comms: %s\n", comms.p);
	buf_free(&comms);
	for (int i = 0; i < 60; i++)
		buf_putc(&b, '=');
	buf_putc(&b, '\n');
	for (size_t i = 0; i < m->n; i++) {
		struct jtext role = json_get(m->v[i], "role");

		buf_printf(&b, "\n[%zu] ", i + 1);
		for (size_t k = 0; k < COUNT(roles); k++)
			if (json_str_is(role, roles[k].name))
				roles[k].show(&b, m->v[i]);
	}
	if (isatty(1))
		disarm(&b);
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

/* ---- as JSON: SessionInfo of the rpc sheet 7.3, and what we know besides ---- */

static int
show_json(struct cmd *c, const struct session *s, const struct messages *m)
{
	struct buf b = BUF_INIT, text = BUF_INIT;
	bool active = lock_held(&c->realm, s->id);
	int rc;

	jput_open(&b, '{');
	sessions_put_info(&c->realm, s, &b);
	jput_kbool(&b, "is_active", active);
	sessions_put_model(s, &b);
	for (size_t i = active ? 0 : m->n; i > 0 && !text.n; i--)
		sessions_text(m->v[i - 1], &text);
	if (text.n)
		jput_kstr(&b, "last_assistant_text", text.p, text.n);
	buf_free(&text);
	sessions_put_labels(s, &b);
	if (info_comms(c->db, s->id, &b, &c->e) < 0) {
		buf_free(&b);
		return -1;
	}
	jput_kbool(&b, "archived", s->archived);
	jput_ki64(&b, "total_messages", s->total_messages);
	jput_key(&b, "usage");
	usage_emit(&b, &s->usage);
	jput_close(&b, '}');
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}

VERB(verb_show)
{
	struct session s = { .meta = NULL };
	struct messages m = { .n = 0 };
	char id[UUID_LEN + 1];
	int rc = -1;

	if (cmd_args(c, argc, argv, 1) < 0)
		return -1;
	if (cmd_resolve(c, argv[optind], id) == 0 &&
	    session_load(c->db, id, &s, &c->e) == 0 &&
	    messages_load(c->db, id, &m, &c->e) == 0)
		rc = c->json ? show_json(c, &s, &m) : show_text(c, &s, &m);
	messages_free(&m);
	session_free(&s);
	return rc;
}

/* ---- history ---- */

#define PAGE 64

/* In pages: a reader that is slow keeps no read transaction open. */
static int
print_history(struct cmd *c, const char *id, int64_t offset, int64_t limit)
{
	struct buf b = BUF_INIT;
	size_t got = PAGE;
	int rc = 0;

	for (; rc == 0 && got == PAGE && limit != 0; offset += PAGE) {
		int64_t want = limit < 0 || limit > PAGE ? PAGE : limit;
		struct messages m;

		rc = messages_page(c->db, id, offset, want, &m, &c->e);
		got = m.n;
		for (size_t i = 0; rc == 0 && i < m.n; i++) {
			buf_put(&b, m.v[i].p, m.v[i].n);
			rc = cmd_line(c, &b);
		}
		messages_free(&m);
		if (limit > 0)
			limit -= want;
	}
	buf_free(&b);
	return rc;
}

VERB(verb_history)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "limit", required_argument, NULL, 'n' },
		{ "offset", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 }
	};
	int64_t limit = -1, offset = 0;
	char id[UUID_LEN + 1];
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'n': rc = cmd_number(c, "--limit", optarg, 0, &limit); break;
		case 'o': rc = cmd_number(c, "--offset", optarg, 0, &offset); break;
		default: return cmd_usage(c);
		}
	if (rc == 0 && argc - optind != 1)
		return cmd_usage(c);
	if (rc == 0)
		rc = cmd_resolve(c, argv[optind], id);
	return rc < 0 ? -1 : print_history(c, id, offset, limit);
}
