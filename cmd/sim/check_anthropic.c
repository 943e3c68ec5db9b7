#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

/* Anthropic Messages: providers sheet 2.1 to 2.3; messages in the vendor's manner. */

static const char top_keys[] = "model messages max_tokens system stream "
    "temperature top_p top_k tools tool_choice thinking output_config "
    "inference_geo context_management stop_sequences metadata service_tier "
    "cache_control container mcp_servers betas speed";

static const char block_types[] = "text image document tool_use tool_result "
    "thinking redacted_thinking compaction search_result server_tool_use "
    "web_search_tool_result web_fetch_tool_result code_execution_tool_result "
    "bash_code_execution_tool_result container_upload mcp_tool_use "
    "mcp_tool_result tool_reference text_editor_code_execution_tool_result "
    "tool_search_tool_result";

/* Where the walk through the messages is. */
struct walk {
	struct refusal *r;
	int m, b;		/* message and block */
	int asker;		/* the message of the last tool_use */
	bool user;		/* the role of the run of messages we are in */
	bool started;
	bool spoken;		/* this user run said something else than results */
	struct ids open;	/* tool_use ids of the last assistant run, still unanswered */
	struct ids asked;	/* all of that run */
	struct ids seen;	/* all of the request */
};

static int
check_text(struct walk *w, struct jtext v)
{
	size_t n;
	char *s = json_str(v, &n);
	int rc = 0;

	if (!s)
		rc = refuse(w->r, 400, "messages.%d.content.%d.text: "
		    "Input should be a valid string", w->m, w->b);
	else if (!n)
		rc = refuse(w->r, 400,
		    "messages: text content blocks must be non-empty");
	else if (text_blank(s, n))
		rc = refuse(w->r, 400, "messages: text content blocks must "
		    "contain non-whitespace text");
	free(s);
	return rc;
}

static bool
good_name(const char *s, size_t max)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_-", s[i]))
			return false;
	return n > 0 && n <= max;
}

/* A member that must be a string; new, or NULL with a refusal. */
static char *
need(struct walk *w, struct jtext block, const char *type, const char *key)
{
	char *s = json_get_str(block, key);

	if (!s)
		refuse(w->r, 400, "messages.%d.content.%d.%s.%s: Field required",
		    w->m, w->b, type, key);
	return s;
}

static int
check_tool_use(struct walk *w, struct jtext block)
{
	char *id = need(w, block, "tool_use", "id"), *name = NULL;
	int rc = -1;

	if (!id || !(name = need(w, block, "tool_use", "name")))
		goto done;
	if (w->user)
		refuse(w->r, 400, "messages.%d: `tool_use` blocks can only be in "
		    "`assistant` messages", w->m);
	else if (!good_name(id, 256))
		refuse(w->r, 400, "messages.%d.content.%d.tool_use.id: String "
		    "should match pattern '^[a-zA-Z0-9_-]+$'", w->m, w->b);
	else if (!good_name(name, 200))
		refuse(w->r, 400, "messages.%d.content.%d.tool_use.name: String "
		    "should match pattern '^[a-zA-Z0-9_-]{1,200}$'", w->m, w->b);
	else if (!json_is(json_get(block, "input"), '{'))
		refuse(w->r, 400, "messages.%d.content.%d.tool_use.input: Input "
		    "should be a valid dictionary", w->m, w->b);
	else if (ids_has(&w->seen, id))
		refuse(w->r, 400, "messages.%d.content.%d: `tool_use` ids must be "
		    "unique: %.80s", w->m, w->b, id);
	else
		rc = 0;
	if (rc == 0) {
		ids_add(&w->seen, id);
		ids_add(&w->open, id);
		ids_add(&w->asked, id);
		w->asker = w->m;
	}
done:
	free(id);
	free(name);
	return rc;
}

/* What is left open when the answering user turn has said its results. */
static int
check_open(struct walk *w)
{
	if (!w->open.n)
		return 0;
	return refuse(w->r, 400, "messages.%d: `tool_use` ids were found without "
	    "`tool_result` blocks immediately after: %.80s. Each `tool_use` block "
	    "must have a corresponding `tool_result` block in the next message.",
	    w->asker, ids_any(&w->open));
}

static int
check_tool_result(struct walk *w, struct jtext block)
{
	struct jtext content = json_get(block, "content");
	char *id = need(w, block, "tool_result", "tool_use_id");
	int rc = -1;

	if (!id)
		return -1;
	if (!w->user)
		refuse(w->r, 400, "messages.%d: `tool_result` blocks can only be in "
		    "`user` messages", w->m);
	else if (!ids_has(&w->asked, id))
		refuse(w->r, 400, "messages.%d.content.%d: unexpected "
		    "`tool_use_id` found in `tool_result` blocks: %.80s. Each "
		    "`tool_result` block must have a corresponding `tool_use` block "
		    "in the previous message.", w->m, w->b, id);
	else if (w->spoken && w->open.n)
		check_open(w);	/* results come first */
	else if (!ids_take(&w->open, id))
		refuse(w->r, 400, "messages.%d.content.%d: each tool_use must have "
		    "a single result. Found multiple `tool_result` blocks with id: "
		    "%.80s", w->m, w->b, id);
	else if (content.p && !json_is(content, '"') && !json_is(content, '['))
		refuse(w->r, 400, "messages.%d.content.%d.tool_result.content: "
		    "Input should be a valid string or list", w->m, w->b);
	else
		rc = 0;
	free(id);
	return rc;
}

static int
check_thinking(struct walk *w, struct jtext block)
{
	char *text, *sig = NULL;
	int rc = -1;

	if (w->user)
		return refuse(w->r, 400, "messages.%d: `thinking` blocks can only "
		    "be in `assistant` messages", w->m);
	text = need(w, block, "thinking", "thinking");
	if (text && (sig = need(w, block, "thinking", "signature")))
		rc = *sig ? 0 : refuse(w->r, 400, "messages.%d.content.%d: "
		    "Invalid `signature` in `thinking` block", w->m, w->b);
	free(text);
	free(sig);
	return rc;
}

static int
check_image(struct walk *w, struct jtext block)
{
	struct jtext source = json_get(block, "source");

	if (!json_str_is(json_get(source, "type"), "base64"))
		return 0;
	if (!in_words(json_get(source, "media_type"),
	    "image/jpeg image/png image/gif image/webp"))
		return refuse(w->r, 400, "messages.%d.content.%d.image.source.base64"
		    ".media_type: Input should be 'image/jpeg', 'image/png', "
		    "'image/gif' or 'image/webp'", w->m, w->b);
	if (!json_is(json_get(source, "data"), '"'))
		return refuse(w->r, 400, "messages.%d.content.%d.image.source.base64"
		    ".data: Field required", w->m, w->b);
	return 0;
}

static int
check_block(struct walk *w, struct jtext block)
{
	struct jtext type = json_get(block, "type");

	if (!json_is(block, '{') || !in_words(type, block_types))
		return refuse(w->r, 400, "messages.%d.content.%d: Input tag %.*s "
		    "found using 'type' does not match any of the expected tags",
		    w->m, w->b, type.n > 60 ? 60 : (int)type.n,
		    type.p ? type.p : "");
	if (json_str_is(type, "tool_result"))
		return check_tool_result(w, block);
	if (w->user)
		w->spoken = true;
	if (json_str_is(type, "text"))
		return check_text(w, json_get(block, "text"));
	if (json_str_is(type, "tool_use"))
		return check_tool_use(w, block);
	if (json_str_is(type, "thinking"))
		return check_thinking(w, block);
	if (json_str_is(type, "image"))
		return check_image(w, block);
	if (json_str_is(type, "redacted_thinking") &&
	    !json_is(json_get(block, "data"), '"'))
		return refuse(w->r, 400, "messages.%d.content.%d.redacted_thinking"
		    ".data: Field required", w->m, w->b);
	return 0;
}

/* Neighbours of one role are one turn: results are due when the user's begins, complete when it ends. */
static int
change_role(struct walk *w, bool user)
{
	if (w->started && w->user == user)
		return 0;
	if (!w->started && !user)
		return refuse(w->r, 400,
		    "messages: first message must use the \"user\" role");
	if (w->started && !user && check_open(w) < 0)
		return -1;
	if (!user) {
		ids_clear(&w->asked);
		ids_clear(&w->open);
	}
	w->spoken = false;
	w->user = user;
	w->started = true;
	return 0;
}

static int
check_message(struct walk *w, struct jtext m, bool last)
{
	struct jtext role = json_get(m, "role"), content = json_get(m, "content");
	struct jiter it;
	int rc = 0;

	if (json_str_is(role, "system"))
		return refuse(w->r, 400, "messages: Unexpected role \"system\". The "
		    "Messages API accepts a top-level `system` parameter, not "
		    "\"system\" as an input message role.");
	if (!in_words(role, "user assistant"))
		return refuse(w->r, 400, "messages.%d.role: Input should be 'user' "
		    "or 'assistant'", w->m);
	if (change_role(w, json_str_is(role, "user")) < 0)
		return -1;
	if (!json_is(content, '"') && !json_is(content, '['))
		return refuse(w->r, 400, "messages.%d.content: %s", w->m, content.p ?
		    "Input should be a valid list" : "Field required");
	if ((json_str_is(content, "") || (json_is(content, '[') &&
	    !json_count(content))) && !(last && !w->user))
		return refuse(w->r, 400, "messages.%d: all messages must have "
		    "non-empty content except for the optional final assistant "
		    "message", w->m);
	if (json_is(content, '"')) {
		w->spoken |= w->user;
		return json_str_is(content, "") ? 0 : check_text(w, content);
	}
	w->b = 0;
	for (it = json_iter(content); rc == 0 && json_next(&it); w->b++)
		rc = check_block(w, it.value);
	return rc;
}

static int
check_messages(struct jtext messages, struct refusal *r)
{
	struct walk w = { .r = r };
	size_t n = json_count(messages);
	struct jiter it;
	int rc = 0;

	for (it = json_iter(messages); rc == 0 && json_next(&it); w.m++)
		rc = check_message(&w, it.value, (size_t)w.m + 1 == n);
	if (rc == 0)
		rc = check_open(&w);
	ids_clear(&w.open);
	ids_clear(&w.asked);
	ids_clear(&w.seen);
	return rc;
}

static int
check_tools(struct jtext tools, struct refusal *r)
{
	struct ids names = { .n = 0 };
	struct jiter it;
	int i = 0, rc = 0;

	if (tools.p && !json_is(tools, '['))
		return refuse(r, 400, "tools: Input should be a valid list");
	for (it = json_iter(tools); rc == 0 && json_next(&it); i++) {
		struct jtext type = json_get(it.value, "type");
		struct jtext schema = json_get(it.value, "input_schema");
		char *name = json_get_str(it.value, "name");

		if (!name)
			rc = refuse(r, 400, "tools.%d.name: Field required", i);
		else if (!good_name(name, 128))
			rc = refuse(r, 400, "tools.%d.custom.name: String should "
			    "match pattern '^[a-zA-Z0-9_-]{1,128}$'", i);
		else if (ids_has(&names, name))
			rc = refuse(r, 400, "tools: Tool names must be unique.");
		else if ((!type.p || json_str_is(type, "custom")) &&
		    !json_is(schema, '{'))
			rc = refuse(r, 400,
			    "tools.%d.custom.input_schema: Field required", i);
		else if ((!type.p || json_str_is(type, "custom")) &&
		    !json_str_is(json_get(schema, "type"), "object"))
			rc = refuse(r, 400, "tools.%d.custom.input_schema.type: "
			    "Input should be 'object'", i);
		else
			ids_add(&names, name);
		free(name);
	}
	ids_clear(&names);
	return rc;
}

static int
check_thinking_config(struct jtext body, int64_t max_tokens, struct refusal *r)
{
	struct jtext t = json_get(body, "thinking");
	int64_t budget = json_get_i64(t, "budget_tokens", -1);
	double temperature;

	if (!t.p)
		return 0;
	if (!in_words(json_get(t, "type"), "enabled adaptive disabled"))
		return refuse(r, 400, "thinking.type: Input should be 'enabled', "
		    "'adaptive' or 'disabled'");
	if (!json_str_is(json_get(t, "type"), "enabled"))
		return 0;
	if (budget < 1024)
		return refuse(r, 400, "thinking.enabled.budget_tokens: Input should "
		    "be greater than or equal to 1024");
	if (budget >= max_tokens)
		return refuse(r, 400, "`max_tokens` must be greater than "
		    "`thinking.budget_tokens`");
	if (json_f64(json_get(body, "temperature"), &temperature) &&
	    (temperature < 1 || temperature > 1))
		return refuse(r, 400, "`temperature` may only be set to 1 when "
		    "thinking is enabled");
	if (json_get(body, "top_k").p)
		return refuse(r, 400, "`top_k` must be unset when thinking is enabled");
	return 0;
}

/* Markers are keys named cache_control with an object; a property of that name is unlikely. */
static int
check_cache(struct jtext body, struct refusal *r)
{
	static const char key[] = "\"cache_control\"";
	const char *p = body.p, *end = body.p + body.n;
	int n = 0;

	while ((p = memmem(p, (size_t)(end - p), key, sizeof key - 1))) {
		p += sizeof key - 1;
		while (p < end && strchr(" \t\r\n", *p))
			p++;
		n += p < end && *p == ':';
	}
	return n <= 4 ? 0 : refuse(r, 400, "A maximum of 4 blocks with "
	    "cache_control may be provided. Found %d.", n);
}

static int
check_system(struct jtext system, struct refusal *r)
{
	struct jiter it;

	if (!system.p || json_is(system, '"'))
		return 0;
	if (!json_is(system, '['))
		return refuse(r, 400, "system: Input should be a valid string or list");
	for (it = json_iter(system); json_next(&it);)
		if (!json_str_is(json_get(it.value, "type"), "text") ||
		    !json_is(json_get(it.value, "text"), '"') ||
		    json_str_is(json_get(it.value, "text"), ""))
			return refuse(r, 400,
			    "system: text content blocks must be non-empty");
	return 0;
}

static int
check_params(struct jtext body, struct refusal *r)
{
	struct jtext v, key = unknown_key(body, top_keys);
	int64_t max_tokens = 0;
	double d;

	if (key.p)
		return refuse(r, 400, "%.*s: Extra inputs are not permitted",
		    key.n > 82 ? 80 : (int)key.n - 2, key.p + 1);
	if (!json_is(json_get(body, "model"), '"'))
		return refuse(r, 400, "model: Field required");
	v = json_get(body, "max_tokens");
	if (!v.p)
		return refuse(r, 400, "max_tokens: Field required");
	if (!json_i64(v, &max_tokens) || max_tokens < 1)
		return refuse(r, 400,
		    "max_tokens: Input should be greater than or equal to 1");
	v = json_get(body, "temperature");
	if (v.p && (!json_f64(v, &d) || d < 0 || d > 1))
		return refuse(r, 400, "temperature: range: 0..1");
	return check_thinking_config(body, max_tokens, r);
}

int
check_anthropic(const struct request *rq, struct refusal *r)
{
	struct jtext messages = json_get(rq->body, "messages");

	if (!http_header(rq->http, "x-api-key") &&
	    !http_header(rq->http, "authorization"))
		return refuse(r, 401, "x-api-key header is required");
	if (!http_header(rq->http, "anthropic-version"))
		return refuse(r, 400, "anthropic-version: header is required");
	if (check_params(rq->body, r) < 0)
		return -1;
	if (!json_is(messages, '['))
		return refuse(r, 400, "messages: %s", messages.p ?
		    "Input should be a valid list" : "Field required");
	if (!json_count(messages))
		return refuse(r, 400, "messages: at least one message is required");
	if (check_system(json_get(rq->body, "system"), r) < 0 ||
	    check_tools(json_get(rq->body, "tools"), r) < 0 ||
	    check_cache(rq->body, r) < 0)
		return -1;
	return check_messages(messages, r);
}
