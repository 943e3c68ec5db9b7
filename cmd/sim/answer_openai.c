#include <inttypes.h>
#include <stdio.h>

#include "base/jput.h"
#include "base/util.h"
#include "sim/answer.h"

/* OpenAI Responses: providers sheet 3.2 and 3.3.  The order of the keys is the vendor's. */

enum moment { STARTED, FINISHED };

static const char *
status_word(const struct stream *s)
{
	return s->stop == STOP_LENGTH || s->stop == STOP_FILTER ?
	    "incomplete" : "completed";
}

/* "msg_sim1_2": stable over all events of an item. */
static void
item_id(const struct stream *s, const struct part *p, char id[64])
{
	static const char *const prefixes[] = { [PART_TEXT] = "msg",
	    [PART_THINKING] = "rs", [PART_REDACTED] = "rs", [PART_CALL] = "fc" };

	snprintf(id, 64, "%s_sim%" PRId64 "_%zu", prefixes[p->kind], s->rq->n,
	    part_index(s, p) + 1);
}

static bool
wants_encrypted(const struct stream *s)
{
	for (struct jiter it = json_iter(json_get(s->rq->body, "include"));
	    json_next(&it);)
		if (json_str_is(it.value, "reasoning.encrypted_content"))
			return true;
	return false;
}

static void
put_reasoning(struct stream *s, struct buf *b, const struct part *p)
{
	bool redacted = p->kind == PART_REDACTED;

	jput_key(b, "summary");
	jput_open(b, '[');
	if (!redacted && p->n) {
		jput_open(b, '{');
		jput_kcstr(b, "type", "summary_text");
		jput_kstr(b, "text", p->p, p->n);
		jput_close(b, '}');
	}
	jput_close(b, ']');
	if (redacted)
		jput_kstr(b, "encrypted_content", p->p, p->n);
	else if (p->signature || wants_encrypted(s))
		jput_kcstr(b, "encrypted_content", p->signature ? p->signature :
		    "gAAAAABrkat-sim-stand-in-encrypted-reasoning");
}

static void
put_text_part(struct buf *b, const struct part *p, enum moment when)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", "output_text");
	jput_kraw(b, "annotations", "[]", 2);
	jput_kraw(b, "logprobs", "[]", 2);
	jput_kstr(b, "text", p->p, when == FINISHED ? p->n : 0);
	jput_close(b, '}');
}

static void
put_item(struct stream *s, struct buf *b, const struct part *p,
    enum moment when)
{
	/* A message that the limit cut is itself incomplete. */
	const char *status = when == STARTED ? "in_progress" :
	    p->kind == PART_TEXT && part_index(s, p) + 1 == s->n_parts ?
	    status_word(s) : "completed";
	char id[64];

	item_id(s, p, id);
	jput_open(b, '{');
	jput_kcstr(b, "id", id);
	switch (p->kind) {
	case PART_TEXT:
		jput_kcstr(b, "type", "message");
		jput_kcstr(b, "status", status);
		jput_key(b, "content");
		jput_open(b, '[');
		if (when == FINISHED)
			put_text_part(b, p, when);
		jput_close(b, ']');
		jput_kcstr(b, "role", "assistant");
		break;
	case PART_CALL:
		jput_kcstr(b, "type", "function_call");
		jput_kcstr(b, "status", status);
		jput_kstr(b, "arguments", p->p, when == FINISHED ? p->n : 0);
		jput_kcstr(b, "call_id", p->id);
		jput_kcstr(b, "name", p->name);
		break;
	case PART_THINKING:
	case PART_REDACTED:
		jput_kcstr(b, "type", "reasoning");
		if (when == FINISHED)
			put_reasoning(s, b, p);
		else
			jput_kraw(b, "summary", "[]", 2);
		break;
	}
	jput_close(b, '}');
}

static void
put_usage(struct stream *s, struct buf *b)
{
	jput_open(b, '{');
	jput_ki64(b, "input_tokens", s->usage[USE_INPUT]);
	jput_key(b, "input_tokens_details");
	jput_open(b, '{');
	jput_ki64(b, "cached_tokens", s->usage[USE_CACHE_READ]);
	jput_ki64(b, "cache_write_tokens", s->usage[USE_CACHE_CREATION]);
	jput_close(b, '}');
	jput_ki64(b, "output_tokens", s->usage[USE_OUTPUT]);
	jput_key(b, "output_tokens_details");
	jput_open(b, '{');
	jput_ki64(b, "reasoning_tokens", s->thought);
	jput_close(b, '}');
	jput_ki64(b, "total_tokens", s->usage[USE_INPUT] + s->usage[USE_OUTPUT]);
	jput_close(b, '}');
}

/* "incomplete_details" or null. */
static void
put_incomplete(struct stream *s, struct buf *b, enum moment when)
{
	jput_key(b, "incomplete_details");
	if (when == STARTED || (s->stop != STOP_LENGTH && s->stop != STOP_FILTER)) {
		jput_null(b);
		return;
	}
	jput_open(b, '{');
	jput_kcstr(b, "reason", s->stop == STOP_LENGTH ? "max_output_tokens" :
	    "content_filter");
	jput_close(b, '}');
}

static void
put_response(struct stream *s, struct buf *b, enum moment when)
{
	struct jtext limit = json_get(s->rq->body, "max_output_tokens");
	char id[64];

	snprintf(id, sizeof id, "resp_sim%" PRId64, s->rq->n);
	jput_open(b, '{');
	jput_kcstr(b, "id", id);
	jput_kcstr(b, "object", "response");
	jput_ki64(b, "created_at", s->created);
	jput_kcstr(b, "status", when == STARTED ? "in_progress" : status_word(s));
	jput_knull(b, "error");
	put_incomplete(s, b, when);
	jput_knull(b, "instructions");
	jput_kraw(b, "max_output_tokens", limit.p, limit.n);
	jput_kcstr(b, "model", s->rq->model);
	jput_key(b, "output");
	jput_open(b, '[');
	for (size_t i = 0; when == FINISHED && i < s->n_parts; i++)
		put_item(s, b, &s->parts[i], when);
	jput_close(b, ']');
	jput_kbool(b, "parallel_tool_calls", true);
	jput_knull(b, "previous_response_id");
	jput_kbool(b, "store", json_get_bool(s->rq->body, "store", true));
	jput_kcstr(b, "tool_choice", "auto");
	jput_key(b, "usage");
	if (when == STARTED)
		jput_null(b);
	else
		put_usage(s, b);
	jput_kraw(b, "metadata", "{}", 2);
	jput_close(b, '}');
}

/* ---- events ---- */

static void
begin_event(struct stream *s, const char *type)
{
	jput_open(&s->json, '{');
	jput_kcstr(&s->json, "type", type);
	jput_ki64(&s->json, "sequence_number", s->seq++);
}

static void
end_event(struct stream *s, const char *type)
{
	jput_close(&s->json, '}');
	stream_event(s, type);
}

static void
response_event(struct stream *s, const char *type, enum moment when)
{
	begin_event(s, type);
	jput_key(&s->json, "response");
	put_response(s, &s->json, when);
	end_event(s, type);
}

static void
item_event(struct stream *s, const char *type, const struct part *p,
    enum moment when)
{
	begin_event(s, type);
	jput_ki64(&s->json, "output_index", (int64_t)part_index(s, p));
	jput_key(&s->json, "item");
	put_item(s, &s->json, p, when);
	end_event(s, type);
}

/* Events about what is inside an item; index is NULL for arguments. */
static void
begin_inner(struct stream *s, const char *type, const struct part *p,
    const char *index)
{
	char id[64];

	item_id(s, p, id);
	begin_event(s, type);
	jput_kcstr(&s->json, "item_id", id);
	jput_ki64(&s->json, "output_index", (int64_t)part_index(s, p));
	if (index)
		jput_ki64(&s->json, index, 0);
}

static void
part_event(struct stream *s, const char *type, const struct part *p,
    enum moment when)
{
	begin_inner(s, type, p, "content_index");
	jput_key(&s->json, "part");
	put_text_part(&s->json, p, when);
	end_event(s, type);
}

static void
summary_part_event(struct stream *s, const char *type, const struct part *p,
    enum moment when)
{
	begin_inner(s, type, p, "summary_index");
	jput_key(&s->json, "part");
	jput_open(&s->json, '{');
	jput_kcstr(&s->json, "type", "summary_text");
	jput_kstr(&s->json, "text", p->p, when == FINISHED ? p->n : 0);
	jput_close(&s->json, '}');
	end_event(s, type);
}

static void
begin(struct stream *s)
{
	response_event(s, "response.created", STARTED);
	response_event(s, "response.in_progress", STARTED);
}

static void
open(struct stream *s, const struct part *p)
{
	item_event(s, "response.output_item.added", p, STARTED);
	if (p->kind == PART_TEXT)
		part_event(s, "response.content_part.added", p, STARTED);
	else if (p->kind == PART_THINKING && p->n)
		summary_part_event(s, "response.reasoning_summary_part.added",
		    p, STARTED);
}

static void
delta(struct stream *s, const struct part *p, const char *text, size_t n)
{
	static const char *const kinds[][2] = {
		[PART_TEXT] = { "response.output_text.delta", "content_index" },
		[PART_THINKING] = { "response.reasoning_summary_text.delta",
		    "summary_index" },
		[PART_CALL] = { "response.function_call_arguments.delta", NULL },
	};

	begin_inner(s, kinds[p->kind][0], p, kinds[p->kind][1]);
	jput_kstr(&s->json, "delta", text, n);
	if (p->kind == PART_TEXT)
		jput_kraw(&s->json, "logprobs", "[]", 2);
	end_event(s, kinds[p->kind][0]);
}

static void
close_text(struct stream *s, const struct part *p)
{
	begin_inner(s, "response.output_text.done", p, "content_index");
	jput_kstr(&s->json, "text", p->p, p->n);
	jput_kraw(&s->json, "logprobs", "[]", 2);
	end_event(s, "response.output_text.done");
	part_event(s, "response.content_part.done", p, FINISHED);
}

static void
close(struct stream *s, const struct part *p)
{
	if (p->kind == PART_TEXT) {
		close_text(s, p);
	} else if (p->kind == PART_CALL) {
		begin_inner(s, "response.function_call_arguments.done", p, NULL);
		jput_kcstr(&s->json, "name", p->name);
		jput_kstr(&s->json, "arguments", p->p, p->n);
		end_event(s, "response.function_call_arguments.done");
	} else if (p->kind == PART_THINKING && p->n) {
		begin_inner(s, "response.reasoning_summary_text.done", p,
		    "summary_index");
		jput_kstr(&s->json, "text", p->p, p->n);
		end_event(s, "response.reasoning_summary_text.done");
		summary_part_event(s, "response.reasoning_summary_part.done", p,
		    FINISHED);
	}
	item_event(s, "response.output_item.done", p, FINISHED);
}

static void
end(struct stream *s)
{
	bool cut = s->stop == STOP_LENGTH || s->stop == STOP_FILTER;

	response_event(s, cut ? "response.incomplete" : "response.completed",
	    FINISHED);
}

static void
fail(struct stream *s, const struct failure *f)
{
	begin_event(s, "error");
	jput_kcstr(&s->json, "code", f->code ? f->code :
	    f->type ? f->type : "server_error");
	jput_kcstr(&s->json, "message", f->message);
	jput_knull(&s->json, "param");
	end_event(s, "error");
}

static void
whole(struct stream *s, struct buf *b)
{
	put_response(s, b, FINISHED);
}

const struct dialect dialect_openai = {
	.content_type = "text/event-stream; charset=utf-8",
	.begin = begin, .open = open, .delta = delta, .close = close,
	.end = end, .fail = fail, .whole = whole,
};
