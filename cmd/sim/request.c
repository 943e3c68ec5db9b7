#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sim/request.h"

const char *const format_names[] = {
	"anthropic", "openai", "chat", "gemini", "models", "other", NULL
};

/* ---- building the view ---- */

static void
put_line(struct buf *out, const char *p, size_t n)
{
	if (out->n)
		buf_putc(out, '\n');
	buf_put(out, p, n);
}

/* A string value, decoded, on a line of its own. */
static void
put_string(struct buf *out, struct jtext v)
{
	size_t n;
	char *s = json_str(v, &n);

	if (s)
		put_line(out, s, n);
	free(s);
}

void
content_text(struct jtext content, struct buf *out)
{
	if (json_is(content, '"')) {
		put_string(out, content);
		return;
	}
	if (!json_is(content, '['))
		return;
	for (struct jiter it = json_iter(content); json_next(&it);)
		if (json_is(it.value, '{'))
			put_string(out, json_get(it.value, "text"));
}

static void
said_user(struct request *rq, struct jtext content)
{
	struct buf b = BUF_INIT;

	content_text(content, &b);
	if (b.n) {
		buf_trunc(&rq->user, 0);
		buf_put(&rq->user, b.p, b.n);
	}
	buf_free(&b);
	rq->last = SAID_USER;
}

static void
said_assistant(struct request *rq)
{
	if (rq->last != SAID_ASSISTANT)
		rq->turn++;
	rq->last = SAID_ASSISTANT;
}

/* One more result of this batch, or the first of a new one.  Returns where its text goes. */
static struct buf *
said_result(struct request *rq)
{
	if (rq->last != SAID_RESULT) {
		for (size_t i = 0; i < rq->n_results; i++)
			buf_free(&rq->results[i]);
		rq->n_results = 0;
	}
	rq->last = SAID_RESULT;
	rq->results = xrealloc(rq->results,
	    (rq->n_results + 1) * sizeof *rq->results);
	rq->results[rq->n_results] = (struct buf)BUF_INIT;
	return &rq->results[rq->n_results++];
}

static void
offer(struct request *rq, struct jtext name)
{
	char *s = json_str(name, NULL);

	if (!s)
		return;
	rq->tools = xrealloc(rq->tools, (rq->n_tools + 1) * sizeof *rq->tools);
	rq->tools[rq->n_tools++] = s;
}

/*
 * Every string value of a message, for "history"; not the role and type words.  One
 * pass over the text: a caller may nest as deep as it likes.
 */
static void
put_history(struct request *rq, struct jtext v)
{
	const char *p = v.p, *end = v.p + v.n;
	bool dull = false;

	while (p && (p = memchr(p, '"', (size_t)(end - p)))) {
		const char *s = p++;

		while (p < end && *p != '"')
			p += *p == '\\' ? 2 : 1;
		if (p++ >= end)
			return;
		v = json_slice(s, (size_t)(p - s));
		for (; p < end && strchr(" \t\r\n", *p); p++)
			;
		if (p < end && *p == ':') {
			dull = json_str_is(v, "role") || json_str_is(v, "type");
			for (p++; p < end && strchr(" \t\r\n", *p); p++)
				;
			dull = dull && p < end && *p == '"';
			continue;
		}
		if (!dull)
			put_string(&rq->history, v);
		dull = false;
	}
}

/* ---- the formats ---- */

static bool
is_role(struct jtext m, const char *role)
{
	return json_str_is(json_get(m, "role"), role);
}

static bool
is_type(struct jtext m, const char *type)
{
	return json_str_is(json_get(m, "type"), type);
}

static void
anthropic_message(struct request *rq, struct jtext m)
{
	struct jtext content = json_get(m, "content");

	put_history(rq, m);
	if (is_role(m, "assistant")) {
		said_assistant(rq);
		return;
	}
	said_user(rq, content);
	rq->last = SAID_USER;
	if (!json_is(content, '['))
		return;
	for (struct jiter it = json_iter(content); json_next(&it);)
		if (json_is(it.value, '{') && is_type(it.value, "tool_result"))
			content_text(json_get(it.value, "content"),
			    said_result(rq));
}

static void
read_anthropic(struct request *rq)
{
	content_text(json_get(rq->body, "system"), &rq->system);
	for (struct jiter it = json_iter(json_get(rq->body, "messages"));
	    json_next(&it);)
		anthropic_message(rq, it.value);
	for (struct jiter it = json_iter(json_get(rq->body, "tools"));
	    json_next(&it);)
		offer(rq, json_get(it.value, "name"));
}

static void
openai_item(struct request *rq, struct jtext m)
{
	if (is_role(m, "system") || is_role(m, "developer")) {
		content_text(json_get(m, "content"), &rq->system);
		return;
	}
	put_history(rq, m);
	if (is_role(m, "user"))
		said_user(rq, json_get(m, "content"));
	else if (is_type(m, "function_call_output"))
		content_text(json_get(m, "output"), said_result(rq));
	else
		said_assistant(rq);
}

static void
read_openai(struct request *rq)
{
	struct jtext input = json_get(rq->body, "input");

	content_text(json_get(rq->body, "instructions"), &rq->system);
	if (json_is(input, '"')) {
		said_user(rq, input);
		put_history(rq, input);
	}
	for (struct jiter it = json_iter(input); json_next(&it);)
		openai_item(rq, it.value);
	for (struct jiter it = json_iter(json_get(rq->body, "tools"));
	    json_next(&it);)
		offer(rq, json_get(it.value, "name"));
}

static void
chat_message(struct request *rq, struct jtext m)
{
	struct jtext content = json_get(m, "content");

	if (is_role(m, "system") || is_role(m, "developer")) {
		content_text(content, &rq->system);
		return;
	}
	put_history(rq, m);
	if (is_role(m, "assistant"))
		said_assistant(rq);
	else if (is_role(m, "tool") || is_role(m, "function"))
		content_text(content, said_result(rq));
	else
		said_user(rq, content);
}

static void
read_chat(struct request *rq)
{
	for (struct jiter it = json_iter(json_get(rq->body, "messages"));
	    json_next(&it);)
		chat_message(rq, it.value);
	for (struct jiter it = json_iter(json_get(rq->body, "tools"));
	    json_next(&it);)
		offer(rq, json_path(it.value, "function/name"));
	rq->stream_usage = json_get_bool(json_get(rq->body, "stream_options"),
	    "include_usage", false);
}

/* {"content":"text"} as rkat writes it, "output" or "result" as others do, else the object. */
static void
gemini_result(struct request *rq, struct jtext response)
{
	static const char *const names[] = { "content", "output", "result" };
	struct buf *out = said_result(rq);

	for (size_t i = 0; i < COUNT(names); i++) {
		struct jtext v = json_get(response, names[i]);

		if (json_is(v, '"')) {
			put_string(out, v);
			return;
		}
	}
	buf_put(out, response.p, response.n);
}

static void
gemini_content(struct request *rq, struct jtext m)
{
	struct jtext parts = json_get(m, "parts"), v;

	put_history(rq, m);
	if (is_role(m, "model")) {
		said_assistant(rq);
		return;
	}
	said_user(rq, parts);
	for (struct jiter it = json_iter(parts); json_next(&it);)
		if ((v = json_get(it.value, "functionResponse")).p)
			gemini_result(rq, json_get(v, "response"));
}

static void
read_gemini(struct request *rq)
{
	struct jtext system = json_get(rq->body, "systemInstruction");

	if (!system.p)
		system = json_get(rq->body, "system_instruction");
	content_text(json_get(system, "parts"), &rq->system);
	for (struct jiter it = json_iter(json_get(rq->body, "contents"));
	    json_next(&it);)
		gemini_content(rq, it.value);
	for (struct jiter it = json_iter(json_get(rq->body, "tools"));
	    json_next(&it);)
		for (struct jiter f = json_iter(json_get(it.value,
		    "functionDeclarations")); json_next(&f);)
			offer(rq, json_get(f.value, "name"));
}

/* ---- paths ---- */

#define GEMINI_BASE	"/v1beta/models/"

enum format
request_format(const char *path)
{
	static const struct { const char *path; enum format format; } routes[] = {
		{ "/v1/messages", F_ANTHROPIC },
		{ "/v1/responses", F_OPENAI }, { "/responses", F_OPENAI },
		{ "/v1/chat/completions", F_CHAT },
		{ "/chat/completions", F_CHAT },
		{ "/v1/models", F_MODELS },
	};
	const char *verb;

	for (size_t i = 0; i < COUNT(routes); i++)
		if (!strcmp(path, routes[i].path))
			return routes[i].format;
	if (!strncmp(path, GEMINI_BASE, strlen(GEMINI_BASE)) &&
	    (verb = strchr(path + strlen(GEMINI_BASE), ':')) &&
	    (!strcmp(verb, ":streamGenerateContent") ||
	    !strcmp(verb, ":generateContent")))
		return F_GEMINI;
	return F_OTHER;
}

bool
query_has(const char *query, const char *pair)
{
	size_t n = strlen(pair), len;

	for (;; query += len + 1) {
		len = strcspn(query, "&");
		if (len == n && !memcmp(query, pair, n))
			return true;
		if (!query[len])
			return false;
	}
}

static int
hex(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c && at ? (int)(at - digits) : -1;
}

/* The model of .../models/{model}:verb, percent decoded. */
static char *
path_model(const char *path)
{
	struct buf b = BUF_INIT;

	for (path += strlen(GEMINI_BASE); *path && *path != ':'; path++)
		if (*path == '%' && hex(path[1]) >= 0 && hex(path[2]) >= 0) {
			buf_putc(&b, (char)(hex(path[1]) << 4 | hex(path[2])));
			path += 2;
		} else {
			buf_putc(&b, *path);
		}
	return buf_steal(&b);
}

void
request_read(struct request *rq, const struct http_request *http, int64_t n)
{
	static void (*const readers[])(struct request *) = {
		read_anthropic, read_openai, read_chat, read_gemini
	};

	*rq = (struct request){ .http = http, .n = n, .sse = true,
	    .format = request_format(http->path) };
	if (json_parse(buf_str(&http->body), http->body.n, &rq->body, NULL) < 0 ||
	    !json_is(rq->body, '{'))
		rq->body = JTEXT_NONE;
	if (rq->format <= F_GEMINI)
		readers[rq->format](rq);
	rq->has_tool_result = rq->last == SAID_RESULT;
	rq->stream = json_get_bool(rq->body, "stream", false);
	if (rq->format == F_GEMINI) {
		rq->model = path_model(http->path);
		rq->stream = strstr(http->path, ":stream") != NULL;
		rq->sse = query_has(http->query, "alt=sse");
	} else if (!(rq->model = json_get_str(rq->body, "model"))) {
		rq->model = xstrdup("");
	}
}

void
request_results(const struct request *rq, struct buf *out)
{
	for (size_t i = 0; i < rq->n_results; i++)
		put_line(out, buf_str(&rq->results[i]), rq->results[i].n);
}

void
request_free(struct request *rq)
{
	free(rq->model);
	buf_free(&rq->system);
	buf_free(&rq->user);
	buf_free(&rq->history);
	for (size_t i = 0; i < rq->n_results; i++)
		buf_free(&rq->results[i]);
	free(rq->results);
	for (size_t i = 0; i < rq->n_tools; i++)
		free(rq->tools[i]);
	free(rq->tools);
	*rq = (struct request){ .model = NULL };
}
