#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "peerd/peerd.h"
#include "serve/accept.h"
#include "serve/inherit.h"
#include "serve/listen.h"
#include "store/config.h"
#include "store/db.h"
#include "store/participants.h"

/* Where signed envelopes come in. */

struct door {
	struct door *next;
	struct peerd *p;
	struct acceptor *acceptor;
	const char *channel;
	char *path;		/* to be removed, or NULL */
	char *asked;		/* the address as a participant has it, or NULL */
	bool wanted;		/* some participant still does */
	char *name;		/* "tcp://...", "uds://..." */
};
struct doors {
	struct door *first;
	bool changed;		/* since others were told */
};

static void
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct door *d = arg;

	(void)len;
	in_accept(d->p, fd, sa, d->channel);
}

/* fd -1: it could not be opened. */
static int
add(struct peerd *p, int fd, const char *path, const char *asked,
    struct err *e)
{
	struct door *d;
	char *name;

	if (fd < 0)
		return -1;
	d = xcalloc(1, sizeof *d);
	if (!(d->acceptor = acceptor_new(p->base, fd, on_accept, d, e))) {
		free(d);
		return -1;
	}
	name = listen_name(fd, "tcp");
	d->next = p->doors->first;
	d->p = p;
	d->channel = "tcp";
	d->path = xstrdup(path);
	d->asked = xstrdup(asked);
	if (!strncmp(name, "unix:", 5)) {
		d->channel = "uds";
		d->name = xasprintf("uds://%s", name + 5);
	} else {
		d->name = xstrdup(name);
	}
	p->doors->first = d;
	fprintf(stderr, "%s listening on %s\n", prog, name);
	free(name);
	p->doors->changed = true;
	return 0;
}

/* ---- where we are, for others of this machine: run/peerd.json ---- */

/* As we were told, or else the first port that is not of every address. */
static char *
advertised(const struct peerd *p)
{
	const struct door *d;
	char *at = NULL;

	if (p->o.advertise)
		return xasprintf("tcp://%s", p->o.advertise);
	for (d = p->doors->first; d; d = d->next)
		if (!strncmp(d->name, "tcp://", 6) &&
		    strncmp(d->name, "tcp://0.0.0.0:", 14) &&
		    strncmp(d->name, "tcp://[::]:", 11)) {
			free(at);
			at = xstrdup(d->name);
		}
	return at;
}

static void
tell(struct peerd *p)
{
	char *path = realm_file(&p->realm, "run", "peerd", ".json");
	char *advertise = advertised(p);
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	const struct door *d;

	jput_open(&b, '{');
	jput_ki64(&b, "pid", getpid());
	jput_key(&b, "listen");
	jput_open(&b, '[');
	for (d = p->doors->first; d; d = d->next)
		jput_cstr(&b, d->name);
	jput_close(&b, ']');
	jput_kcstr(&b, "advertise", advertise);
	jput_close(&b, '}');
	buf_putc(&b, '\n');
	if (fs_write_atomic(path, b.p, b.n, 0600, &e) < 0)
		warn("%s", e.text);
	p->doors->changed = false;
	buf_free(&b);
	free(advertise);
	free(path);
}

/* A signature is asked for from everybody, so any address will do. */
static int
open_tcp(struct peerd *p, const char *flag, const char *where,
    const char *asked, struct err *e)
{
	return add(p, listen_tcp(&(struct listen_at){ .flag = flag,
	    .where = where, .remote = true, .names = true }, e), NULL, asked, e);
}

static int
open_unix(struct peerd *p, const char *flag, const char *path,
    const char *asked, struct err *e)
{
	return add(p, listen_unix(flag, path, e), path, asked, e);
}

/* ---- sessions that have a listener of their own ---- */

static void
shut(struct door *d)
{
	acceptor_free(d->acceptor);
	if (d->path)
		unlink(d->path);
	free(d->path);
	free(d->asked);
	free(d->name);
	free(d);
}

static int
want(void *arg, const char *session, const char *listen)
{
	struct peerd *p = arg;
	struct door *d;

	(void)session;
	for (d = p->doors->first; d; d = d->next)
		d->wanted |= d->asked && !strcmp(d->asked, listen);
	return 0;
}

/* Those of sessions that are gone, or have it elsewhere now. */
static int
shut_unwanted(struct peerd *p, struct err *e)
{
	struct door *d, **at;

	for (d = p->doors->first; d; d = d->next)
		d->wanted = !d->asked;
	if (participants_listening(p->db, want, p, e) < 0)
		return -1;
	for (at = &p->doors->first; (d = *at); )
		if (d->wanted) {
			at = &d->next;
		} else {
			*at = d->next;
			fprintf(stderr, "%s not listening on %s any more\n",
			    prog, d->name);
			p->doors->changed = true;
			shut(d);
		}
	return 0;
}

static bool
is_open(const struct peerd *p, const char *asked)
{
	const struct door *d;

	for (d = p->doors->first; d; d = d->next)
		if (d->asked && !strcmp(d->asked, asked))
			return true;
	return false;
}

static int
open_own(void *arg, const char *session, const char *listen)
{
	struct peerd *p = arg;
	struct err e = ERR_NONE;
	struct address a;
	int rc = -1;

	if (is_open(p, listen))
		return 0;
	if (address_parse(listen, &a, &e) == 0) {
		if (a.kind == ADDRESS_UNIX)
			rc = open_unix(p, "its listener", a.path, listen, &e);
		else
			rc = open_tcp(p, "its listener", strstr(listen, "://") +
			    3, listen, &e);
		address_free(&a);
	}
	if (rc < 0)
		gate_refuse(p, "listener", session, e.text);
	return 0;
}

void
doors_look(struct peerd *p)
{
	struct err e = ERR_NONE;

	if (p->o.once || p->stopping)
		return;
	if (shut_unwanted(p, &e) < 0 ||
	    participants_listening(p->db, open_own, p, &e) < 0)
		warn("sessions with a listener: %s", e.text);
	if (p->doors->changed)
		tell(p);
}

/* ---- what we were asked for ---- */

/* comms.mode and comms.address, where no flag says otherwise. */
static int
open_configured(struct peerd *p, struct err *e)
{
	struct config c;
	char *mode, *at, *path;
	int rc = 0;

	if (config_load(&p->realm, &c, e) < 0)
		return -1;
	mode = config_str(&c, "comms/mode");
	at = config_str(&c, "comms/address");
	if (strcmp(mode, "inproc") && !at) {
		rc = err_set(e, E_INVALID_PARAMS, "comms.address is required "
		    "when comms.mode = %s", mode);
	} else if (!strcmp(mode, "tcp")) {
		rc = open_tcp(p, "comms.address", at, NULL, e);
	} else if (!strcmp(mode, "uds")) {
		path = *at == '/' ? xstrdup(at) : xasprintf("%s/%s",
		    p->realm.dir, at);
		rc = open_unix(p, "comms.address", path, NULL, e);
		free(path);
	}
	free(mode);
	free(at);
	config_free(&c);
	return rc;
}

static int
open_inherited(struct peerd *p, size_t *n, struct err *e)
{
	static const char *const kinds[] = { "comms", "event", NULL };
	struct inherited list[INHERIT_MAX];

	if (inherit(list, n, kinds, 0, e) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++)
		if ((list[i].kind ? plain_listen(p, list[i].fd, e) :
		    add(p, list[i].fd, NULL, NULL, e)) < 0)
			return -1;
	return 0;
}

static int
check_advertise(const char *at, struct err *e)
{
	char *s = xasprintf("tcp://%s", at);
	struct address a;
	int rc = address_parse(s, &a, e);

	if (rc == 0)
		address_free(&a);
	else
		err_wrap(e, "--advertise-tcp");
	free(s);
	return rc;
}

int
doors_open(struct peerd *p, struct err *e)
{
	const struct options *o = &p->o;
	size_t given;

	p->doors = xcalloc(1, sizeof *p->doors);
	if (o->advertise && check_advertise(o->advertise, e) < 0)
		return -1;
	if (o->once)
		return 0;
	if (open_inherited(p, &given, e) < 0)
		return -1;
	if (o->tcp && open_tcp(p, "--listen-tcp", o->tcp, NULL, e) < 0)
		return -1;
	if (o->unix_path && open_unix(p, "--listen-unix", o->unix_path, NULL,
	    e) < 0)
		return -1;
	if (!given && !o->tcp && !o->unix_path && open_configured(p, e) < 0)
		return -1;
	doors_look(p);
	return plain_open(p, e);
}

void
doors_close(struct peerd *p)
{
	struct door *d;

	if (p->doors && p->doors->first) {
		char *path = realm_file(&p->realm, "run", "peerd", ".json");

		unlink(path);
		free(path);
	}
	while (p->doors && (d = p->doors->first)) {
		p->doors->first = d->next;
		shut(d);
	}
	free(p->doors);
	p->doors = NULL;
}
