#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/line.h"
#include "base/util.h"
#include "comms/envelope.h"
#include "peerd/peerd.h"
#include "runner/wire.h"
#include "serve/accept.h"
#include "serve/listen.h"
#include "store/config.h"
#include "store/db.h"
#include "store/participants.h"

/*
 * Plain event listeners (comms sheet section 16.1): whoever gets in can speak to the
 * session, so they are for programs of this machine.  Nothing is ever written back.
 */
#define TALKERS 64		/* at once; others wait in the kernel */
#define LINE_BYTES FRAME_MAX

struct talker {
	TAILQ_ENTRY(talker) link;
	struct peerd *p;
	struct wire *wire;
	const char *channel;
};

struct ear {
	struct ear *next;
	struct peerd *p;
	struct acceptor *acceptor;
	const char *channel;
	char *path;		/* to be removed, or NULL */
};

struct plain {
	char session[UUID_LEN + 1];	/* that is spoken to; "": not asked yet */
	struct ear *ears;
	TAILQ_HEAD(talkers, talker) talkers;
	size_t n;
};

/* ---- lines ---- */

static void
on_line(void *arg, const char *line, size_t n)
{
	struct talker *t = arg;
	struct buf text = BUF_INIT;

	line_trim(&line, &n);
	if (!utf8_valid(line, n)) {
		gate_refuse(t->p, "malformed", "plain events",
		    "a line that is not UTF-8");
		return;
	}
	if (n)
		line_text(line, n, &text);
	if (text.n)
		admit_event(t->p, t->p->plain->session, t->channel, text.p,
		    text.n);
	buf_free(&text);
}

static void
on_too_long(void *arg)
{
	struct talker *t = arg;

	gate_refuse(t->p, "malformed", "plain events",
	    "a line of more than 1 MiB");
}

/* Room for one more: listen again. */
static void
set_open(struct plain *s, bool open)
{
	struct ear *e;

	for (e = s->ears; e; e = e->next)
		acceptor_open(e->acceptor, open);
}

static void
talker_free(struct talker *t)
{
	struct plain *s = t->p->plain;

	TAILQ_REMOVE(&s->talkers, t, link);
	wire_free(t->wire);
	free(t);
	if (s->n-- == TALKERS)
		set_open(s, true);
}

static void
on_ended(void *arg, bool broken)
{
	(void)broken;
	talker_free(arg);
}

static void
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct ear *e = arg;
	struct plain *s = e->p->plain;
	struct talker *t = xcalloc(1, sizeof *t);
	const struct wire_hooks hooks = { .line = on_line,
	    .too_long = on_too_long, .ended = on_ended, .arg = t };

	(void)sa;
	(void)len;
	*t = (struct talker){ .p = e->p, .channel = e->channel };
	t->wire = wire_new(e->p->base, fd, fd, LINE_BYTES, 0, &hooks);
	TAILQ_INSERT_TAIL(&s->talkers, t, link);
	if (++s->n == TALKERS)
		set_open(s, false);
}

/* ---- the session that is spoken to ---- */

static int
take_resident(void *arg, const struct participant *row)
{
	struct plain *s = arg;

	s->n++;
	memcpy(s->session, row->session, UUID_LEN + 1);
	return 0;
}

/* The one of --session, or the only resident there is. */
static int
find_session(struct peerd *p, struct err *e)
{
	struct plain found = { .n = p->o.n_sessions };

	if (found.n)
		memcpy(found.session, p->o.sessions[0], UUID_LEN + 1);
	else if (participants(p->db, true, take_resident, &found, e) < 0)
		return -1;
	if (found.n != 1)
		return err_set(e, E_INVALID_PARAMS, "plain events go to one "
		    "session, and %zu are resident here: name one with "
		    "--session", found.n);
	memcpy(p->plain->session, found.session, UUID_LEN + 1);
	return 0;
}

/* ---- listening ---- */

static int
add(struct peerd *p, int fd, const char *path, struct err *e)
{
	struct ear *ear;
	char *name;

	if (fd < 0)
		return -1;
	ear = xcalloc(1, sizeof *ear);
	if (!(ear->acceptor = acceptor_new(p->base, fd, on_accept, ear, e))) {
		free(ear);
		return -1;
	}
	name = listen_name(fd, "tcp");
	ear->next = p->plain->ears;
	ear->p = p;
	ear->channel = strncmp(name, "unix:", 5) ? "tcp" : "uds";
	ear->path = xstrdup(path);
	p->plain->ears = ear;
	fprintf(stderr, "%s taking events on %s\n", prog, name);
	free(name);
	return *p->plain->session ? 0 : find_session(p, e);
}

static int
open_tcp(struct peerd *p, const char *flag, const char *where, struct err *e)
{
	int fd = listen_tcp(&(struct listen_at){ .flag = flag, .where = where,
	    .remote = true }, e);

	if (fd < 0)
		return -1;
	if (!listen_remote(fd))
		return add(p, fd, NULL, e);
	close(fd);
	return err_set(e, E_INVALID_PARAMS, "%s %.80s: Unsafe binding: Plain "
	    "event listener on non-loopback address is a prompt injection "
	    "vector", flag, where);
}

int
plain_listen(struct peerd *p, int fd, struct err *e)
{
	if (listen_remote(fd))
		return err_set(e, E_INVALID_PARAMS, "LISTEN_FDS: Unsafe "
		    "binding: Plain event listener on non-loopback address is "
		    "a prompt injection vector");
	return add(p, fd, NULL, e);
}

/* comms.event_address counts where signed listeners are on and no auth is asked for. */
static int
open_configured(struct peerd *p, struct err *e)
{
	struct config c;
	char *mode, *auth, *at;
	int rc = 0;

	if (config_load(&p->realm, &c, e) < 0)
		return -1;
	mode = config_str(&c, "comms/mode");
	auth = config_str(&c, "comms/auth");
	at = config_str(&c, "comms/event_address");
	if (at && strcmp(mode, "inproc") && !strcmp(auth, "none"))
		rc = open_tcp(p, "comms.event_address", at, e);
	free(mode);
	free(auth);
	free(at);
	config_free(&c);
	return rc;
}

int
plain_open(struct peerd *p, struct err *e)
{
	const struct options *o = &p->o;
	bool given = p->plain->ears != NULL;

	if (o->event_tcp && open_tcp(p, "--event-tcp", o->event_tcp, e) < 0)
		return -1;
	if (o->event_unix && add(p, listen_unix("--event-unix", o->event_unix,
	    e), o->event_unix, e) < 0)
		return -1;
	if (!given && !o->event_tcp && !o->event_unix)
		return open_configured(p, e);
	return 0;
}

void
plain_new(struct peerd *p)
{
	p->plain = xcalloc(1, sizeof *p->plain);
	TAILQ_INIT(&p->plain->talkers);
}

void
plain_close(struct peerd *p)
{
	struct plain *s = p->plain;
	struct talker *t;
	struct ear *e;

	if (!s)
		return;
	while ((e = s->ears)) {
		s->ears = e->next;
		acceptor_free(e->acceptor);
		if (e->path)
			unlink(e->path);
		free(e->path);
		free(e);
	}
	while ((t = TAILQ_FIRST(&s->talkers)))
		talker_free(t);
	free(s);
	p->plain = NULL;
}
