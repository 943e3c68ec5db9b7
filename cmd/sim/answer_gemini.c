#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "sim/answer.h"

/*
 * Gemini streamGenerateContent: providers sheet 5.2 and 5.3.  Every event is a whole
 * response with the parts that are new; there is no terminal event, a finishReason
 * ends it, and a call ends with STOP.
 */

static const char *
finish_word(const struct stream *s)
{
	static const char *const words[] = { NULL, "STOP", "STOP",
	    "MAX_TOKENS", "STOP", "SAFETY" };

	return words[s->stop];
}

static void
put_usage(struct stream *s, struct buf *b, bool final)
{
	jput_key(b, "usageMetadata");
	jput_open(b, '{');
	jput_ki64(b, "promptTokenCount", s->usage[USE_INPUT]);
	if (final)
		jput_ki64(b, "candidatesTokenCount",
		    s->usage[USE_OUTPUT] - s->thought);
	if (s->usage[USE_CACHE_READ])
		jput_ki64(b, "cachedContentTokenCount", s->usage[USE_CACHE_READ]);
	if (s->thought)
		jput_ki64(b, "thoughtsTokenCount", s->thought);
	jput_ki64(b, "totalTokenCount", s->usage[USE_INPUT] +
	    (final ? s->usage[USE_OUTPUT] : s->thought));
	jput_close(b, '}');
}

static void
begin_response(struct buf *b)
{
	jput_open(b, '{');
	jput_key(b, "candidates");
	jput_open(b, '[');
	jput_open(b, '{');
	jput_key(b, "content");
	jput_open(b, '{');
	jput_kcstr(b, "role", "model");
	jput_key(b, "parts");
	jput_open(b, '[');
}

static void
end_response(struct stream *s, struct buf *b, const char *finish)
{
	char id[48];

	jput_close(b, ']');
	jput_close(b, '}');
	if (finish)
		jput_kcstr(b, "finishReason", finish);
	jput_ki64(b, "index", 0);
	jput_close(b, '}');
	jput_close(b, ']');
	put_usage(s, b, finish != NULL);
	jput_kcstr(b, "modelVersion", s->rq->model);
	snprintf(id, sizeof id, "sim%" PRId64, s->rq->n);
	jput_kcstr(b, "responseId", id);
	jput_close(b, '}');
}

static void
put_text(struct buf *b, const struct part *p, const char *text, size_t n,
    const char *signature)
{
	jput_open(b, '{');
	jput_kstr(b, "text", text, n);
	if (p && p->kind == PART_THINKING)
		jput_kbool(b, "thought", true);
	if (signature)
		jput_kcstr(b, "thoughtSignature", signature);
	jput_close(b, '}');
}

/*
 * The first call of a step carries the signature of the thinking in front of it;
 * models of the third generation always sign.
 */
static const char *
call_signature(struct stream *s, const struct part *p)
{
	const char *sig = p->signature ? p->signature : s->carried;

	s->carried = NULL;
	if (!sig && s->calls == 0 && !strncmp(s->rq->model, "gemini-3", 8))
		sig = "CiQBcmthdC1zaW06IGEgc3RhbmQtaW4gc2lnbmF0dXJl";
	s->calls++;
	return sig;
}

static void
put_call(struct stream *s, struct buf *b, const struct part *p)
{
	const char *sig = call_signature(s, p);

	jput_open(b, '{');
	jput_key(b, "functionCall");
	jput_open(b, '{');
	jput_kcstr(b, "name", p->name);
	jput_key(b, "args");
	args_put(b, p);
	if (p->id)
		jput_kcstr(b, "id", p->id);
	jput_close(b, '}');
	if (sig)
		jput_kcstr(b, "thoughtSignature", sig);
	jput_close(b, '}');
}

static void
begin(struct stream *s)
{
	(void)s;
}

static void
open(struct stream *s, const struct part *p)
{
	if (p->kind != PART_CALL)
		return;
	begin_response(&s->json);
	put_call(s, &s->json, p);
	end_response(s, &s->json, NULL);
	stream_event(s, NULL);
}

static void
delta(struct stream *s, const struct part *p, const char *text, size_t n)
{
	const char *sig = NULL;

	if (p->kind == PART_CALL)
		return;
	if (p->kind == PART_TEXT && text + n == p->p + p->n)
		sig = p->signature;
	begin_response(&s->json);
	put_text(&s->json, p, text, n, sig);
	end_response(s, &s->json, NULL);
	stream_event(s, NULL);
}

static void
close(struct stream *s, const struct part *p)
{
	if (p->kind == PART_THINKING && p->signature)
		s->carried = p->signature;
}

static void
end(struct stream *s)
{
	begin_response(&s->json);
	put_text(&s->json, NULL, "", 0, s->carried);
	end_response(s, &s->json, finish_word(s));
	stream_event(s, NULL);
}

static void
fail(struct stream *s, const struct failure *f)
{
	error_put(&s->json, F_GEMINI, f, s->rq->n);
	stream_event(s, NULL);
}

static void
put_all(struct stream *s, struct buf *b)
{
	begin_response(b);
	for (size_t i = 0; i < s->n_parts; i++) {
		const struct part *p = &s->parts[i];

		if (p->kind == PART_CALL)
			put_call(s, b, p);
		else if (p->kind != PART_REDACTED)
			put_text(b, p, p->p, p->n, p->kind == PART_TEXT ?
			    p->signature : NULL);
		close(s, p);
	}
	if (s->carried)
		put_text(b, NULL, "", 0, s->carried);
	end_response(s, b, finish_word(s));
}

/* generateContent answers an object, streamGenerateContent without alt=sse an array. */
static void
whole(struct stream *s, struct buf *b)
{
	struct buf json = BUF_INIT;

	put_all(s, &json);
	buf_printf(b, s->rq->stream ? "[%s]\r\n" : "%s\n", json.p);
	buf_free(&json);
}

const struct dialect dialect_gemini = {
	.content_type = "text/event-stream", .whole_calls = true,
	.begin = begin, .open = open, .delta = delta, .close = close,
	.end = end, .fail = fail, .whole = whole,
};
