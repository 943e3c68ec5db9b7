#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/decode.h"
#include "model/encode.h"
#include "model/fault.h"
#include "model/http.h"
#include "model/settle.h"
#include "model/sse.h"

#define REPLY_MAX (64u << 20)	/* bytes of content; also bytes of a stream that add none */
#define ERROR_MAX (1 << 20)	/* bytes of an error document that we read */

struct model {
	struct loop *loop;
	struct http *http;	/* NULL until the first call */
};

struct model *
model_new(struct loop *l)
{
	struct model *m = xcalloc(1, sizeof *m);

	m->loop = l;
	return m;
}

void
model_free(struct model *m)
{
	if (!m)
		return;
	http_free(m->http);
	free(m);
}

/* ---- the reply as it is stored ---- */

const char *
stop_name(enum stop_reason s)
{
	static const char *const names[] = {
		[STOP_END_TURN] = "end_turn", [STOP_TOOL_USE] = "tool_use",
		[STOP_MAX_TOKENS] = "max_tokens",
		[STOP_STOP_SEQUENCE] = "stop_sequence",
		[STOP_CONTENT_FILTER] = "content_filter",
		[STOP_CANCELLED] = "cancelled",
	};

	return names[s];
}

/* As it came; only a line break outside of strings goes, for messages are lines. */
static void
put_args(struct buf *b, const struct block *bl)
{
	struct buf one = BUF_INIT;

	if (bl->args_bad) {
		jput_kstr(b, "args", bl->args.p, bl->args.n);
		return;
	}
	if (memchr(buf_str(&bl->args), '\n', bl->args.n) ||
	    memchr(buf_str(&bl->args), '\r', bl->args.n))
		jput_compact(&one, bl->args.p, bl->args.n);
	else
		buf_put(&one, buf_str(&bl->args), bl->args.n);
	jput_kraw(b, "args", one.p, one.n);
	buf_free(&one);
}

static void
put_block(struct buf *b, const struct block *bl)
{
	static const char *const types[] = { [BLOCK_TEXT] = "text",
		[BLOCK_REASONING] = "reasoning", [BLOCK_TOOL_USE] = "tool_use" };

	jput_open(b, '{');
	jput_kcstr(b, "block_type", types[bl->kind]);
	jput_key(b, "data");
	jput_open(b, '{');
	if (bl->kind == BLOCK_TOOL_USE) {
		jput_kcstr(b, "id", bl->id);
		jput_kcstr(b, "name", bl->name);
		put_args(b, bl);
	} else {
		jput_kstr(b, "text", buf_str(&bl->text), bl->text.n);
	}
	if (bl->meta)
		jput_kraw(b, "meta", bl->meta, strlen(bl->meta));
	jput_close(b, '}');
	jput_close(b, '}');
}

void
model_reply_emit(const struct model_reply *r, struct buf *b)
{
	jput_open(b, '{');
	jput_kcstr(b, "role", "block_assistant");
	jput_key(b, "blocks");
	jput_open(b, '[');
	for (size_t i = 0; i < r->n_blocks; i++)
		if (r->blocks[i].done)
			put_block(b, &r->blocks[i]);
	jput_close(b, ']');
	jput_kcstr(b, "stop_reason", stop_name(r->stop));
	jput_close(b, '}');
}

/* ---- one exchange ---- */

struct exchange {
	struct http_call call;
	struct sse sse;
	struct decode d;
	struct model_error *me;
	struct buf body;	/* of a reply that is no stream */
	size_t content, barren;	/* so far; stream bytes since it grew */
};

static bool
is_stream(const struct exchange *x)
{
	return x->call.status / 100 == 2 &&
	    !strncasecmp(x->call.type, "text/event-stream", 17);
}

static int
on_event(void *arg, const char *p, size_t n)
{
	struct exchange *x = arg;

	x->d.at = x->sse.event_at;
	return decode_event(&x->d, p, n);
}

/* A reader error that no decoder has named. */
static int
sse_failed(struct exchange *x, const struct err *e)
{
	if (x->me->fault == FAULT_NONE)
		fault_set(x->me, FAULT_PARSE, "%s", e->text);
	return -1;
}

static int
on_data(void *arg, const char *p, size_t n)
{
	struct exchange *x = arg;
	struct err e = ERR_NONE;
	int rc;

	if (!is_stream(x)) {
		if (x->body.n + n > ERROR_MAX)
			return -1;
		buf_put(&x->body, p, n);
		return 0;
	}
	rc = sse_feed(&x->sse, p, n, &e);
	decode_tell(&x->d);
	if (rc < 0)
		return sse_failed(x, &e);
	x->barren = x->d.content > x->content ? 0 : x->barren + n;
	x->content = x->d.content;
	if (x->content > REPLY_MAX || x->barren > REPLY_MAX)
		return fault_set(x->me, FAULT_PARSE, "%u MiB came%s",
		    REPLY_MAX >> 20, x->content > REPLY_MAX ?
		    " and the reply has no end" :
		    " that are no part of a reply");
	return 0;
}

static enum http_want
on_want(void *arg)
{
	struct exchange *x = arg;

	return x->d.ended ? HTTP_ENOUGH : x->d.stopped ? HTTP_NEARLY :
	    HTTP_MORE;
}

/* A JSON error that stands in the stream without `data:` (sheet 4.2, 5.2). */
static bool
stray_error(struct exchange *x)
{
	const char *p = buf_str(&x->sse.stray);
	size_t n = x->sse.stray.n;
	bool field = n > 6 && !memcmp(p, "error:", 6);
	struct jtext doc, error;

	if (json_parse(field ? p + 6 : p, field ? n - 6 : n, &doc, NULL) < 0)
		return false;
	error = fault_find(doc);
	if (field && !error.p)
		error = doc;
	if (!error.p)
		return false;
	fault_stream(x->me, error);
	return true;
}

/* The reply has come to its end: was it one? */
static int
conclude(struct exchange *x)
{
	struct jtext doc;
	struct err e = ERR_NONE;

	if (!is_stream(x)) {
		if (x->call.status / 100 == 2 && json_parse(buf_str(&x->body),
		    x->body.n, &doc, NULL) == 0 && fault_find(doc).p)
			fault_stream(x->me, fault_find(doc));
		else if (x->call.status / 100 == 2)
			fault_set(x->me, FAULT_PARSE, "the server sent %s "
			    "instead of an event stream; it starts with: %.*s",
			    *x->call.type ? x->call.type : "no content type",
			    (int)(x->body.n < 100 ? x->body.n : 100),
			    buf_str(&x->body));
		else
			fault_http(x->me, x->call.status, &x->call.h,
			    buf_str(&x->body), x->body.n);
		return -1;
	}
	if (sse_end(&x->sse, &e) < 0)
		return sse_failed(x, &e);
	if (!x->d.stopped && stray_error(x))
		return -1;
	return decode_end(&x->d);
}

/* The connection failed; how much that matters depends on what had come. */
static int
salvage(struct exchange *x)
{
	char *why;

	if (x->d.stopped && x->me->fault != FAULT_CANCELLED) {
		*x->me = (struct model_error){ .retry_after_ms = -1 };
		return conclude(x);
	}
	if (x->me->fault == FAULT_CONNECTION_RESET && x->sse.events) {
		why = xstrdup(x->me->text);
		fault_set(x->me, FAULT_INCOMPLETE, "the reply was cut after "
		    "%" PRId64 " events: %s", x->sse.events, why);
		free(why);
	}
	return -1;
}

/* ---- what is sent ---- */

static bool
thinks(const struct model_request *rq)
{
	switch (wire_of(rq->target)) {
	case WIRE_ANTHROPIC:
		return json_is(json_get(rq->params, "thinking"), '{') ||
		    json_get(rq->params, "thinking_budget").p;
	case WIRE_GEMINI:
		return rq->target->profile.thinking;
	default:
		return encode_reasons(rq->target);
	}
}

/* Sheet 8, and 60 s between bytes of a model that does not think (field sheet 3.2). */
static struct model_deadlines
deadlines(const struct model_request *rq, const char *url,
    const struct model_deadlines *in)
{
	bool own = rq->target->provider == PROVIDER_SELF_HOSTED;
	struct model_deadlines d = in ? *in : (struct model_deadlines){ 0 };
	int64_t limit = rq->target->profile.call_timeout_ms;

	if (!d.connect)
		d.connect = http_loopback(url) ? 2000 : 10000;
	if (!d.first_byte)
		d.first_byte = own ? 600000 : 120000;
	if (!d.idle)
		d.idle = own ? 600000 : thinks(rq) ? 300000 : 60000;
	if (!d.total)
		d.total = limit > 0 ? limit : -1;
	return d;
}

#define N_HEADERS 8

/* One line for the key, if there is one. */
static char *
key_header(const struct model_target *t)
{
	if (!t->key)
		return NULL;
	switch (wire_of(t)) {
	case WIRE_ANTHROPIC:
		return xasprintf("x-api-key: %s", t->key);
	case WIRE_GEMINI:
		return xasprintf("x-goog-api-key: %s", t->key);
	default:
		return xasprintf("Authorization: Bearer %s", t->key);
	}
}

static void
make_headers(const struct model_target *t, const struct encode *en,
    char *h[N_HEADERS])
{
	size_t n = 0;

	h[n++] = xstrdup("Content-Type: application/json");
	h[n++] = xstrdup("Accept: text/event-stream");
	h[n++] = xstrdup("Expect:");	/* no 100-continue */
	if (t->key)
		h[n++] = key_header(t);
	if (wire_of(t) == WIRE_ANTHROPIC) {
		h[n++] = xstrdup("anthropic-version: 2023-06-01");
		if (*en->betas)
			h[n++] = xasprintf("anthropic-beta: %s", en->betas);
	}
	h[n] = NULL;
}

static void
free_headers(char *h[N_HEADERS])
{
	for (size_t i = 0; h[i]; i++) {
		explicit_bzero(h[i], strlen(h[i]));
		free(h[i]);
	}
}

/* A line break in a key would be a header of its own. */
static bool
key_ok(const char *key)
{
	for (; key && *key; key++)
		if ((unsigned char)*key < ' ' || *key == 0x7f)
			return false;
	return true;
}

static int
exchange(struct model *m, const struct model_request *rq,
    const struct encode *en, const struct buf *body,
    const struct model_deadlines *dl, const struct model_watch *w,
    const bool *cancel, struct model_reply *reply, struct model_error *me)
{
	char *headers[N_HEADERS], *path = model_path(rq->target),
	    *url = xasprintf("%s%s", rq->target->base_url, path);
	struct exchange x = { .me = me };
	int rc;

	make_headers(rq->target, en, headers);
	decode_init(&x.d, rq, reply, me, w);
	x.sse = (struct sse){ .event = on_event, .arg = &x };
	x.call = (struct http_call){ .url = url, .headers = headers,
	    .body = body->p, .body_n = body->n, .cancel = cancel,
	    .d = deadlines(rq, url, dl), .data = on_data, .want = on_want,
	    .arg = &x };
	rc = http_post(m->http, &x.call, me);
	if (rc < 0)
		rc = salvage(&x);
	else if (rc == 0 || me->fault == FAULT_NONE)
		rc = conclude(&x);
	else
		rc = -1;
	if (x.call.status / 100 != 2)
		me->status = x.call.status;
	if (rc == 0)
		settle_calls(rq, reply, x.d.turn);
	decode_free(&x.d);
	sse_free(&x.sse);
	buf_free(&x.body);
	free_headers(headers);
	free(path);
	free(url);
	return rc;
}

/* ---- the call ---- */

static bool
test_client(void)
{
	const char *s = getenv("RKAT_TEST_CLIENT");

	return s && !strcmp(s, "1");
}

/* Sheet 1.1: no network at all. */
static int
answer_ok(const struct model_watch *w, struct model_reply *reply)
{
	struct block *b = reply->blocks = xcalloc(1, sizeof *b);

	reply->n_blocks = 1;
	b->kind = BLOCK_TEXT;
	b->done = true;
	buf_puts(&b->text, "ok");
	reply->stop = STOP_END_TURN;
	if (w && w->text)
		w->text(w->arg, "ok", 2);
	return 0;
}

/* Did the server refuse the encrypted reasoning that we sent back (sheet 3.1)? */
static bool
replay_refused(const struct encode *en, const struct model_error *me)
{
	static const char *const words[] = { "invalid_encrypted_content",
		"encrypted content", "required following item",
		"Item with id" };

	if (!en->replayed || (me->status != 400 && me->status != 404))
		return false;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasestr(me->text, words[i]))
			return true;
	return false;
}

int
model_call(struct model *m, const struct model_request *rq,
    const struct model_deadlines *d, const struct model_watch *w,
    const bool *cancel, struct model_reply *reply, struct model_error *me)
{
	struct buf body = BUF_INIT;
	struct encode en;
	struct err e = ERR_NONE;
	int rc = -1;

	*reply = (struct model_reply){ .usage = USAGE_NONE };
	*me = (struct model_error){ .retry_after_ms = -1 };
	if (cancel && *cancel) {
		reply->stop = STOP_CANCELLED;
		return fault_set(me, FAULT_CANCELLED, "%s", "");
	}
	if (test_client())
		return answer_ok(w, reply);
	if (!rq->target->base_url)
		return fault_set(me, FAULT_INVALID_REQUEST,
		    "no address is known for the model %s", rq->target->id);
	if (!key_ok(rq->target->key))
		return fault_set(me, FAULT_AUTH,
		    "the API key holds a control character");
	if (!m->http)
		m->http = http_new(m->loop);
	for (int flags = 0; ; flags = TRANSCRIPT_NO_REPLAY) {
		buf_trunc(&body, 0);
		if (encode_body(&en, rq, flags, &body, &e) < 0) {
			fault_set(me, FAULT_INVALID_REQUEST, "%s", e.text);
			break;
		}
		rc = exchange(m, rq, &en, &body, d, w, cancel, reply, me);
		if (rc == 0 || flags || !replay_refused(&en, me))
			break;
		model_reply_free(reply);
		*me = (struct model_error){ .retry_after_ms = -1 };
	}
	if (me->fault == FAULT_CANCELLED)
		reply->stop = STOP_CANCELLED;
	fault_redact(me, rq->target->key);
	buf_free(&body);
	return rc;
}
