#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

/*
 * Chat Completions: providers sheet 4.1.  Self-hosted servers need no key and take
 * unknown parameters; a broken conversation they do not take.
 */

struct walk {
	struct refusal *r;
	int i;
	struct ids open;	/* calls that wait for their result */
};

static int
need_content(struct walk *w, struct jtext m)
{
	struct jtext content = json_get(m, "content");
	char param[64];

	if (json_is(content, '"') || (json_is(content, '[') && json_count(content)))
		return 0;
	snprintf(param, sizeof param, "messages.[%d].content", w->i);
	return refuse_param(w->r, NULL, param, "Invalid value for 'content': "
	    "expected a string, got %s. (messages[%d])", content.p ?
	    json_is(content, 'n') ? "null" : "something else" : "nothing", w->i);
}

static int
check_call(struct walk *w, struct jtext call, int i)
{
	struct jtext f = json_get(call, "function");
	char *id = json_get_str(call, "id"), param[64];
	int rc = -1;

	snprintf(param, sizeof param, "messages[%d].tool_calls[%d]", w->i, i);
	if (!id)
		refuse_param(w->r, "missing_required_parameter", param,
		    "Missing required parameter: '%s.id'.", param);
	else if (!json_str_is(json_get(call, "type"), "function"))
		refuse_param(w->r, "missing_required_parameter", param,
		    "Missing required parameter: '%s.type'.", param);
	else if (!json_is(json_get(f, "name"), '"') ||
	    !json_is(json_get(f, "arguments"), '"'))
		refuse_param(w->r, "missing_required_parameter", param,
		    "Missing required parameter: '%s.function' needs name and "
		    "arguments, both strings.", param);
	else {
		ids_add(&w->open, id);
		rc = 0;
	}
	free(id);
	return rc;
}

static int
check_assistant(struct walk *w, struct jtext m)
{
	struct jtext calls = json_get(m, "tool_calls");
	struct jiter it;
	int i = 0;

	if (!calls.p || json_is(calls, 'n'))
		return need_content(w, m);
	if (!json_count(calls))
		return refuse_param(w->r, "empty_array", "messages", "Invalid "
		    "'messages[%d].tool_calls': empty array. Expected an array with "
		    "minimum length 1, but got an empty array instead.", w->i);
	for (it = json_iter(calls); json_next(&it); i++)
		if (check_call(w, it.value, i) < 0)
			return -1;
	return 0;
}

static int
check_tool(struct walk *w, struct jtext m)
{
	char *id = json_get_str(m, "tool_call_id");
	bool expected = id && ids_take(&w->open, id);

	free(id);
	if (!expected)
		return refuse_param(w->r, NULL, "messages", "Invalid parameter: "
		    "messages with role 'tool' must be a response to a preceeding "
		    "message with 'tool_calls'. (messages[%d])", w->i);
	return need_content(w, m);
}

static int
check_answered(struct walk *w)
{
	if (!w->open.n)
		return 0;
	return refuse_param(w->r, NULL, "messages", "An assistant message with "
	    "'tool_calls' must be followed by tool messages responding to each "
	    "'tool_call_id'. The following tool_call_ids did not have response "
	    "messages: %.80s", ids_any(&w->open));
}

static int
check_message(struct walk *w, struct jtext m)
{
	struct jtext role = json_get(m, "role");

	if (json_str_is(role, "tool"))
		return check_tool(w, m);
	if (check_answered(w) < 0)
		return -1;
	if (json_str_is(role, "assistant"))
		return check_assistant(w, m);
	if (in_words(role, "system developer user"))
		return need_content(w, m);
	return refuse_param(w->r, "invalid_value", "messages", "Invalid value for "
	    "messages[%d].role: %.*s. Supported values are: 'system', 'assistant', "
	    "'user', 'tool', and 'developer'.", w->i, role.n > 60 ? 60 :
	    role.p ? (int)role.n : 4, role.p ? role.p : "null");
}

static int
check_messages(struct jtext messages, struct refusal *r)
{
	struct walk w = { .r = r };
	struct jiter it;
	int rc = 0;

	for (it = json_iter(messages); rc == 0 && json_next(&it); w.i++)
		rc = check_message(&w, it.value);
	if (rc == 0)
		rc = check_answered(&w);
	ids_clear(&w.open);
	return rc;
}

int
check_chat(const struct request *rq, struct refusal *r)
{
	struct jtext messages = json_get(rq->body, "messages");
	struct jtext tools = json_get(rq->body, "tools");
	struct jiter it;
	int i = 0;

	if (!json_is(json_get(rq->body, "model"), '"'))
		return refuse_param(r, "missing_required_parameter", "model",
		    "you must provide a model parameter");
	if (!json_is(messages, '[') || !json_count(messages))
		return refuse_param(r, "missing_required_parameter", "messages",
		    "Missing required parameter: 'messages'.");
	if (json_is(tools, '[') && !json_count(tools))
		return refuse_param(r, "empty_array", "tools", "[] is too short - "
		    "'tools'");
	for (it = json_iter(tools); json_next(&it); i++)
		if (!json_is(json_path(it.value, "function/name"), '"'))
			return refuse_param(r, "missing_required_parameter", "tools",
			    "Missing required parameter: 'tools[%d].function.name'.", i);
	if (json_get(rq->body, "stream_options").p && !rq->stream)
		return refuse_param(r, NULL, "stream_options", "The 'stream_options' "
		    "parameter is only allowed when 'stream' is enabled.");
	return check_messages(messages, r);
}
