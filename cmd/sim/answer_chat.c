#include <inttypes.h>
#include <stdio.h>

#include "base/jput.h"
#include "base/util.h"
#include "sim/answer.h"

/* OpenAI Chat Completions as self-hosted servers speak it: providers sheet 4.2. */

static const char *
finish_word(const struct stream *s)
{
	static const char *const words[] = { NULL, "stop", "tool_calls",
	    "length", "stop", "content_filter" };

	return words[s->stop];
}

static void
put_envelope(struct stream *s, struct buf *b, const char *object)
{
	char id[48];

	snprintf(id, sizeof id, "chatcmpl-sim%" PRId64, s->rq->n);
	jput_open(b, '{');
	jput_kcstr(b, "id", id);
	jput_kcstr(b, "object", object);
	jput_ki64(b, "created", s->created);
	jput_kcstr(b, "model", s->rq->model);
}

static void
put_usage(struct stream *s, struct buf *b)
{
	jput_key(b, "usage");
	jput_open(b, '{');
	jput_ki64(b, "prompt_tokens", s->usage[USE_INPUT]);
	jput_ki64(b, "completion_tokens", s->usage[USE_OUTPUT]);
	jput_ki64(b, "total_tokens", s->usage[USE_INPUT] + s->usage[USE_OUTPUT]);
	jput_key(b, "prompt_tokens_details");
	jput_open(b, '{');
	jput_ki64(b, "cached_tokens", s->usage[USE_CACHE_READ]);
	jput_close(b, '}');
	jput_key(b, "completion_tokens_details");
	jput_open(b, '{');
	jput_ki64(b, "reasoning_tokens", s->thought);
	jput_close(b, '}');
	jput_close(b, '}');
}

/* A chunk up to its delta object ... */
static void
begin_delta(struct stream *s)
{
	put_envelope(s, &s->json, "chat.completion.chunk");
	jput_key(&s->json, "choices");
	jput_open(&s->json, '[');
	jput_open(&s->json, '{');
	jput_ki64(&s->json, "index", 0);
	jput_key(&s->json, "delta");
	jput_open(&s->json, '{');
}

/* ... and from there to the end. */
static void
end_delta(struct stream *s, const char *finish)
{
	jput_close(&s->json, '}');
	jput_kcstr(&s->json, "finish_reason", finish);
	jput_close(&s->json, '}');
	jput_close(&s->json, ']');
	if (s->rq->stream_usage)
		jput_knull(&s->json, "usage");
	jput_close(&s->json, '}');
	stream_event(s, NULL);
}

static void
begin(struct stream *s)
{
	bool text = false;

	for (size_t i = 0; i < s->n_parts; i++)
		text |= s->parts[i].kind == PART_TEXT;
	begin_delta(s);
	jput_kcstr(&s->json, "role", "assistant");
	jput_kcstr(&s->json, "content", text ? "" : NULL);
	end_delta(s, NULL);
}

/* The first delta of a call names it; the later ones have its index only. */
static void
call_delta(struct stream *s, const struct part *p, bool first,
    const char *args, size_t n)
{
	struct buf *b = &s->json;

	begin_delta(s);
	jput_key(b, "tool_calls");
	jput_open(b, '[');
	jput_open(b, '{');
	jput_ki64(b, "index", (int64_t)s->calls - 1);
	if (first) {
		jput_kcstr(b, "id", p->id);
		jput_kcstr(b, "type", "function");
	}
	jput_key(b, "function");
	jput_open(b, '{');
	if (first)
		jput_kcstr(b, "name", p->name);
	jput_kstr(b, "arguments", args, n);
	jput_close(b, '}');
	jput_close(b, '}');
	jput_close(b, ']');
	end_delta(s, NULL);
}

static void
open(struct stream *s, const struct part *p)
{
	if (p->kind != PART_CALL)
		return;
	s->calls++;
	call_delta(s, p, true, "", 0);
}

static void
delta(struct stream *s, const struct part *p, const char *text, size_t n)
{
	if (p->kind == PART_CALL) {
		call_delta(s, p, false, text, n);
		return;
	}
	begin_delta(s);
	jput_kstr(&s->json, p->kind == PART_TEXT ? "content" :
	    "reasoning_content", text, n);
	end_delta(s, NULL);
}

static void
close(struct stream *s, const struct part *p)
{
	(void)s;
	(void)p;
}

static void
end(struct stream *s)
{
	begin_delta(s);
	end_delta(s, finish_word(s));
	if (s->rq->stream_usage) {
		put_envelope(s, &s->json, "chat.completion.chunk");
		jput_kraw(&s->json, "choices", "[]", 2);
		put_usage(s, &s->json);
		jput_close(&s->json, '}');
		stream_event(s, NULL);
	}
	buf_puts(&s->json, "[DONE]");
	stream_event(s, NULL);
}

static void
fail(struct stream *s, const struct failure *f)
{
	struct buf *b = &s->json;

	jput_open(b, '{');
	jput_key(b, "error");
	jput_open(b, '{');
	jput_kcstr(b, "message", f->message);
	jput_kcstr(b, "type", f->type ? f->type : "server_error");
	jput_knull(b, "param");
	if (f->code)
		jput_kcstr(b, "code", f->code);
	else
		jput_ki64(b, "code", f->status);
	jput_close(b, '}');
	jput_close(b, '}');
	stream_event(s, NULL);
}

static void
put_calls(struct stream *s, struct buf *b)
{
	bool any = false;

	for (size_t i = 0; i < s->n_parts; i++) {
		const struct part *p = &s->parts[i];

		if (p->kind != PART_CALL)
			continue;
		if (!any) {
			jput_key(b, "tool_calls");
			jput_open(b, '[');
		}
		any = true;
		jput_open(b, '{');
		jput_kcstr(b, "id", p->id);
		jput_kcstr(b, "type", "function");
		jput_key(b, "function");
		jput_open(b, '{');
		jput_kcstr(b, "name", p->name);
		jput_kstr(b, "arguments", p->p, p->n);
		jput_close(b, '}');
		jput_close(b, '}');
	}
	if (any)
		jput_close(b, ']');
}

/* All parts of one kind under one key, null if there is none. */
static void
put_joined(struct stream *s, struct buf *b, const char *key,
    enum part_kind kind)
{
	struct buf text = BUF_INIT;
	bool any = false;

	for (size_t i = 0; i < s->n_parts; i++)
		if (s->parts[i].kind == kind) {
			buf_put(&text, s->parts[i].p, s->parts[i].n);
			any = true;
		}
	if (any)
		jput_kstr(b, key, buf_str(&text), text.n);
	else if (kind == PART_TEXT)
		jput_knull(b, key);
	buf_free(&text);
}

static void
whole(struct stream *s, struct buf *b)
{
	put_envelope(s, b, "chat.completion");
	jput_key(b, "choices");
	jput_open(b, '[');
	jput_open(b, '{');
	jput_ki64(b, "index", 0);
	jput_key(b, "message");
	jput_open(b, '{');
	jput_kcstr(b, "role", "assistant");
	put_joined(s, b, "content", PART_TEXT);
	put_joined(s, b, "reasoning_content", PART_THINKING);
	put_calls(s, b);
	jput_close(b, '}');
	jput_kcstr(b, "finish_reason", finish_word(s));
	jput_close(b, '}');
	jput_close(b, ']');
	put_usage(s, b);
	jput_close(b, '}');
}

const struct dialect dialect_chat = {
	.content_type = "text/event-stream; charset=utf-8",
	.begin = begin, .open = open, .delta = delta, .close = close,
	.end = end, .fail = fail, .whole = whole,
};
