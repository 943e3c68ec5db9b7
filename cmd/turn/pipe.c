#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/jput.h"
#include "store/sessions.h"
#include "turn/signals.h"
#include "turn/front.h"

/*
 * rkat-turn SESSION PROMPT and rkat-turn --drain SESSION: a turn for programs.  Event
 * lines on stdout, then the result object as the last line.
 */
static void
on_event(void *arg, const char *line, size_t n, struct jtext payload)
{
	struct front *t = arg;

	(void)payload;
	out_put(&t->out, line, n);
}

/* The prompt as content: text, or with --content JSON as it came. */
static int
read_content(const struct options *o, struct buf *content, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	if (strcmp(o->prompt, "-"))
		buf_puts(&text, o->prompt);
	else
		rc = stdin_prompt(STDIN_FILENO, &text, e);
	if (rc == 0 && o->content)
		rc = json_check(buf_str(&text), text.n, e);
	if (rc == 0 && o->content)
		buf_put(content, text.p, text.n);
	else if (rc == 0 && text.n)
		jput_str(content, text.p, text.n);
	buf_free(&text);
	return rc;
}

static int
prepare(const struct options *o, struct front *t, struct buf *content,
    char id[UUID_LEN + 1], struct err *e)
{
	char ref[256];

	snprintf(ref, sizeof ref, "%.255s", o->session);
	if (front_init(t, o, e) < 0)
		return -1;
	if (!strcmp(ref, "-") &&
	    stdin_first_line(STDIN_FILENO, ref, sizeof ref, e) < 0)
		return -1;
	if (o->prompt && read_content(o, content, e) < 0)
		return -1;
	if (front_open(t, false, e) < 0)
		return -1;
	return session_resolve(t->db, ref, id, e);
}

static int
run(struct front *t, const struct run_spec *spec, struct err *e)
{
	struct buf b = BUF_INIT;
	struct run_result r;
	int rc = agent_run(t->agent, spec, &r, e);

	if (rc == 0 && r.outcome == RUN_INTERRUPTED)
		rc = err_set(e, E_REQUEST_CANCELLED, "Run was cancelled");
	if (rc == 0) {
		run_result_emit(&r, t->session, t->realm.id, &b);
		buf_putc(&b, '\n');
		out_put(&t->out, b.p, b.n);
	}
	buf_free(&b);
	run_result_free(&r);
	return rc;
}

/*
 * Until the queue is empty.  What came in between the last look and the unlocking had
 * found the session busy: so look once more (design section 4).  Whoever is faster
 * then does the work.
 */
static int
drain(struct front *t, const char *id, struct err *e)
{
	static const struct run_spec spec = { .drain = true };
	int rc;

	if (front_take(t, id, on_event, t, e) < 0)
		return -1;
	for (;;) {
		rc = run(t, &spec, e);
		front_release(t);
		if (rc < 0 || signal_caught() || !front_has_input(t))
			return rc;
		if (front_take(t, id, on_event, t, e) == 0)
			continue;
		if (e->code != E_SESSION_BUSY)
			return -1;
		*e = (struct err)ERR_NONE;
		return 0;
	}
}

int
pipe_main(const struct options *o)
{
	struct buf content = BUF_INIT, budget = BUF_INIT;
	struct err e = ERR_NONE;
	struct run_spec spec;
	struct front t;
	char id[UUID_LEN + 1];
	int status;

	if (prepare(o, &t, &content, id, &e) < 0)
		goto done;
	if (o->verb == VERB_DRAIN) {
		drain(&t, id, &e);
		goto done;
	}
	front_budget(&t, o, &budget);
	front_spec(o, &budget, &spec);
	if (content.n)
		spec.prompt = json_slice(content.p, content.n);
	if (front_take(&t, id, on_event, &t, &e) == 0)
		run(&t, &spec, &e);
done:
	front_release(&t);
	status = front_status(&t, o, &e);
	buf_free(&content);
	buf_free(&budget);
	front_close(&t);
	return status;
}
