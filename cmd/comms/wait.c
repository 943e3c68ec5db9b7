#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/json.h"
#include "comms/cmd_send.h"
#include "store/arrivals.h"
#include "store/inputs.h"
#include "store/outbox.h"

/* What became of a letter. */

#define LOOK_MS 500		/* when nobody tells us */

static const char *const names[] = {
	[ACCEPTED] = "accepted", [DELIVERED] = "delivered",
	[ADMITTED] = "admitted", [ANSWERED] = "answered",
};

const char *
grade_name(enum grade g)
{
	return names[g];
}

enum grade
grade_parse(const char *s)
{
	for (enum grade g = ACCEPTED; g <= ANSWERED; g++)
		if (!strcmp(names[g], s))
			return g;
	return GRADE_NONE;
}

void
standing_free(struct standing *s)
{
	free(s->why);
	free(s->answer);
	*s = (struct standing){ .grade = GRADE_NONE };
}

/* ---- looking ---- */

/* Taken by a run, or never to be. */
static int
look_input(struct cmd *c, const char *id, struct standing *s)
{
	struct input in;

	if (inputs_load(c->db, id, &in, &c->e) < 0)
		return -1;
	if (!strcmp(in.state, "queued")) {
		s->grade = DELIVERED;
	} else if (!strcmp(in.state, "abandoned") && in.attempts == 0) {
		s->grade = DEAD;
		s->why = xstrdup("its receiver threw its queue away");
	} else {
		s->grade = ADMITTED;
	}
	input_free(&in);
	return 0;
}

/* Inside this realm the receiver's queue tells more. */
static int
look_arrival(struct cmd *c, const char *id, struct standing *s)
{
	struct arrival a;
	int rc = arrival_load(c->db, id, &a, &c->e);

	if (rc > 0 && a.input)
		rc = look_input(c, a.input, s);
	arrival_free(&a);
	return rc < 0 ? -1 : 0;
}

static int
look_letter(struct cmd *c, const char *id, struct standing *s)
{
	struct letter l;
	int rc = 0;

	comms_expire(c);
	if (outbox_load(c->db, id, &l, &c->e) < 0)
		return -1;
	s->grade = grade_parse(l.state);
	if (s->grade == GRADE_NONE) {	/* expired, refused */
		s->grade = DEAD;
		s->why = xasprintf("%s%s%s", l.state, l.error ? ": " : "",
		    l.error ? l.error : "");
	} else if (s->grade == DELIVERED && !l.address) {
		rc = look_arrival(c, id, s);
	} else if (s->grade == DELIVERED) {	/* the wire has no word for admitted */
		s->untold = !json_str_is(json_get(json_text(l.json), "type"),
		    "request");
	} else if (s->grade == ACCEPTED) {
		s->why = xstrdup(l.error);
	}
	s->answer = xstrdup(l.answer);
	letter_free(&l);
	return rc;
}

static int
look(struct cmd *c, const struct receipt *r, struct standing *s)
{
	standing_free(s);
	return r->kind == SEND_INPUT ? look_input(c, r->id, s) :
	    look_letter(c, r->id, s);
}

/* ---- waiting ---- */

struct watch {
	int commits;		/* inotify on the WAL; -1: we look by the clock */
	int signals;
};

static void
watch_open(struct cmd *c, struct watch *w)
{
	char *wal = realm_file(&c->realm, ".", "realm", ".sqlite3-wal");
	sigset_t set;

	w->commits = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->commits >= 0)
		inotify_add_watch(w->commits, wal, IN_MODIFY);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	free(wal);
}

static void
watch_close(struct watch *w)
{
	if (w->commits >= 0)
		close(w->commits);
	if (w->signals >= 0)
		close(w->signals);
}

/* 0, or the signal that came. */
static int
pause_until(struct watch *w, int64_t left)
{
	struct pollfd p[2] = { { .fd = w->commits, .events = POLLIN },
	    { .fd = w->signals, .events = POLLIN } };
	struct signalfd_siginfo si;
	char events[4096];

	poll(p, 2, (int)(left < LOOK_MS ? left : LOOK_MS));
	while (w->commits >= 0 && read(w->commits, events, sizeof events) > 0)
		;
	if (read(w->signals, &si, sizeof si) == (ssize_t)sizeof si)
		return (int)si.ssi_signo;
	return 0;
}

int
wait_grade(struct cmd *c, const struct receipt *r, enum grade want,
    int64_t ms, struct standing *s)
{
	int64_t end = time_mono_ms() + ms, left;
	struct watch w;
	int rc;

	watch_open(c, &w);
	while ((rc = look(c, r, s)) == 0 && s->grade < want &&
	    !s->untold && (left = end - time_mono_ms()) > 0)
		if ((rc = pause_until(&w, left)) != 0)
			break;
	watch_close(&w);
	return rc;
}
