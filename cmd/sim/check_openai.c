#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

/* OpenAI Responses: providers sheet 3.1; messages in the vendor's manner. */

static const char top_keys[] = "model input instructions stream "
    "stream_options max_output_tokens include reasoning temperature top_p "
    "tools tool_choice parallel_tool_calls text store truncation "
    "previous_response_id prompt_cache_key prompt_cache_retention metadata user "
    "safety_identifier service_tier background conversation prompt "
    "max_tool_calls top_logprobs context_management";

/* Items that need nothing from us. */
static const char other_items[] = "item_reference web_search_call "
    "file_search_call computer_call computer_call_output code_interpreter_call "
    "image_generation_call local_shell_call local_shell_call_output mcp_call "
    "mcp_list_tools mcp_approval_request mcp_approval_response shell_call "
    "shell_call_output apply_patch_call apply_patch_call_output "
    "custom_tool_call custom_tool_call_output compaction";

static int
invalid_value(struct refusal *r, const char *param, struct jtext v,
    const char *supported)
{
	return refuse_param(r, "invalid_value", param,
	    "Invalid value: %.*s. Supported values are: %s.",
	    v.n > 60 ? 60 : v.p ? (int)v.n : 4, v.p ? v.p : "null", supported);
}

static int
missing(struct refusal *r, const char *param)
{
	return refuse_param(r, "missing_required_parameter", param,
	    "Missing required parameter: '%s'.", param);
}

struct walk {
	struct refusal *r;
	int i;
	struct ids calls;	/* without an output so far */
	struct ids all;		/* every call */
	struct jtext reasoning;	/* id of the item in front, if it was reasoning */
};

static int
check_content(struct walk *w, struct jtext m)
{
	struct jtext content = json_get(m, "content");
	bool assistant = json_str_is(json_get(m, "role"), "assistant");
	const char *types = assistant ? "output_text refusal" :
	    "input_text input_image input_file";
	char param[64];
	struct jiter it;
	int i = 0;

	snprintf(param, sizeof param, "input[%d].content", w->i);
	if (json_is(content, '"'))
		return 0;
	if (!json_is(content, '['))
		return missing(w->r, param);
	for (it = json_iter(content); json_next(&it); i++) {
		struct jtext type = json_get(it.value, "type");

		if (in_words(type, types))
			continue;
		snprintf(param, sizeof param, "input[%d].content[%d]", w->i, i);
		return invalid_value(w->r, param, type, assistant ?
		    "'output_text' and 'refusal'" :
		    "'input_text', 'input_image', and 'input_file'");
	}
	return 0;
}

static int
check_message(struct walk *w, struct jtext m)
{
	char param[64];

	snprintf(param, sizeof param, "input[%d].role", w->i);
	if (!in_words(json_get(m, "role"), "user assistant system developer"))
		return invalid_value(w->r, param, json_get(m, "role"),
		    "'assistant', 'system', 'developer', and 'user'");
	return check_content(w, m);
}

/* A member of the item that must be a string; new. */
static char *
need(struct walk *w, struct jtext item, const char *key)
{
	char *s = json_get_str(item, key), param[64];

	snprintf(param, sizeof param, "input[%d].%s", w->i, key);
	if (!s)
		missing(w->r, param);
	return s;
}

static int
check_call(struct walk *w, struct jtext item)
{
	char *id = need(w, item, "call_id");
	char *name = id ? need(w, item, "name") : NULL;
	char *args = name ? need(w, item, "arguments") : NULL;
	int rc = args ? 0 : -1;

	if (rc == 0) {
		ids_add(&w->calls, id);
		ids_add(&w->all, id);
	}
	free(id);
	free(name);
	free(args);
	return rc;
}

static int
check_output(struct walk *w, struct jtext item)
{
	struct jtext output = json_get(item, "output");
	char *id = need(w, item, "call_id"), param[64];
	int rc = 0;

	if (!id)
		return -1;
	snprintf(param, sizeof param, "input[%d].output", w->i);
	if (!ids_has(&w->all, id))
		rc = refuse_param(w->r, NULL, "input", "No tool call found for "
		    "function call output with call_id %.80s.", id);
	else if (!json_is(output, '"') && !json_is(output, '['))
		rc = missing(w->r, param);
	ids_take(&w->calls, id);
	free(id);
	return rc;
}

static int
without_following(struct walk *w)
{
	return refuse_param(w->r, NULL, "input", "Item %.*s of type 'reasoning' was "
	    "provided without its required following item.",
	    w->reasoning.n > 80 ? 80 : (int)w->reasoning.n, w->reasoning.p);
}

static int
check_item(struct walk *w, struct jtext item)
{
	struct jtext type = json_get(item, "type");
	bool made = json_str_is(type, "function_call") ||
	    json_str_is(type, "custom_tool_call") ||
	    json_str_is(type, "web_search_call") ||
	    json_str_is(json_get(item, "role"), "assistant") ||
	    json_str_is(type, "reasoning");
	char param[64];

	if (w->reasoning.p && !made)
		return without_following(w);
	w->reasoning = JTEXT_NONE;
	if (json_str_is(type, "reasoning")) {
		w->reasoning = json_get(item, "id");
		snprintf(param, sizeof param, "input[%d].summary", w->i);
		return json_is(json_get(item, "summary"), '[') ? 0 :
		    missing(w->r, param);
	}
	if (json_str_is(type, "function_call"))
		return check_call(w, item);
	if (json_str_is(type, "function_call_output"))
		return check_output(w, item);
	if (json_str_is(type, "message") || !type.p)
		return check_message(w, item);
	snprintf(param, sizeof param, "input[%d]", w->i);
	return in_words(type, other_items) ? 0 : invalid_value(w->r, param, type,
	    "'message', 'function_call', 'function_call_output', 'reasoning'");
}

static int
check_input(struct jtext input, struct refusal *r)
{
	struct walk w = { .r = r };
	struct jiter it;
	int rc = 0;

	for (it = json_iter(input); rc == 0 && json_next(&it); w.i++)
		rc = check_item(&w, it.value);
	if (rc == 0 && w.reasoning.p)
		rc = without_following(&w);
	if (rc == 0 && w.calls.n)
		rc = refuse_param(r, NULL, "input", "No tool output found for "
		    "function call %.80s.", ids_any(&w.calls));
	ids_clear(&w.calls);
	ids_clear(&w.all);
	return rc;
}

static int
check_tools(struct jtext tools, struct refusal *r)
{
	struct jiter it;
	char param[64];
	int i = 0;

	for (it = json_iter(tools); json_next(&it); i++) {
		struct jtext type = json_get(it.value, "type");

		snprintf(param, sizeof param, "tools[%d].type", i);
		if (!type.p)
			return missing(r, param);
		snprintf(param, sizeof param, "tools[%d].name", i);
		if (json_str_is(type, "function") &&
		    !json_is(json_get(it.value, "name"), '"'))
			return missing(r, param);
	}
	return 0;
}

int
check_openai(const struct request *rq, struct refusal *r)
{
	struct jtext input = json_get(rq->body, "input");
	struct jtext limit = json_get(rq->body, "max_output_tokens");
	struct jtext key = unknown_key(rq->body, top_keys);
	char param[64];
	int64_t n;

	if (!http_header(rq->http, "authorization"))
		return refuse(r, 401, "You didn't provide an API key. You need to "
		    "provide your API key in an Authorization header using Bearer "
		    "auth (i.e. Authorization: Bearer YOUR_KEY).");
	if (key.p) {
		snprintf(param, sizeof param, "%.*s",
		    key.n > 62 ? 60 : (int)key.n - 2, key.p + 1);
		return refuse_param(r, "unknown_parameter", param,
		    "Unknown parameter: '%s'.", param);
	}
	if (!json_is(json_get(rq->body, "model"), '"'))
		return missing(r, "model");
	if (!json_is(input, '"') && !json_is(input, '['))
		return missing(r, "input");
	if (json_is(input, '[') && !json_count(input))
		return refuse_param(r, "empty_array", "input", "Invalid 'input': "
		    "empty array. Expected an array with minimum length 1, but got "
		    "an empty array instead.");
	if (limit.p && !json_is(limit, 'n') && (!json_i64(limit, &n) || n < 16))
		return refuse_param(r, "integer_below_min_value",
		    "max_output_tokens", "Invalid 'max_output_tokens': integer below "
		    "minimum value. Expected a value >= 16, but got %.*s instead.",
		    limit.n > 20 ? 20 : (int)limit.n, limit.p);
	if (check_tools(json_get(rq->body, "tools"), r) < 0)
		return -1;
	return check_input(input, r);
}
