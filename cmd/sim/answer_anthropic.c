#include <inttypes.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "sim/answer.h"

/* Anthropic Messages: providers sheet 2.4 to 2.6. */

static const char *
stop_word(const struct stream *s)
{
	static const char *const words[] = { NULL, "end_turn", "tool_use",
	    "max_tokens", "stop_sequence", "refusal" };

	return words[s->stop];
}

/* "stop_reason" and what belongs to it. */
static void
put_stop(struct stream *s, struct buf *b)
{
	static const char refusal[] = "{\"type\":\"refusal\",\"category\":null,"
	    "\"explanation\":null}";
	struct jtext seq = json_path(s->rq->body, "stop_sequences/0");

	jput_kcstr(b, "stop_reason", stop_word(s));
	jput_kraw(b, "stop_sequence", s->stop == STOP_SEQUENCE ? seq.p : NULL, seq.n);
	if (s->stop == STOP_FILTER)
		jput_kraw(b, "stop_details", refusal, sizeof refusal - 1);
}

static void
put_usage(struct stream *s, struct buf *b, int64_t output)
{
	jput_key(b, "usage");
	jput_open(b, '{');
	jput_ki64(b, "input_tokens", s->usage[USE_INPUT]);
	jput_ki64(b, "cache_creation_input_tokens", s->usage[USE_CACHE_CREATION]);
	jput_ki64(b, "cache_read_input_tokens", s->usage[USE_CACHE_READ]);
	jput_ki64(b, "output_tokens", output);
	jput_close(b, '}');
}

static void
put_envelope(struct stream *s, struct buf *b)
{
	char id[32];

	snprintf(id, sizeof id, "msg_01sim%015" PRId64, s->rq->n);
	jput_kcstr(b, "id", id);
	jput_kcstr(b, "type", "message");
	jput_kcstr(b, "role", "assistant");
	jput_kcstr(b, "model", s->rq->model);
}

/* The real API signs every thinking block. */
static const char *
signature(const struct part *p)
{
	return p->signature ? p->signature :
	    "EqQBCkYIBBgCKkBya2F0LXNpbTogYSBzdGFuZC1pbiBzaWduYXR1cmU=";
}

static void
begin_event(struct stream *s, const char *type)
{
	jput_open(&s->json, '{');
	jput_kcstr(&s->json, "type", type);
}

static void
end_event(struct stream *s, const char *type)
{
	jput_close(&s->json, '}');
	stream_event(s, type);
}

static void
begin(struct stream *s)
{
	struct buf *b = &s->json;

	begin_event(s, "message_start");
	jput_key(b, "message");
	jput_open(b, '{');
	put_envelope(s, b);
	jput_kraw(b, "content", "[]", 2);
	jput_knull(b, "stop_reason");
	jput_knull(b, "stop_sequence");
	put_usage(s, b, s->usage[USE_OUTPUT] > 0);
	jput_close(b, '}');
	end_event(s, "message_start");
}

/* A content block; in a stream it starts empty. */
static void
put_block(struct buf *b, const struct part *p, bool whole)
{
	jput_open(b, '{');
	switch (p->kind) {
	case PART_TEXT:
		jput_kcstr(b, "type", "text");
		jput_kstr(b, "text", p->p, whole ? p->n : 0);
		break;
	case PART_THINKING:
		jput_kcstr(b, "type", "thinking");
		jput_kstr(b, "thinking", p->p, whole ? p->n : 0);
		jput_kcstr(b, "signature", whole ? signature(p) : "");
		break;
	case PART_REDACTED:
		jput_kcstr(b, "type", "redacted_thinking");
		jput_kstr(b, "data", p->p, p->n);
		break;
	case PART_CALL:
		jput_kcstr(b, "type", "tool_use");
		jput_kcstr(b, "id", p->id);
		jput_kcstr(b, "name", p->name);
		jput_key(b, "input");
		if (whole)
			args_put(b, p);
		else
			jput_raw(b, "{}", 2);
		break;
	}
	jput_close(b, '}');
}

static void
put_delta(struct stream *s, const struct part *p, const char *type,
    const char *key, const char *text, size_t n)
{
	struct buf *b = &s->json;

	begin_event(s, "content_block_delta");
	jput_ki64(b, "index", (int64_t)part_index(s, p));
	jput_key(b, "delta");
	jput_open(b, '{');
	jput_kcstr(b, "type", type);
	jput_kstr(b, key, text, n);
	jput_close(b, '}');
	end_event(s, "content_block_delta");
}

static void
open(struct stream *s, const struct part *p)
{
	begin_event(s, "content_block_start");
	jput_ki64(&s->json, "index", (int64_t)part_index(s, p));
	jput_key(&s->json, "content_block");
	put_block(&s->json, p, false);
	end_event(s, "content_block_start");
	if (part_index(s, p) == 0) {
		begin_event(s, "ping");
		end_event(s, "ping");
	}
	if (p->kind == PART_CALL)
		put_delta(s, p, "input_json_delta", "partial_json", "", 0);
}

static void
delta(struct stream *s, const struct part *p, const char *text, size_t n)
{
	static const char *const kinds[][2] = {
		[PART_TEXT] = { "text_delta", "text" },
		[PART_THINKING] = { "thinking_delta", "thinking" },
		[PART_CALL] = { "input_json_delta", "partial_json" },
	};

	put_delta(s, p, kinds[p->kind][0], kinds[p->kind][1], text, n);
}

static void
close(struct stream *s, const struct part *p)
{
	if (p->kind == PART_THINKING)
		put_delta(s, p, "signature_delta", "signature", signature(p),
		    strlen(signature(p)));
	begin_event(s, "content_block_stop");
	jput_ki64(&s->json, "index", (int64_t)part_index(s, p));
	end_event(s, "content_block_stop");
}

static void
end(struct stream *s)
{
	struct buf *b = &s->json;

	begin_event(s, "message_delta");
	jput_key(b, "delta");
	jput_open(b, '{');
	put_stop(s, b);
	jput_close(b, '}');
	jput_key(b, "usage");
	jput_open(b, '{');
	jput_ki64(b, "output_tokens", s->usage[USE_OUTPUT]);
	jput_close(b, '}');
	end_event(s, "message_delta");
	begin_event(s, "message_stop");
	end_event(s, "message_stop");
}

static void
fail(struct stream *s, const struct failure *f)
{
	begin_event(s, "error");
	jput_key(&s->json, "error");
	jput_open(&s->json, '{');
	jput_kcstr(&s->json, "type", f->type ? f->type : "api_error");
	jput_kcstr(&s->json, "message", f->message);
	jput_close(&s->json, '}');
	end_event(s, "error");
}

static void
whole(struct stream *s, struct buf *b)
{
	jput_open(b, '{');
	put_envelope(s, b);
	jput_key(b, "content");
	jput_open(b, '[');
	for (size_t i = 0; i < s->n_parts; i++)
		put_block(b, &s->parts[i], true);
	jput_close(b, ']');
	put_stop(s, b);
	put_usage(s, b, s->usage[USE_OUTPUT]);
	jput_close(b, '}');
}

const struct dialect dialect_anthropic = {
	.content_type = "text/event-stream; charset=utf-8",
	.begin = begin, .open = open, .delta = delta, .close = close,
	.end = end, .fail = fail, .whole = whole,
};
