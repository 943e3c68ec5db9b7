/*
 * What rkat-serve is made of, in this process: a realm of its own, and no workers, so
 * that turns wait in the queue until their client is gone.
 */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/fs.h"
#include "base/util.h"
#include "runner/drain.h"
#include "runner/pool.h"
#include "serve/feed.h"
#include "serve/http_impl.h"
#include "serve/rest.h"
#include "serve/rpc.h"
#include "serve/turns.h"
#include "store/db.h"
#include "store/realm.h"
#include "fuzz.h"

struct server {
	char root[32];
	struct realm realm;
	struct event_base *base;
	struct db *db;
	struct pool *pool;
	struct drain *drain;
	struct turns *turns;
	struct feeds *feeds;
	struct rpc *rpc;
	struct rest *rest;
	struct http *http;
};

static struct server server;

static void
server_remove(void)
{
	fs_remove_tree(server.root, NULL);
}

static void
server_open(void)
{
	static char *const worker[] = { NULL };
	struct server *s = &server;
	struct realm_opts o = { .realm = "fuzz", .state_root = s->root };

	if (s->base)
		return;
	strcpy(s->root, "/tmp/rkat-fuzz.XXXXXX");
	CLAIM(mkdtemp(s->root));
	atexit(server_remove);
	signal(SIGPIPE, SIG_IGN);
	CLAIM(realm_resolve(&o, &s->realm, NULL) == 0);
	CLAIM(realm_create(&s->realm, NULL) == 0);
	CLAIM((s->db = db_open(&s->realm, NULL)));
	s->base = event_base_new();
	s->pool = pool_new(&(struct pool_opts){ .base = s->base,
	    .argv = worker });
	s->drain = drain_new(&(struct drain_opts){ .base = s->base,
	    .db = s->db, .pool = s->pool });
	s->turns = turns_new(s->db, s->pool, s->drain);
	s->feeds = feeds_new(s->base, &s->realm);
	s->rpc = rpc_new(&(struct rpc_opts){ .base = s->base, .db = s->db,
	    .pool = s->pool, .turns = s->turns, .feeds = s->feeds });
	s->rest = rest_new(&(struct rest_opts){ .base = s->base, .db = s->db,
	    .pool = s->pool, .turns = s->turns, .feeds = s->feeds });
	s->http = http_server_new(&(struct http_opts){ .base = s->base,
	    .routes = rest_routes, .n_routes = rest_n_routes,
	    .arg = s->rest, .limits = HTTP_LIMITS, .access_fd = -1 });
	rest_served_by(s->rest, s->http);
}

/*
 * A client that says this, in two pieces, and leaves.  What it was told goes behind
 * told.
 */
static void
server_client(void (*connected)(int fd), const uint8_t *p, size_t n,
    struct buf *told)
{
	size_t half = n ? p[n - 1] % n : 0;
	int fds[2];
	ssize_t got;

	CLAIM(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fds) == 0);
	connected(fds[1]);
	CLAIM(write(fds[0], p, half) == (ssize_t)half);
	event_base_loop(server.base, EVLOOP_NONBLOCK);
	if (write(fds[0], p + half, n - half) == (ssize_t)(n - half))
		shutdown(fds[0], SHUT_WR);	/* else we were hung up on */
	for (int i = 0; i < 8; i++) {
		event_base_loop(server.base, EVLOOP_NONBLOCK);
		while ((got = read(fds[0], buf_room(told, 65536), 65536)) > 0)
			told->n += (size_t)got;
	}
	buf_end(told);
	close(fds[0]);
	for (int i = 0; i < 4; i++)
		event_base_loop(server.base, EVLOOP_NONBLOCK);
}

#endif
