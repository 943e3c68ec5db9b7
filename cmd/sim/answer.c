#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/json.h"
#include "base/util.h"
#include "sim/answer.h"

static const struct dialect *const dialects[] = {
	&dialect_anthropic, &dialect_openai, &dialect_chat, &dialect_gemini
};

const char *
answer_content_type(const struct request *rq)
{
	return rq->stream && rq->sse ? dialects[rq->format]->content_type :
	    "application/json";
}

size_t
part_index(const struct stream *s, const struct part *p)
{
	return (size_t)(p - s->parts);
}

void
args_put(struct buf *b, const struct part *p)
{
	if (json_check(p->p, p->n, NULL) == 0)
		jput_raw(b, p->p, p->n);
	else
		jput_str(b, p->p, p->n);
}

/* ---- from a reply to an answer ---- */

/*
 * A call without an id gets one in the provider's fashion; gemini's may go without.
 * The turn is in it for sessions that outlive this process and its counter.
 */
static char *
call_id(const struct stream *s, size_t i)
{
	if (s->rq->format == F_GEMINI)
		return NULL;
	return xasprintf("%ssim%" PRId64 "_%" PRId64 "_%zu",
	    s->rq->format == F_ANTHROPIC ? "toolu_" : "call_", s->rq->n,
	    s->rq->turn, i + 1);
}

static void
copy_part(struct stream *s, size_t i)
{
	const struct part *from = &s->reply->parts[i];
	struct part *to = &s->parts[i];
	struct buf b = BUF_INIT;

	*to = *from;
	template_put(&b, from->p, from->n, s->rq, from->object);
	to->n = b.n;
	to->p = buf_steal(&b);
	to->signature = xstrdup(from->signature);
	to->name = xstrdup(from->name);
	if (from->kind == PART_CALL)
		to->id = from->id ? xstrdup(from->id) : call_id(s, i);
}

/* What the script does not say is counted: four bytes a token. */
static void
count_usage(struct stream *s)
{
	const struct request *rq = s->rq;
	int64_t out = 0, thought = 0;

	memcpy(s->usage, s->reply->usage, sizeof s->usage);
	for (size_t i = 0; i < s->n_parts; i++) {
		out += (int64_t)s->parts[i].n;
		if (s->parts[i].kind == PART_THINKING)
			thought += (int64_t)s->parts[i].n;
	}
	if (s->usage[USE_INPUT] < 0)
		s->usage[USE_INPUT] =
		    ((int64_t)(rq->system.n + rq->history.n) + 3) / 4;
	if (s->usage[USE_OUTPUT] < 0)
		s->usage[USE_OUTPUT] = (out + 3) / 4;
	if (s->usage[USE_CACHE_READ] < 0)
		s->usage[USE_CACHE_READ] = 0;
	if (s->usage[USE_CACHE_CREATION] < 0)
		s->usage[USE_CACHE_CREATION] = 0;
	s->thought = (thought + 3) / 4;
	if (s->thought > s->usage[USE_OUTPUT])
		s->thought = s->usage[USE_OUTPUT];
}

static struct stream *
stream_new(const struct request *rq, const struct reply *reply)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->rq = rq;
	s->reply = reply;
	s->d = dialects[rq->format];
	s->created = time_ms() / 1000;
	s->n_parts = reply->n_parts;
	s->parts = xcalloc(s->n_parts + 1, sizeof *s->parts);
	s->stop = reply->stop;
	for (size_t i = 0; i < s->n_parts; i++) {
		copy_part(s, i);
		if (s->stop == STOP_AUTO && s->parts[i].kind == PART_CALL)
			s->stop = STOP_TOOLS;
	}
	if (s->stop == STOP_AUTO)
		s->stop = STOP_END;
	count_usage(s);
	return s;
}

static void
stream_free(void *arg)
{
	struct stream *s = arg;

	parts_free(s->parts, s->n_parts);
	buf_free(&s->json);
	buf_free(&s->events);
	free(s);
}

/* ---- the driver ---- */

void
stream_event(struct stream *s, const char *name)
{
	const char *eol = s->rq->format == F_GEMINI ? "\r\n" : "\n";

	if (name)
		buf_printf(&s->events, "event: %s%s", name, eol);
	buf_puts(&s->events, "data: ");
	buf_put(&s->events, buf_str(&s->json), s->json.n);
	buf_puts(&s->events, eol);
	buf_puts(&s->events, eol);
	buf_trunc(&s->json, 0);
	s->ends[s->n_ends++] = s->events.n;
}

/* Bytes of the next delta: whole characters. */
static size_t
delta_len(const struct stream *s, const struct part *p)
{
	const char *from = p->p + s->offset;
	size_t left = p->n - s->offset, n = 0;

	if (s->reply->chunk == 0 || (p->kind == PART_CALL && s->d->whole_calls))
		return left;
	for (int64_t i = 0; i < s->reply->chunk && n < left; i++) {
		size_t one = utf8_next(from + n, left - n);

		n += one ? one : 1;
	}
	return n;
}

/* One step of the walk; makes any number of events, also none. */
static void
step(struct stream *s)
{
	const struct part *p = &s->parts[s->part];
	size_t n;

	s->was_delta = s->at == AT_DELTA;
	switch (s->at) {
	case AT_BEGIN:
		s->d->begin(s);
		s->at = s->n_parts ? AT_OPEN : AT_END;
		break;
	case AT_OPEN:
		s->d->open(s, p);
		s->offset = 0;
		s->at = p->n && p->kind != PART_REDACTED ? AT_DELTA : AT_CLOSE;
		break;
	case AT_DELTA:
		n = delta_len(s, p);
		s->d->delta(s, p, p->p + s->offset, n);
		s->offset += n;
		if (s->offset == p->n)
			s->at = AT_CLOSE;
		break;
	case AT_CLOSE:
		s->d->close(s, p);
		s->at = ++s->part < s->n_parts ? AT_OPEN : AT_END;
		break;
	case AT_END:
		s->d->end(s);
		s->at = AT_DONE;
		break;
	case AT_DONE:
		break;
	}
}

/* The script's error event comes in place of the next one. */
static void
fail(struct stream *s)
{
	struct failure f = { .status = 500, .type = s->reply->fail_type,
	    .code = s->reply->fail_code, .message = s->reply->fail_message ?
	    s->reply->fail_message : "the server had an error" };

	buf_trunc(&s->events, 0);
	s->n_ends = s->taken = 0;
	s->d->fail(s, &f);
	s->at = AT_DONE;
}

static bool
stream_next(void *arg, struct buf *out, int64_t *delay_ms, enum ending *end)
{
	struct stream *s = arg;
	size_t from;

	*end = s->reply->end;
	if (s->sent == s->reply->end_after)
		return false;
	*end = END_CLEAN;
	if (s->sent == s->reply->fail_after)
		fail(s);
	while (s->taken == s->n_ends && s->at != AT_DONE) {
		buf_trunc(&s->events, 0);
		s->n_ends = s->taken = 0;
		step(s);
	}
	if (s->taken == s->n_ends)
		return false;
	from = s->taken ? s->ends[s->taken - 1] : 0;
	buf_put(out, s->events.p + from, s->ends[s->taken++] - from);
	if (s->sent++ == 0)
		*delay_ms = s->reply->first_delay_ms;
	else if (s->was_delta)
		*delay_ms = s->reply->chunk_delay_ms;
	return true;
}

/* Not a stream: everything in one piece; it counts as one event. */
static bool
whole_next(void *arg, struct buf *out, int64_t *delay_ms, enum ending *end)
{
	struct stream *s = arg;

	*end = s->reply->end;
	if (s->sent == s->reply->end_after)
		return false;
	*end = END_CLEAN;
	if (s->sent++)
		return false;
	*delay_ms = s->reply->first_delay_ms;
	s->d->whole(s, out);
	return true;
}

void
answer_body(const struct request *rq, const struct reply *reply,
    struct body *b)
{
	b->next = rq->stream && rq->sse ? stream_next : whole_next;
	b->free = stream_free;
	b->arg = stream_new(rq, reply);
}
