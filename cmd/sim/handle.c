#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/json.h"
#include "base/util.h"
#include "sim/answer.h"
#include "sim/check.h"
#include "sim/record.h"
#include "sim/sim.h"

/* ---- header lines ---- */

static void
put_anthropic_limits(struct buf *b)
{
	static const char *const what[] = { "requests", "tokens",
	    "input-tokens", "output-tokens" };
	char reset[32];

	time_rfc3339(time_ms(), reset);
	for (size_t i = 0; i < COUNT(what); i++)
		buf_printf(b, "anthropic-ratelimit-%s-limit: 1000000\r\n"
		    "anthropic-ratelimit-%s-remaining: 1000000\r\n"
		    "anthropic-ratelimit-%s-reset: %s\r\n",
		    what[i], what[i], what[i], reset);
}

static void
put_openai_limits(struct buf *b)
{
	static const char *const what[] = { "requests", "tokens" };

	for (size_t i = 0; i < COUNT(what); i++)
		buf_printf(b, "x-ratelimit-limit-%s: 1000000\r\n"
		    "x-ratelimit-remaining-%s: 1000000\r\n"
		    "x-ratelimit-reset-%s: 1ms\r\n", what[i], what[i], what[i]);
}

/* What each provider sends with every answer. */
static void
put_fields(struct buf *b, const struct request *rq, const char *type)
{
	buf_printf(b, "content-type: %s\r\n", type);
	if (rq->format == F_ANTHROPIC) {
		buf_printf(b, "request-id: req_sim%" PRId64 "\r\n", rq->n);
		put_anthropic_limits(b);
	} else if (rq->format == F_OPENAI) {
		buf_printf(b, "x-request-id: req_sim%" PRId64 "\r\n", rq->n);
		put_openai_limits(b);
	}
}

/* ---- replies ---- */

/* A request that lives as long as the body that answers it. */
struct job {
	struct request rq;
	struct body body;
};

static bool
job_next(void *arg, struct buf *out, int64_t *delay_ms, enum ending *end)
{
	struct job *j = arg;

	return j->body.next(j->body.arg, out, delay_ms, end);
}

static void
job_free(void *arg)
{
	struct job *j = arg;

	j->body.free(j->body.arg);
	request_free(&j->rq);
	free(j);
}

/* Raw pieces, each as often as it wants. */
struct raw_run {
	const struct reply *reply;
	size_t i;
	int64_t times;
};

static bool
raw_next(void *arg, struct buf *out, int64_t *delay_ms, enum ending *end)
{
	struct raw_run *run = arg;
	const struct piece *p;

	while (run->i < run->reply->n_pieces &&
	    run->times == run->reply->pieces[run->i].times) {
		run->i++;
		run->times = 0;
	}
	*end = run->reply->end;
	if (run->i == run->reply->n_pieces)
		return false;
	p = &run->reply->pieces[run->i];
	buf_put(out, p->p, p->n);
	*delay_ms = p->delay_ms;
	run->times++;
	return true;
}

static void
raw_body(const struct reply *reply, struct body *b)
{
	struct raw_run *run = xcalloc(1, sizeof *run);

	run->reply = reply;
	*b = (struct body){ raw_next, free, run };
}

static void
send_error(struct conn *c, const struct request *rq, const struct failure *f,
    const struct buf *fields, int64_t delay_ms)
{
	struct buf head = BUF_INIT, body = BUF_INIT;

	put_fields(&head, rq, "application/json");
	error_fields(&head, rq->format, f);
	if (fields)
		buf_put(&head, buf_str(fields), fields->n);
	error_put(&body, rq->format, f, rq->n);
	http_reply(c, f->status, head.p, body.p, body.n, delay_ms);
	buf_free(&head);
	buf_free(&body);
}

void
sim_fail(struct conn *c, const struct request *rq, const struct failure *f)
{
	send_error(c, rq, f, NULL, 0);
}

void
sim_reply(struct conn *c, struct request *rq, const struct reply *r)
{
	struct failure f = { .status = (int)r->status, .type = r->err_type,
	    .code = r->err_code, .message = r->err_message,
	    .retry_after = r->retry_after };
	const char *type = r->content_type ? r->content_type :
	    r->raw ? "text/event-stream" : answer_content_type(rq);
	struct buf head = BUF_INIT;
	struct job *j;

	if (r->status != 200 && !r->raw) {
		send_error(c, rq, &f, &r->fields, r->delay_ms);
		request_free(rq);
		return;
	}
	if (r->raw) {	/* the script says everything */
		buf_printf(&head, "content-type: %s\r\n", type);
	} else {
		put_fields(&head, rq, type);
		buf_puts(&head, "cache-control: no-cache\r\n");
	}
	buf_put(&head, buf_str(&r->fields), r->fields.n);
	j = xcalloc(1, sizeof *j);
	j->rq = *rq;
	if (r->raw)
		raw_body(r, &j->body);
	else
		answer_body(&j->rq, r, &j->body);
	http_stream(c, (int)r->status, head.p, r->delay_ms,
	    &(struct body){ job_next, job_free, j });
	buf_free(&head);
}

/* ---- routes ---- */

static void
send_json(struct conn *c, const struct request *rq, struct buf *b)
{
	struct buf head = BUF_INIT;

	put_fields(&head, rq, "application/json");
	http_reply(c, 200, head.p, b->p, b->n, 0);
	buf_free(&head);
	buf_free(b);
}

/* The models that rules name plainly, and one that always is there. */
static void
send_models(const struct sim *s, struct conn *c, const struct request *rq)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "object", "list");
	jput_key(&b, "data");
	jput_open(&b, '[');
	for (size_t i = 0; i <= s->script.n; i++) {
		const char *model = i ? s->script.rules[i - 1].match.model : "sim";

		if (!model || strpbrk(model, "*?["))
			continue;
		jput_open(&b, '{');
		jput_kcstr(&b, "id", model);
		jput_kcstr(&b, "object", "model");
		jput_ki64(&b, "created", 0);
		jput_kcstr(&b, "owned_by", "rkat-sim");
		jput_close(&b, '}');
	}
	jput_close(&b, ']');
	jput_close(&b, '}');
	send_json(c, rq, &b);
}

/* What is no model call; true if it was answered. */
static bool
handle_other(struct sim *s, struct conn *c, const struct request *rq)
{
	bool get = !strcmp(rq->http->method, "GET") ||
	    !strcmp(rq->http->method, "HEAD");
	struct failure f = { .status = 404, .type = "not_found_error" };
	char message[256];
	struct buf b = BUF_INIT;

	if (rq->format <= F_GEMINI && !strcmp(rq->http->method, "POST"))
		return false;
	log_request(s, rq, 0);
	if (get && rq->format == F_MODELS) {
		send_models(s, c, rq);
	} else if (get && !strcmp(rq->http->path, "/health")) {
		buf_puts(&b, "{\"status\":\"ok\"}");
		send_json(c, rq, &b);
	} else {
		snprintf(message, sizeof message, "rkat-sim: no such route: "
		    "%.20s %.160s", rq->http->method, rq->http->path);
		f.message = message;
		if (rq->format != F_OTHER) {
			f.status = 405;
			f.type = NULL;
		}
		sim_fail(c, rq, &f);
	}
	return true;
}

/* ---- the modes ---- */

static void
no_rule(struct conn *c, const struct request *rq)
{
	struct refusal r = { .f = { .status = 0 } };
	const char *user = buf_str(&rq->user);

	refuse(&r, 400, "rkat-sim: no rule matches: format %s, model \"%.80s\", "
	    "turn %" PRId64 "%s, user \"%.*s\"", format_names[rq->format],
	    rq->model, rq->turn, rq->has_tool_result ? ", with a tool result" : "",
	    (int)utf8_cut(user, rq->user.n, 120), user);
	sim_fail(c, rq, &r.f);
}

static void
by_script(struct sim *s, struct conn *c, struct request *rq)
{
	int i = script_match(&s->script, rq);

	log_request(s, rq, i + 1);
	if (i >= 0) {
		sim_reply(c, rq, &s->script.rules[i].reply);
		return;
	}
	no_rule(c, rq);
	request_free(rq);
}

static void
by_replay(struct sim *s, struct conn *c, struct request *rq)
{
	struct failure f = { .status = 400 };
	char *why = NULL;
	const struct reply *reply = replay_find(s->replay, rq, &why);

	log_request(s, rq, 0);
	if (reply) {
		sim_reply(c, rq, reply);
		return;
	}
	f.message = why;
	sim_fail(c, rq, &f);
	request_free(rq);
	free(why);
}

static int
check(const struct sim *s, const struct request *rq, struct refusal *r)
{
	struct err e = ERR_NONE;

	if (!rq->body.p) {
		if (json_check(buf_str(&rq->http->body), rq->http->body.n, &e) < 0)
			return refuse(r, 400, "the body is not JSON: %s", e.text);
		return refuse(r, 400, "the body is not a JSON object");
	}
	return s->lax ? 0 : check_request(rq, r);
}

void
sim_handle(void *arg, struct conn *c, struct http_request *http)
{
	struct sim *s = arg;
	struct request rq;
	struct refusal r = { .f = { .status = 0 } };

	request_read(&rq, http, ++s->n);
	if (handle_other(s, c, &rq)) {
		request_free(&rq);
		return;
	}
	if (s->recorder) {
		log_request(s, &rq, 0);
		recorder_handle(s->recorder, c, &rq);
		return;
	}
	if (s->replay) {
		by_replay(s, c, &rq);
		return;
	}
	if (check(s, &rq, &r) < 0) {
		log_request(s, &rq, 0);
		sim_fail(c, &rq, &r.f);
		request_free(&rq);
		return;
	}
	by_script(s, c, &rq);
}

void
sim_refuse(void *arg, const struct http_request *http, int status,
    const char *why, struct buf *body)
{
	struct sim *s = arg;
	struct refusal r = { .f = { .status = 0 } };
	enum format format = http->path ? request_format(http->path) : F_OTHER;

	refuse(&r, status, "rkat-sim: %s", why);
	error_put(body, format, &r.f, ++s->n);
}
