#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

/* Gemini generateContent: providers sheet 5.1; messages in the vendor's manner. */

static const char top_keys[] = "contents systemInstruction "
    "system_instruction tools toolConfig tool_config generationConfig "
    "generation_config safetySettings safety_settings cachedContent "
    "cached_content model store serviceTier";

static const char part_keys[] = "text inlineData inline_data functionCall "
    "functionResponse fileData file_data executableCode codeExecutionResult "
    "thought thoughtSignature thought_signature videoMetadata toolCall "
    "toolResponse mediaResolution partMetadata";

static const char data_keys[] = "text inlineData inline_data functionCall "
    "functionResponse fileData file_data executableCode codeExecutionResult "
    "toolCall toolResponse";

struct walk {
	struct refusal *r;
	int c, p;
	size_t calls;		/* of the model turn in front */
	size_t unsigned_at;	/* 1 based content whose first call is not signed; 0 = none */
	bool third;		/* gemini-3: calls must be signed */
};

static struct jtext
signature(struct jtext part)
{
	struct jtext v = json_get(part, "thoughtSignature");

	return v.p ? v : json_get(part, "thought_signature");
}

static int
unknown_name(struct refusal *r, struct jtext key, const char *at)
{
	return refuse(r, 400, "Invalid JSON payload received. Unknown name %.*s%s%s%s: "
	    "Cannot find field.", key.n > 60 ? 60 : (int)key.n, key.p,
	    *at ? " at '" : "", at, *at ? "'" : "");
}

static int
check_part(struct walk *w, struct jtext part)
{
	struct jtext key = unknown_key(part, part_keys), response;
	char at[64];
	bool data = false;

	snprintf(at, sizeof at, "contents[%d].parts[%d]", w->c, w->p);
	if (!json_is(part, '{') || key.p)
		return unknown_name(w->r, key.p ? key : json_text("\"\""), at);
	for (struct jiter it = json_iter(part); json_next(&it);)
		data |= in_words(it.key, data_keys);
	if (!data)
		return refuse(w->r, 400, "* GenerateContentRequest.%s.data: required "
		    "oneof field 'data' must have one initialized field", at);
	response = json_get(part, "functionResponse");
	if (response.p && signature(part).p)
		return refuse(w->r, 400, "%s: a thought_signature is not allowed on "
		    "a function_response", at);
	if (response.p && (!json_is(json_get(response, "name"), '"') ||
	    json_str_is(json_get(response, "name"), "")))
		return refuse(w->r, 400, "* GenerateContentRequest.%s."
		    "function_response.name: Name cannot be empty.", at);
	if (response.p && !json_is(json_get(response, "response"), '{'))
		return refuse(w->r, 400, "Invalid value at '%s.function_response."
		    "response' (type.googleapis.com/google.protobuf.Struct)", at);
	return 0;
}

/* All responses to one model turn are in one user content, one for each call, in front. */
static int
check_pairing(struct walk *w, struct jtext content, size_t calls,
    size_t responses)
{
	bool user = !json_str_is(json_get(content, "role"), "model");
	struct jtext first = json_path(content, "parts/0");

	if (user && (responses || w->calls) && responses != w->calls)
		return refuse(w->r, 400, "Please ensure that the number of function "
		    "response parts is equal to the number of function call parts "
		    "of the function call turn. (contents[%d])", w->c);
	if (responses && !json_get(first, "functionResponse").p)
		return refuse(w->r, 400, "Please ensure that function response turn "
		    "comes immediately after a function call turn. (contents[%d])",
		    w->c);
	if ((calls && (user || w->c == 0)) || (!user && w->calls))
		return refuse(w->r, 400, "Please ensure that function call turn comes "
		    "immediately after a user turn or after a function response "
		    "turn. (contents[%d])", w->c);
	w->calls = calls;
	return 0;
}

/* Only the current turn is looked at: it starts with the last content that a person said. */
static void
note_signature(struct walk *w, struct jtext content, size_t calls,
    size_t responses)
{
	if (calls) {
		for (struct jiter it = json_iter(json_get(content, "parts"));
		    json_next(&it);)
			if (json_get(it.value, "functionCall").p) {
				if (!signature(it.value).p && !w->unsigned_at)
					w->unsigned_at = (size_t)w->c + 1;
				break;
			}
	} else if (!responses &&
	    !json_str_is(json_get(content, "role"), "model")) {
		w->unsigned_at = 0;
	}
}

static int
check_content(struct walk *w, struct jtext content)
{
	struct jtext parts = json_get(content, "parts"), role;
	size_t calls = 0, responses = 0;
	struct jiter it;

	role = json_get(content, "role");
	if (role.p && !in_words(role, "user model"))
		return refuse(w->r, 400, "Please use a valid role: user, model.");
	if (!json_count(parts))
		return refuse(w->r, 400, "* GenerateContentRequest.contents[%d].parts: "
		    "contents.parts must not be empty.", w->c);
	w->p = 0;
	for (it = json_iter(parts); json_next(&it); w->p++) {
		if (check_part(w, it.value) < 0)
			return -1;
		calls += json_get(it.value, "functionCall").p != NULL;
		responses += json_get(it.value, "functionResponse").p != NULL;
	}
	note_signature(w, content, calls, responses);
	return check_pairing(w, content, calls, responses);
}

static int
check_contents(const struct request *rq, struct refusal *r)
{
	struct walk w = { .r = r,
	    .third = !strncmp(rq->model, "gemini-3", 8) };
	struct jiter it;

	for (it = json_iter(json_get(rq->body, "contents")); json_next(&it); w.c++)
		if (check_content(&w, it.value) < 0)
			return -1;
	if (w.calls)
		return refuse(r, 400, "Please ensure that the number of function "
		    "response parts is equal to the number of function call parts "
		    "of the function call turn. (contents[%d])", w.c - 1);
	if (w.third && w.unsigned_at)
		return refuse(r, 400, "Function call is missing a thought_signature in "
		    "functionCall parts. (contents[%zu])", w.unsigned_at - 1);
	return 0;
}

/* The Schema type of function parameters has none of these (section 6). */
static int
check_schema(struct jtext schema, int tool, int f, struct refusal *r)
{
	static const char *const keys[] = { "\"$schema\"", "\"$ref\"",
	    "\"$defs\"", "\"$id\"", "\"const\"" };
	char at[96];

	snprintf(at, sizeof at, "tools[%d].function_declarations[%d].parameters",
	    tool, f);
	for (size_t i = 0; schema.p && i < sizeof keys / sizeof *keys; i++) {
		size_t n = strlen(keys[i]);
		const char *p = memmem(schema.p, schema.n, keys[i], n);
		const char *end = schema.p + schema.n;

		if (!p)
			continue;
		for (p += n; p < end && strchr(" \t\r\n", *p); p++)
			;
		if (p < end && *p == ':')
			return unknown_name(r, json_text(keys[i]), at);
	}
	return 0;
}

static int
check_tools(const struct request *rq, struct refusal *r)
{
	bool functions = false, search = false;
	struct jiter it, f;
	int i = 0, k;

	for (it = json_iter(json_get(rq->body, "tools")); json_next(&it); i++) {
		search |= json_get(it.value, "google_search").p ||
		    json_get(it.value, "googleSearch").p;
		k = 0;
		for (f = json_iter(json_get(it.value, "functionDeclarations"));
		    json_next(&f); k++) {
			functions = true;
			if (!json_is(json_get(f.value, "name"), '"'))
				return refuse(r, 400, "* GenerateContentRequest.tools[%d]."
				    "function_declarations[%d].name: Invalid function "
				    "name.", i, k);
			if (check_schema(json_get(f.value, "parameters"), i, k, r) < 0)
				return -1;
		}
	}
	if (!functions || !search)
		return 0;
	if (strncmp(rq->model, "gemini-3", 8))
		return refuse(r, 400, "Tool use with function calling is unsupported");
	if (json_get_bool(json_get(rq->body, "toolConfig"),
	    "includeServerSideToolInvocations", false))
		return 0;
	return refuse(r, 400, "Please enable "
	    "tool_config.include_server_side_tool_invocations to use Built-in "
	    "tools with Function calling.");
}

int
check_gemini(const struct request *rq, struct refusal *r)
{
	struct jtext key = unknown_key(rq->body, top_keys);

	if (!http_header(rq->http, "x-goog-api-key") &&
	    !http_header(rq->http, "authorization") &&
	    !strstr(rq->http->query, "key="))
		return refuse(r, 403, "Method doesn't allow unregistered callers "
		    "(callers without established identity). Please use API Key or "
		    "other form of API consumer identity to call this API.");
	if (key.p)
		return unknown_name(r, key, "");
	if (!json_count(json_get(rq->body, "contents")))
		return refuse(r, 400, "* GenerateContentRequest.contents: contents is "
		    "not specified");
	if (check_tools(rq, r) < 0)
		return -1;
	return check_contents(rq, r);
}
