#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/comms.h"
#include "store/arrivals.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/outbox.h"

/* The way of a letter, or of an event: each hop with its time. */

struct trace {
	struct cmd *c;
	bool has_letter, has_arrival, has_input;
	struct letter letter;
	struct arrival arrival;
	struct input input;
	struct buf b;
};

static void
trace_free(struct trace *t)
{
	letter_free(&t->letter);
	arrival_free(&t->arrival);
	input_free(&t->input);
	buf_free(&t->b);
}

/* ---- what there is ---- */

static int
load_input(struct trace *t, const char *id)
{
	struct err why = ERR_NONE;

	t->has_input = inputs_load(t->c->db, id, &t->input, &why) == 0;
	if (t->has_input || why.code == E_NOT_FOUND)
		return 0;
	t->c->e = why;
	return -1;
}

static int
one_more(void *arg, int64_t at_ms, const char *what, const char *detail)
{
	size_t *n = arg;

	(void)at_ms;
	(void)what;
	(void)detail;
	++*n;
	return 0;
}

static int
load(struct trace *t, const char *id)
{
	struct err why = ERR_NONE;
	size_t n = 0;
	int rc;

	t->has_letter = outbox_load(t->c->db, id, &t->letter, &why) == 0;
	if (!t->has_letter && why.code != E_NOT_FOUND) {
		t->c->e = why;
		return -1;
	}
	if ((rc = arrival_load(t->c->db, id, &t->arrival, &t->c->e)) < 0)
		return -1;
	t->has_arrival = rc > 0;
	if (load_input(t, t->arrival.input ? t->arrival.input : id) < 0)
		return -1;
	if (t->has_letter || t->has_arrival || t->has_input)
		return 0;
	/* What was refused left no more than its hops. */
	if (hops(t->c->db, id, one_more, &n, &t->c->e) < 0)
		return -1;
	if (n)
		return 0;
	return err_set(&t->c->e, E_NOT_FOUND, "nothing is known of %.80s: want "
	    "the id of an envelope or of an input", id);
}

/* ---- as JSON ---- */

static int
put_hop(void *arg, int64_t at_ms, const char *what, const char *detail)
{
	struct buf *b = arg;

	jput_open(b, '{');
	jput_ktime(b, "at", at_ms);
	jput_kcstr(b, "what", what);
	if (detail)
		jput_kcstr(b, "detail", detail);
	jput_close(b, '}');
	return 0;
}

static void
put_arrival(struct buf *b, const struct arrival *a)
{
	jput_key(b, "arrival");
	jput_open(b, '{');
	jput_ktime(b, "at", a->created_ms);
	jput_kcstr(b, "session_id", a->session);
	jput_kcstr(b, "from", a->from);
	jput_kcstr(b, "from_key", a->from_key);
	jput_kcstr(b, "channel", a->channel);
	jput_kraw(b, "kind", a->json, strlen(a->json));
	jput_close(b, '}');
}

static void
put_input(struct buf *b, const struct input *in)
{
	char *history = xasprintf("[%s]", in->history);

	jput_key(b, "input");
	jput_open(b, '{');
	jput_kcstr(b, "id", in->id);
	jput_ktime(b, "at", in->created_ms);
	jput_kcstr(b, "session_id", in->session);
	jput_kcstr(b, "source", in->source);
	jput_kcstr(b, "mode", in->mode);
	jput_kcstr(b, "key", in->idem);
	jput_kcstr(b, "state", in->state);
	jput_kcstr(b, "run", in->run);
	jput_ki64(b, "attempts", in->attempts);
	jput_kraw(b, "history", history, strlen(history));
	jput_close(b, '}');
	free(history);
}

static int
print_json(struct trace *t, const char *id)
{
	struct buf *b = &t->b;

	jput_open(b, '{');
	jput_kcstr(b, "id", id);
	jput_key(b, "hops");
	jput_open(b, '[');
	if (hops(t->c->db, id, put_hop, b, &t->c->e) < 0)
		return -1;
	jput_close(b, ']');
	if (t->has_letter) {
		jput_key(b, "letter");
		comms_put_letter(b, &t->letter);
	}
	if (t->has_arrival)
		put_arrival(b, &t->arrival);
	if (t->has_input)
		put_input(b, &t->input);
	jput_close(b, '}');
	return cmd_line(t->c, b);
}

/* ---- for people: every step in time's order ---- */

struct step {
	char at[32];
	struct buf text;
};
struct way {
	struct step *v;
	size_t n;
};

static struct buf *
add_step(struct way *w, const char *at)
{
	struct step *s;

	w->v = xrealloc(w->v, (w->n + 1) * sizeof *w->v);
	s = &w->v[w->n++];
	memset(s, 0, sizeof *s);
	strncpy(s->at, at, sizeof s->at - 1);
	return &s->text;
}

static int
add_hop(void *arg, int64_t at_ms, const char *what, const char *detail)
{
	struct buf *b;
	char at[32];

	time_rfc3339(at_ms, at);
	b = add_step(arg, at);
	buf_puts(b, what);
	if (detail) {
		buf_puts(b, ": ");
		comms_put(b, detail, 300);
	}
	return 0;
}

static void
add_input(struct way *w, const struct input *in)
{
	char *history = xasprintf("[%s]", in->history), at[32];
	struct jiter it;

	time_rfc3339(in->created_ms, at);
	buf_printf(add_step(w, at), "queued as input %s of session %s", in->id,
	    in->session);
	for (it = json_iter(json_text(history)); json_next(&it); ) {
		char *when = json_get_str(it.value, "timestamp");
		char *to = json_get_str(it.value, "to");
		char *reason = json_get_str(it.value, "reason");
		struct buf *b = add_step(w, when ? when : "");

		buf_puts(b, to ? to : "");
		if (in->run && to && !strcmp(to, "applied"))
			buf_printf(b, " in run %s", in->run);
		if (reason)
			buf_printf(b, " (%s)", reason);
		free(when);
		free(to);
		free(reason);
	}
	free(history);
}

/* Few, and nearly in order: what happened at the same time stays as it is. */
static void
sort_steps(struct way *w)
{
	for (size_t i = 1; i < w->n; i++) {
		struct step s = w->v[i];
		size_t k = i;

		for (; k > 0 && strcmp(w->v[k - 1].at, s.at) > 0; k--)
			w->v[k] = w->v[k - 1];
		w->v[k] = s;
	}
}

static void
put_title(struct buf *b, const struct trace *t)
{
	if (t->has_letter) {
		buf_puts(b, "to ");
		comms_put(b, t->letter.peer, 200);
		buf_printf(b, " (%s): ", t->letter.state);
		comms_put_kind(b, t->letter.json, 200);
	} else if (t->has_arrival) {
		buf_puts(b, "from ");
		comms_put(b, t->arrival.from, 200);
		buf_printf(b, " over %s: ", t->arrival.channel);
		comms_put_kind(b, t->arrival.json, 200);
	} else {
		buf_printf(b, "%s from ", t->input.kind);
		comms_put(b, t->input.source, 200);
		buf_puts(b, ": ");
		comms_put(b, t->input.body, 200);
	}
	buf_putc(b, '\n');
}

static int
print_text(struct trace *t, const char *id)
{
	struct way w = { .v = NULL };
	int rc = hops(t->c->db, id, add_hop, &w, &t->c->e);

	if (t->has_input)
		add_input(&w, &t->input);
	sort_steps(&w);
	put_title(&t->b, t);
	for (size_t i = 0; i < w.n; i++) {
		buf_printf(&t->b, "%s  %s\n", w.v[i].at,
		    buf_str(&w.v[i].text));
		buf_free(&w.v[i].text);
	}
	free(w.v);
	return rc < 0 ? -1 : cmd_write(t->c, &t->b);
}

VERB(verb_trace)
{
	struct trace t = { .c = c };
	const char *id;
	int rc;

	if (cmd_args(c, argc, argv, 1) < 0)
		return -1;
	if (comms_open_for(c, argv[optind]) < 0)
		return -1;
	id = argv[optind];
	comms_expire(c);
	rc = load(&t, id);
	if (rc == 0)
		rc = c->json ? print_json(&t, id) : print_text(&t, id);
	trace_free(&t);
	return rc;
}
