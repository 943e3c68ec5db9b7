/*
 * rkat-peerd: the one resident of a realm (design section 4).  It takes in what others
 * say, delivers what is said to them, and has workers run the turns of resident
 * sessions; it runs none itself.  One thread; everything durable is in the database.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/proc.h"
#include "base/std.h"
#include "base/util.h"
#include "comms/envelope.h"
#include "peerd/peerd.h"
#include "runner/drain.h"
#include "runner/pool.h"
#include "serve/limits.h"
#include "serve/notify.h"
#include "store/db.h"
#include "store/lock.h"
#include "store/sessions.h"

#define WORKER_JOBS 1000	/* then it is replaced */
#define WORKER_BYTES ((size_t)64 << 20)	/* likewise */
#define GRACE_MS 10000		/* for turns, when we are told to stop */
#define LATE_MS 5000		/* for them to end when they are told, too */

/* ---- the end ---- */

void
peerd_quiet(struct peerd *p)
{
	if ((p->stopping || p->o.once) && drain_idle(p->drain) &&
	    admit_idle(p) && out_idle(p) &&
	    (p->stopping || (in_idle(p) && prune_idle(p))))
		event_base_loopbreak(p->base);
}

/* Turns had their time; what they work on stays for the next one. */
static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct peerd *p = arg;
	struct timeval late = { LATE_MS / 1000, 0 };

	(void)fd;
	(void)what;
	pool_stop(p->pool);
	event_base_loopexit(p->base, &late);
}

static void
stop(struct peerd *p)
{
	struct timeval grace = { GRACE_MS / 1000, 0 };

	p->stopping = true;
	notify(p->notify, "STOPPING=1");
	doors_close(p);
	plain_close(p);
	drain_stop(p->drain);
	out_stop(p);
	event_base_once(p->base, -1, EV_TIMEOUT, on_grace, p, &grace);
	peerd_quiet(p);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct peerd *p = arg;

	(void)sig;
	(void)what;
	if (p->stopping)	/* said twice it is urgent */
		on_grace(-1, 0, p);
	else
		stop(p);
}

/* ---- what can change while it runs ---- */

#define SIZE(member) offsetof(struct limits, member), true
#define NUMBER(member) offsetof(struct limits, member), false

static const struct limit limits_keys[] = {
	{ "connections", SIZE(connections), 1, 1000000 },
	{ "connections_per_address", SIZE(per_address), 1, 1000000 },
	{ "buffered_bytes", SIZE(buffered), FRAME_MAX, 1 << 30 },
	{ "frame_seconds", NUMBER(deadline_s), 1, 86400 },
	{ "peer_rate", NUMBER(rate), 1, 1000000 },
	{ "peer_burst", NUMBER(burst), 1, 1000000 },
	{ "batch", SIZE(batch), 1, 4096 },
	{ "realm_inbox", SIZE(realm_inbox), 1, 1000000 },
	{ "retain_days", NUMBER(retain_days), 0, 36500 },
	{ "silent_tries", NUMBER(silent_tries), 1, 1000000 },
	{ "silent_seconds", NUMBER(silent_s), 0, 31536000 },
};

static int
load_limits(struct peerd *p, struct err *e)
{
	struct limits l = LIMITS;

	if (p->o.limits && limits_load(p->o.limits, limits_keys,
	    COUNT(limits_keys), &l, e) < 0)
		return -1;
	p->limits = l;
	return 0;
}

static void
on_reload(evutil_socket_t sig, short what, void *arg)
{
	struct peerd *p = arg;
	struct err e = ERR_NONE;

	(void)sig;
	(void)what;
	if (p->stopping)
		return;
	notify_reloading(p->notify);
	if (load_limits(p, &e) < 0 || trust_fresh(&p->realm, &p->trust, &e) < 0)
		warn("reload: %s; it stays as it was", e.text);
	keys_forget(p);
	doors_look(p);
	notify(p->notify, "READY=1");
}

/* ---- the bell ---- */

static void
on_bell(evutil_socket_t fd, short what, void *arg)
{
	struct peerd *p = arg;

	(void)what;
	while (bell_read(fd))
		;
	if (p->stopping)
		return;
	doors_look(p);
	residents_look(p);
	out_wake(p);
	prune_look(p);
	if (p->o.n_sessions && !residents_left(p))
		stop(p);
}

static void
on_drained(void *arg, const char *session)
{
	resident_ended(arg, session);
	peerd_quiet(arg);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	residents_look(arg);
}

/* ---- the beginning ---- */

/* The ids in full, of sessions that are what they are taken for. */
static int
settle_sessions(struct peerd *p, struct err *e)
{
	char id[UUID_LEN + 1];

	for (size_t i = 0; i < p->o.n_sessions; i++) {
		if (session_resolve(p->db, p->o.sessions[i], id, e) < 0)
			return -1;
		free(p->o.sessions[i]);
		p->o.sessions[i] = xstrdup(id);
		if (!is_resident(p, id))
			return err_set(e, E_INVALID_PARAMS,
			    "--session %s: not a resident session", id);
	}
	return 0;
}

/* One for each realm. */
static int
take_realm(struct peerd *p, struct err *e)
{
	if (lock_session(&p->realm, "peerd", &p->lock_fd, e) == 0)
		return bell_open(&p->realm, "peerd", &p->bell_fd, e);
	return e->code != E_SESSION_BUSY ? -1 : err_set(e, E_CONFLICT,
	    "another rkat-peerd runs for realm %.80s", p->realm.id);
}

static int
open_realm(struct peerd *p, struct err *e)
{
	const char *to = getenv("NOTIFY_SOCKET");

	p->notify = xstrdup(to);
	unsetenv("NOTIFY_SOCKET");	/* not for our children */
	if (load_limits(p, e) < 0 ||
	    realm_resolve(&p->o.realm, &p->realm, e) < 0 ||
	    realm_create(&p->realm, e) < 0 || take_realm(p, e) < 0 ||
	    !(p->db = db_open(&p->realm, e)) ||
	    settle_sessions(p, e) < 0 ||
	    trust_load(&p->realm, &p->trust, e) < 0)
		return -1;
	return worker_command(&p->worker, &p->realm, e);
}

static void
build(struct peerd *p)
{
	const size_t workers = p->o.workers ? (size_t)p->o.workers : 1;

	p->base = event_base_new();
	p->pool = pool_new(&(struct pool_opts){ .base = p->base,
	    .argv = p->worker.argv, .max = workers, .recycle = WORKER_JOBS,
	    .too_large = WORKER_BYTES });
	p->drain = drain_new(&(struct drain_opts){ .base = p->base,
	    .db = p->db, .pool = p->pool, .max = workers });
	drain_watch(p->drain, &(struct drain_hooks){ .done = on_drained,
	    .arg = p });
	p->bell = event_new(p->base, p->bell_fd, EV_READ | EV_PERSIST, on_bell,
	    p);
	event_add(p->bell, NULL);
	p->retry = evtimer_new(p->base, on_retry, p);
	keys_open(p);
	gate_open(p);
	admit_open(p);
	in_open(p);
	plain_new(p);
	prune_open(p);
}

static int
dispatch(struct peerd *p, struct err *e)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct event *signals[3];
	int rc;

	for (size_t i = 0; i < COUNT(signals); i++) {
		signals[i] = evsignal_new(p->base, numbers[i],
		    numbers[i] == SIGHUP ? on_reload : on_signal, p);
		event_add(signals[i], NULL);
	}
	if ((rc = doors_open(p, e)) == 0 && (rc = out_open(p, e)) == 0) {
		residents_look(p);
		out_wake(p);
		prune_look(p);
		notify(p->notify, "READY=1");
		if (!p->o.once || !drain_idle(p->drain) || !out_idle(p) ||
		    !prune_idle(p))
			event_base_dispatch(p->base);
	}
	for (size_t i = 0; i < COUNT(signals); i++)
		event_free(signals[i]);
	return rc;
}

static void
close_all(struct peerd *p)
{
	if (p->base) {
		doors_close(p);
		plain_close(p);
		out_close(p);
		in_close(p);
		admit_close(p);
		gate_close(p);
		keys_close(p);
		drain_free(p->drain);
		pool_free(p->pool);
		prune_close(p);
		event_free(p->bell);
		event_free(p->retry);
		event_base_free(p->base);
	}
	if (p->bell_fd >= 0)
		bell_close(&p->realm, "peerd", p->bell_fd);
	trust_free(&p->trust);
	db_close(p->db);
	worker_command_free(&p->worker);
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	realm_free(&p->realm);
	options_free(&p->o);
	free(p->notify);
	proc_end_all();
}

int
main(int argc, char *argv[])
{
	struct peerd p = { .lock_fd = -1, .bell_fd = -1 };
	struct err e = ERR_NONE;
	int status = 0;

	prog = "rkat-peerd";
	std_fill();
	proc_subreaper();
	if (realm_args(&argc, argv, &p.o.realm, &e) < 0)
		return err_report(prog, &e);
	if ((status = options_parse(&p.o, argc, argv)) >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	raise_descriptors();
	status = 0;
	if (open_realm(&p, &e) < 0)
		status = err_report(prog, &e);
	else {
		build(&p);
		if (dispatch(&p, &e) < 0)
			status = err_report(prog, &e);
	}
	close_all(&p);
	return status;
}
