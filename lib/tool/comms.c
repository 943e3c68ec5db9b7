#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/send.h"
#include "tool/tool.h"

/*
 * What an agent says to others: comms sheet section 19, tools sheet section 6.3.  The
 * tools are there while there is somebody to talk to; that is looked up each time, for
 * peers come and go while an agent works.
 */

#define TEXT "{\"type\":\"string\",\"description\":"
#define TO "\"to\":" TEXT "\"The peer: a name that the tool peers shows\"}"
#define MODE "\"handling_mode\":" TEXT "\"steer: read at the peer's next step, " \
	"for work in common; queue: after what the peer does now\"}"
#define SCHEMA(properties, required) { .p = "{\"type\":\"object\",\"properties\":{" \
	properties "},\"required\":[" required "]}", .n = sizeof "{\"type\":" \
	"\"object\",\"properties\":{" properties "},\"required\":[" required \
	"]}" - 1 }

static const struct tool_def defs[] = {
	{ "send_message", "Tell another agent something. No answer is "
	    "expected; what the peer says later reaches you as a message of "
	    "its own.",
	    SCHEMA(TO ",\"body\":" TEXT "\"What you say\"}," MODE,
	    "\"to\",\"body\",\"handling_mode\"") },
	{ "send_request", "Ask another agent to do something and to report. "
	    "Its response reaches you later, with the id of the request.",
	    SCHEMA(TO ",\"intent\":" TEXT "\"What you want, in a few words\"},"
	    MODE ",\"params\":{\"description\":\"What the peer needs to know "
	    "for it: any JSON\"}", "\"to\",\"intent\",\"handling_mode\"") },
	{ "send_response", "Answer a request that another agent sent you.",
	    SCHEMA(TO ",\"in_reply_to\":" TEXT "\"The id of the request\"},"
	    "\"status\":" TEXT "\"accepted: you begin, the result comes "
	    "later; completed; failed\"},\"result\":{\"description\":\"What "
	    "came of it: any JSON\"}," MODE,
	    "\"to\",\"in_reply_to\",\"status\"") },
	{ "peers", "List the agents that you can talk to.", SCHEMA("", "") },
};

/* Of the flat object that every surface takes; NULL: no command. */
static const char *const kinds[COUNT(defs)] = {
	"peer_message", "peer_request", "peer_response", NULL
};

static size_t
list(void *arg, const struct tool_def **out)
{
	const struct tool_env *env = arg;

	*out = defs;
	return comms_has_peers(env->db, env->session) ? COUNT(defs) : 0;
}

/* ---- what is wrong with a command ---- */

static const struct {
	const char *field, *issue;	/* issue NULL: any */
	const char *text;		/* with got behind it if it ends in a space */
} texts[] = {
	{ "to", "required_field", "to is required" },
	{ "to", "invalid_value", "invalid to: " },
	{ "body", "required_field", "peer_message requires body" },
	{ "intent", "required_field", "peer_request requires intent" },
	{ "in_reply_to", "required_field",
	    "peer_response requires in_reply_to" },
	{ "in_reply_to", "invalid_uuid", "invalid UUID for in_reply_to: " },
	{ "status", "invalid_value", "invalid status: " },
	{ "handling_mode", "required_field", "handling_mode is required: use "
	    "\"steer\" for normal collaboration or \"queue\" for next-turn "
	    "processing" },
};

static void
fail(struct tool_result *r, const char *text)
{
	tool_result_error(r, "execution_failed", "Tool execution failed: %s",
	    text);
}

static void
fail_issue(struct tool_result *r, struct jtext issue)
{
	char *word = json_get_str(issue, "issue");
	char *got = json_get_str(issue, "got"), *text = NULL;

	for (size_t i = 0; i < COUNT(texts) && !text; i++) {
		const char *t = texts[i].text;

		if (!json_str_is(json_get(issue, "field"), texts[i].field) ||
		    !word || strcmp(word, texts[i].issue))
			continue;
		text = xasprintf("%s%s", t, got && t[strlen(t) - 1] == ' ' ?
		    got : "");
	}
	if (!text && json_str_is(json_get(issue, "field"), "stream"))
		text = xasprintf("stream field has been removed (got: %s)",
		    got ? got : "");
	fail(r, text ? text : word ? word : "invalid_value");
	free(text);
	free(word);
	free(got);
}

/* ---- running one ---- */

/*
 * Arguments as the command's object: the hints in what a peer says call `to` and
 * `in_reply_to` by other names (sheet section 14).
 */
static void
put_command(struct buf *b, const char *kind, struct jtext args)
{
	static const struct { const char *other, *name; } names[] = {
		{ "peer", "to" }, { "request_id", "in_reply_to" },
	};
	struct jiter it = json_iter(args);

	jput_open(b, '{');
	jput_kcstr(b, "kind", kind);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct jtext v = json_get(args, names[i].other);

		if (v.p && !json_get(args, names[i].name).p)
			jput_kraw(b, names[i].name, v.p, v.n);
	}
	while (json_next(&it)) {
		if (json_str_is(it.key, "kind") || json_str_is(it.key, "blocks"))
			continue;
		jput_raw(b, it.key.p, it.key.n);
		buf_putc(b, ':');
		buf_put(b, it.value.p, it.value.n);
	}
	jput_close(b, '}');
}

/* The first thing that is wrong; a message without a body is, for a model. */
static bool
refused(struct tool_result *r, const struct send_command *c,
    struct jtext issues)
{
	static const char no_body[] =
	    "{\"field\":\"body\",\"issue\":\"required_field\"}";
	struct jtext first = json_path(issues, "0");

	if (c->kind == SEND_MESSAGE && !c->body &&
	    !json_str_is(json_get(first, "field"), "to"))
		first = json_text(no_body);
	if (first.p)
		fail_issue(r, first);
	return first.p;
}

static void
deliver(const struct tool_env *env, const char *kind,
    const struct send_command *c, struct tool_result *r)
{
	struct buf data = BUF_INIT;
	struct receipt receipt;
	struct err e = ERR_NONE;
	char *text, *code;

	if (comms_send(env->db, env->session, c, &receipt, &data, &e) == 0) {
		text = xasprintf("{\"kind\":\"%s\",\"status\":\"sent\"}", kind);
		tool_result_text(r, text, strlen(text));
	} else {
		code = json_get_str(json_slice(data.p, data.n), "code");
		text = xasprintf("%s: %s", code ? code : "send_failed", e.text);
		fail(r, text);
		free(code);
	}
	free(text);
	buf_free(&data);
}

static void
run_send(const struct tool_env *env, const char *kind, struct jtext args,
    struct tool_result *r)
{
	struct buf command = BUF_INIT, issues = BUF_INIT;
	struct send_command c;
	struct err e = ERR_NONE;
	char *text;

	put_command(&command, kind, args);
	if (send_parse(json_slice(command.p, command.n), &c, &issues, &e) < 0 &&
	    !issues.n) {
		text = xasprintf("Invalid arguments: %s", e.text);
		fail(r, text);
		free(text);
	} else if (!refused(r, &c, json_slice(issues.p, issues.n))) {
		deliver(env, kind, &c, r);
	}
	send_command_free(&c);
	buf_free(&command);
	buf_free(&issues);
}

static void
run_peers(const struct tool_env *env, struct tool_result *r)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (comms_peers(env->db, env->session, &b, &e) == 0)
		tool_result_text(r, b.p, b.n);
	else
		fail(r, e.text);
	buf_free(&b);
}

static void
start(void *arg, const struct tool_call *c, tool_done *done, void *done_arg,
    void **handle)
{
	const struct tool_env *env = arg;
	struct tool_result r = { .is_error = false };
	size_t i = 0;

	(void)handle;
	while (i + 1 < COUNT(defs) && strcmp(c->name, defs[i].name))
		i++;
	if (kinds[i])
		run_send(env, kinds[i], c->args, &r);
	else
		run_peers(env, &r);
	done(done_arg, &r);
}

struct tool_source
tool_comms(const struct tool_env *env)
{
	return (struct tool_source){ .kind = "comms", .id = "comms",
	    .list = list, .start = start,
	    .arg = (void *)(uintptr_t)env };
}
