#include <poll.h>
#include <signal.h>

#include "base/util.h"
#include "store/events.h"
#include "store/participants.h"
#include "turn/keep.h"
#include "turn/signals.h"

#define LOOK_MS 1000	/* where nothing wakes us */

static void
grown(void *arg, int fd, short revents)
{
	(void)arg;
	(void)fd;
	(void)revents;	/* it ends the wait, that is all */
}

static int
show_new(struct follower *f, struct render *render, struct err *e)
{
	struct jtext line, payload, type;
	int rc;

	while ((rc = follower_next(f, &line, NULL, e)) > 0) {
		payload = json_get(line, "payload");
		type = json_get(payload, "type");
		render_event(render, "primary", payload);
		if (json_str_is(type, "run_completed") ||
		    json_str_is(type, "run_failed"))
			render_end(render);
	}
	return rc;
}

/* Somebody may have said that it is enough, or archived the session. */
static bool
is_resident(struct front *t, int64_t *next)
{
	int64_t now = time_mono_ms();
	struct participant p;
	bool yes;
	int found;

	if (now < *next)
		return true;
	*next = now + LOOK_MS;
	found = participant_load(t->db, t->session, &p, NULL);
	yes = found < 0 || (found > 0 && p.resident);
	participant_free(&p);
	if (!yes)
		out_puts(&t->err, "Keep-alive: the session is not resident "
		    "any more, shutting down...\n");
	return yes;
}

static void
say_end(struct front *t)
{
	const char *what = signal_caught() == SIGINT ? "Ctrl+C" :
	    signal_caught() == SIGHUP ? "SIGHUP" : "SIGTERM";
	struct buf b = BUF_INIT;

	buf_printf(&b, "Received %s, shutting down...\n\nShutting down...\n",
	    what);
	out_put(&t->err, b.p, b.n);
	buf_free(&b);
}

int
keep_follow(struct front *t, struct render *render, struct lines *lines,
    struct resident *peerd, int64_t after, struct err *e)
{
	struct follower *f = follower_open(&t->realm, t->session, after, e);
	struct loop_fd *watch = NULL;
	int64_t next = 0;
	int fd, rc = 0;

	if (!f)
		return -1;
	while (!signal_caught() && !t->out.error && is_resident(t, &next)) {
		/* First the watch, then the look: what comes in between wakes us. */
		if ((fd = follower_fd(f)) >= 0 && !watch)
			watch = loop_watch(t->loop, fd, POLLIN, grown, NULL);
		if ((rc = show_new(f, render, e)) < 0)
			break;
		if (lines)
			lines_look(lines);
		loop_once(t->loop, LOOK_MS);
	}
	loop_unwatch(watch);
	if (signal_caught())
		say_end(t);
	resident_end(peerd);
	if (rc == 0)
		rc = show_new(f, render, e);
	render_end(render);
	follower_close(f);
	return rc;
}
