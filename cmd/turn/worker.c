#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/jput.h"
#include "store/sessions.h"
#include "turn/callback.h"
#include "turn/request.h"
#include "turn/signals.h"
#include "turn/front.h"

/*
 * rkat-turn --worker: requests as JSON lines on stdin, events and results as JSON
 * lines on stdout (rkat-worker(5)).  One run at a time; what comes in meanwhile waits
 * its turn, except interrupt and ping, which are answered at once.
 */
#define REQUEST_MAX ((size_t)64 << 20)	/* bytes of a line */
#define WAITING_MAX 1000		/* requests */
#define KEPT_FREE (1 << 20)	/* bytes of heap: a run takes and frees some 100 kB often */

struct worker {
	struct front t;
	struct buf in;		/* what is not a whole line yet */
	bool skip;		/* inside a line that is too long */
	bool eof, stop;
	struct loop_fd *watch;
	char **queue;		/* request lines that wait, oldest first */
	size_t n_queue;
	struct jtext current;	/* id of the run under way */
	struct callbacks *tools;
	const struct tool_source *sources[2];
	char *late_run, *late_tools;	/* tools that came for a run which still waits */
};

/* ---- answers ---- */

static void
begin(struct buf *b, struct jtext id)
{
	jput_open(b, '{');
	jput_kraw(b, "id", id.p, id.n);
}

static void
end(struct worker *w, struct buf *b)
{
	jput_close(b, '}');
	buf_putc(b, '\n');
	out_put(&w->t.out, b->p, b->n);
	buf_free(b);
}

static void
answer(struct worker *w, struct jtext id, const char *result)
{
	struct buf b = BUF_INIT;

	begin(&b, id);
	jput_kraw(&b, "result", result, strlen(result));
	end(w, &b);
}

static void
answer_error(struct worker *w, struct jtext id, const struct err *e)
{
	struct buf b = BUF_INIT;

	begin(&b, id);
	jput_key(&b, "error");
	err_emit(e, &b);
	end(w, &b);
}

/* The event's line as it is, inside ours. */
static void
on_event(void *arg, const char *line, size_t n, struct jtext payload)
{
	struct worker *w = arg;
	struct buf b = BUF_INIT;

	(void)payload;
	begin(&b, w->current);
	jput_kraw(&b, "event", line, n - 1);
	end(w, &b);
}

static void
on_tool(void *arg, const struct buf *call)
{
	struct worker *w = arg;
	struct buf b = BUF_INIT;

	begin(&b, w->current);
	jput_kraw(&b, "tool", call->p, call->n);
	end(w, &b);
}

/* ---- operations ---- */

static void
answer_run(struct worker *w, const struct run_result *r)
{
	static const char *const outcomes[] = {
		[RUN_COMPLETED] = "completed", [RUN_CALLBACK] = "callback",
		[RUN_NOTHING] = "nothing",
	};
	struct buf b = BUF_INIT;

	begin(&b, w->current);
	jput_kcstr(&b, "outcome", outcomes[r->outcome]);
	jput_key(&b, "result");
	run_result_emit(r, w->t.session, w->t.realm.id, &b);
	if (r->outcome == RUN_CALLBACK) {
		jput_key(&b, "pending");
		jput_open(&b, '{');
		jput_kcstr(&b, "tool_name", r->pending_tool);
		jput_kraw(&b, "args", r->pending_args.p, r->pending_args.n);
		jput_close(&b, '}');
	}
	end(w, &b);
}

static bool
same_id(struct jtext a, struct jtext b)
{
	return a.p && a.n == b.n && !memcmp(a.p, b.p, a.n);
}

/* The tools that the run was asked with, or that came for it since. */
static void
take_tools(struct worker *w, const struct request *rq)
{
	bool late = same_id(json_text(w->late_run), rq->id);

	callbacks_set(w->tools, late ? json_text(w->late_tools) : rq->tools);
}

static void
op_run(struct worker *w, const struct request *rq)
{
	struct err e = ERR_NONE;
	struct run_result r;
	char id[UUID_LEN + 1];
	int rc;

	w->current = rq->id;
	take_tools(w, rq);
	if (session_resolve(w->t.db, rq->session, id, &e) < 0 ||
	    front_take(&w->t, id, on_event, w, &e) < 0) {
		answer_error(w, rq->id, &e);
		return;
	}
	rc = agent_run(w->t.agent, &rq->run, &r, &e);
	/* Unlock first: who reads the answer may start the next turn elsewhere. */
	front_release(&w->t);
	if (rc == 0 && r.outcome == RUN_INTERRUPTED)
		rc = err_set(&e, E_REQUEST_CANCELLED, "Run was cancelled");
	if (rc < 0)
		answer_error(w, rq->id, &e);
	else
		answer_run(w, &r);
	run_result_free(&r);
}

static void
op_create(struct worker *w, const struct request *rq)
{
	struct err e = ERR_NONE;
	struct session s;
	struct buf b = BUF_INIT, ref = BUF_INIT;

	if (agent_create_peer(w->t.db, &rq->create, NULL, NULL, &s, &e) < 0) {
		answer_error(w, rq->id, &e);
		return;
	}
	buf_printf(&ref, "%s:%s", w->t.realm.id, s.id);
	jput_open(&b, '{');
	jput_kcstr(&b, "session_id", s.id);
	jput_kcstr(&b, "session_ref", ref.p);
	jput_close(&b, '}');
	answer(w, rq->id, b.p);
	buf_free(&b);
	buf_free(&ref);
	session_free(&s);
}

/* The run under way, if it is of that session. */
static void
op_interrupt(struct worker *w, const struct request *rq)
{
	bool hit = w->t.agent && (!rq->session ||
	    !strcmp(rq->session, w->t.session));

	if (hit)
		agent_interrupt(w->t.agent);
	answer(w, rq->id, hit ? "{\"interrupted\":true}" :
	    "{\"interrupted\":false}");
}

static void
answer_taken(struct worker *w, const struct request *rq, bool taken)
{
	answer(w, rq->id, taken ? "{\"taken\":true}" : "{\"taken\":false}");
}

static void
op_tools(struct worker *w, const struct request *rq)
{
	bool now = w->t.agent && same_id(w->current, rq->of);

	if (now) {
		callbacks_set(w->tools, rq->tools);
	} else if (w->n_queue) {
		free(w->late_run);
		free(w->late_tools);
		w->late_run = xstrndup(rq->of.p, rq->of.n);
		w->late_tools = xstrndup(rq->tools.p ? rq->tools.p : "[]",
		    rq->tools.p ? rq->tools.n : 2);
	}
	answer_taken(w, rq, now || w->n_queue);
}

static void
handle(struct worker *w, const struct request *rq)
{
	switch (rq->op) {
	case OP_RUN: op_run(w, rq); break;
	case OP_CREATE: op_create(w, rq); break;
	case OP_INTERRUPT: op_interrupt(w, rq); break;
	case OP_TOOLS: op_tools(w, rq); break;
	case OP_TOOL_RESULT:
		answer_taken(w, rq, callbacks_answer(w->tools,
		    rq->tool_use_id, rq->content, rq->is_error));
		break;
	case OP_PING:
		answer(w, rq->id, w->t.agent ? "{\"busy\":true}" :
		    "{\"busy\":false}");
		break;
	case OP_EXIT:
		w->stop = true;
		answer(w, rq->id, "{}");
		break;
	}
}

/* ---- requests ---- */

/* Does it concern the run under way? */
static bool
at_once(enum op op)
{
	return op == OP_INTERRUPT || op == OP_PING || op == OP_TOOLS ||
	    op == OP_TOOL_RESULT;
}

static void
enqueue(struct worker *w, const char *p, size_t n)
{
	w->queue = xrealloc(w->queue, (w->n_queue + 1) * sizeof *w->queue);
	w->queue[w->n_queue++] = xstrndup(p, n);
}

static void
take_line(struct worker *w, const char *p, size_t n)
{
	struct request rq;
	struct err e = ERR_NONE;

	if (n && p[n - 1] == '\r')
		n--;
	if (!n)
		return;
	if (request_parse(json_slice(p, n), &rq, &e) < 0)
		answer_error(w, rq.id, &e);
	else if (at_once(rq.op))
		handle(w, &rq);
	else if (w->n_queue < WAITING_MAX)
		enqueue(w, p, n);
	else {
		err_set(&e, E_FAILED, "%d requests are waiting already",
		    WAITING_MAX);
		e.retryable = true;
		answer_error(w, rq.id, &e);
	}
	request_free(&rq);
}

static void
too_long(struct worker *w)
{
	struct err e = ERR_NONE;

	err_set(&e, E_INVALID_PARAMS, "a request of more than %zu MiB",
	    REQUEST_MAX >> 20);
	if (!w->skip)
		answer_error(w, JTEXT_NONE, &e);
	w->skip = true;
	buf_trunc(&w->in, 0);
}

static void
take_lines(struct worker *w)
{
	size_t off = 0;
	char *nl;

	while (off < w->in.n &&
	    (nl = memchr(w->in.p + off, '\n', w->in.n - off))) {
		size_t n = (size_t)(nl - w->in.p) - off;

		if (!w->skip)
			take_line(w, w->in.p + off, n);
		w->skip = false;
		off += n + 1;
	}
	buf_drop(&w->in, off);
	if (w->in.n > REQUEST_MAX)
		too_long(w);
}

static void
readable(void *arg, int fd, short revents)
{
	struct worker *w = arg;
	ssize_t n = read(fd, buf_room(&w->in, 65536), 65536);

	(void)revents;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		w->in.n += (size_t)n;
		buf_end(&w->in);
		take_lines(w);
		return;
	}
	if (w->in.n && !w->skip)	/* a last line without its end */
		take_line(w, w->in.p, w->in.n);
	w->eof = true;
	loop_unwatch(w->watch);
	w->watch = NULL;
}

/* The oldest request that waits. */
static void
next(struct worker *w)
{
	struct err e = ERR_NONE;
	struct request rq;
	char *line = w->queue[0];

	memmove(w->queue, w->queue + 1, --w->n_queue * sizeof *w->queue);
	if (request_parse(json_text(line), &rq, &e) == 0)
		handle(w, &rq);
	request_free(&rq);
	w->current = JTEXT_NONE;
	free(line);
}

/* What nobody will work on any more gets its answer all the same. */
static void
refuse_rest(struct worker *w)
{
	struct err e = ERR_NONE;
	struct request rq;

	err_set(&e, E_REQUEST_CANCELLED, "the worker ends");
	e.retryable = true;
	for (size_t i = 0; i < w->n_queue; i++) {
		if (request_parse(json_text(w->queue[i]), &rq, NULL) == 0)
			answer_error(w, rq.id, &e);
		request_free(&rq);
		free(w->queue[i]);
	}
	free(w->queue);
}

static void
serve(struct worker *w)
{
	w->watch = loop_watch(w->t.loop, STDIN_FILENO, POLLIN, readable, w);
	while (!w->stop && !signal_caught() && !w->t.out.error) {
		if (w->n_queue)
			next(w);
		else if (w->eof)
			break;
		else
			loop_once(w->t.loop, -1);
	}
	loop_unwatch(w->watch);
}

int
worker_main(const struct options *o)
{
	struct worker w = { .eof = false };
	struct err e = ERR_NONE;
	int status;

	mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
	if (front_init(&w.t, o, &e) == 0 && front_open(&w.t, true, &e) == 0) {
		w.tools = callbacks_new(w.t.loop, on_tool, &w);
		w.sources[0] = callbacks_source(w.tools);
		w.t.sources = w.sources;
		serve(&w);
	}
	refuse_rest(&w);
	status = front_status(&w.t, o, &e);
	buf_free(&w.in);
	free(w.late_run);
	free(w.late_tools);
	front_release(&w.t);
	callbacks_free(w.tools);
	front_close(&w.t);
	return status;
}
