#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "serve/accept.h"
#include "serve/listen.h"
#include "serve/rpc.h"
#include "serve/server.h"
#include "store/config.h"

/* Where clients come in. */

static void
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct door *d = arg;

	(void)sa;
	(void)len;
	rpc_connect(d->s->rpc, fd, fd, RPC_SOCKET);
}

static int
listen_rpc(struct door *d, int fd, struct err *e)
{
	d->rpc = acceptor_new(d->s->base, fd, on_accept, d, e);
	return d->rpc ? 0 : -1;
}

/* Clients come in at fd from now on; path (or NULL) is removed at the end. */
static int
open_door(struct server *s, int fd, bool rest, const char *path,
    struct err *e)
{
	struct door *d = &s->doors[s->n_doors];
	char *name;

	if (fd < 0)
		return -1;
	*d = (struct door){ .s = s, .path = xstrdup(path) };
	name = listen_name(fd, rest ? "http" : "tcp");
	s->n_doors++;
	if ((rest ? http_listen(s->http, fd, e) : listen_rpc(d, fd, e)) < 0) {
		free(name);
		return -1;
	}
	fprintf(stderr, "%s listening on %s\n", prog, name);
	free(name);
	return 0;
}

/* Where config says. */
static char *
rest_address(struct server *s, struct err *e)
{
	struct config c;
	char *host, *at;

	if (s->o.rest_at)
		return xstrdup(s->o.rest_at);
	if (config_load(&s->realm, &c, e) < 0)
		return NULL;
	host = config_str(&c, "rest/host");
	at = xasprintf(strchr(host, ':') && *host != '[' ? "[%s]:%lld" :
	    "%s:%lld", host, (long long)config_i64(&c, "rest/port", 8080));
	free(host);
	config_free(&c);
	return at;
}

static int
open_rest(struct server *s, struct err *e)
{
	char *where = rest_address(s, e);
	int rc = -1;

	if (where)
		rc = open_door(s, listen_tcp(&(struct listen_at){
		    .flag = "--rest", .where = where, .names = true,
		    .remote = s->o.allow_remote }, e), true, NULL, e);
	free(where);
	return rc;
}

/* Whoever opened it for us is asked the same question. */
static int
open_inherited(struct server *s, const struct inherited *in, struct err *e)
{
	if (listen_remote(in->fd) && !s->o.allow_remote)
		return err_set(e, E_INVALID_PARAMS, "LISTEN_FDS: a socket "
		    "beyond loopback needs --allow-remote and --token-file");
	return open_door(s, in->fd, in->kind == INHERIT_REST, NULL, e);
}

int
open_doors(struct server *s, struct err *e)
{
	const struct options *o = &s->o;

	for (size_t i = 0; i < s->n_inherited; i++)
		if (open_inherited(s, &s->inherited[i], e) < 0)
			return -1;
	if (o->tcp && open_door(s, listen_tcp(&(struct listen_at){
	    .flag = "--tcp", .where = o->tcp, .remote = o->allow_remote }, e),
	    false, NULL, e) < 0)
		return -1;
	if (o->unix_path && open_door(s, listen_unix("--unix", o->unix_path,
	    e), false, o->unix_path, e) < 0)
		return -1;
	if (o->rest && open_rest(s, e) < 0)
		return -1;
	if (o->rest_unix && open_door(s, listen_unix("--rest-unix",
	    o->rest_unix, e), true, o->rest_unix, e) < 0)
		return -1;
	return 0;
}

void
close_doors(struct server *s)
{
	for (size_t i = 0; i < s->n_doors; i++) {
		acceptor_free(s->doors[i].rpc);
		if (s->doors[i].path)
			unlink(s->doors[i].path);
		free(s->doors[i].path);
	}
	s->n_doors = 0;
}

/*
 * fd as a descriptor of ours that does not block.  A pipe or terminal is opened again:
 * its flags are shared with others, who did not ask for that.
 */
static int
own_fd(int fd, int mode)
{
	char path[32];
	struct stat st;
	int own = -1;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		own = open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own < 0 && (own = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0)
		fcntl(own, F_SETFL, fcntl(own, F_GETFL) | O_NONBLOCK);
	return own;
}

int
serve_stdio(struct server *s, struct err *e)
{
	int in = own_fd(STDIN_FILENO, O_RDONLY);
	int out = own_fd(STDOUT_FILENO, O_WRONLY);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (in < 0 || out < 0 || null < 0)
		return err_sys(e, E_FAILED, "standard input and output");
	/* Nothing else reads there or writes between our lines. */
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	rpc_connect(s->rpc, in, out, RPC_STDIO);
	return 0;
}
