#ifndef SERVE_RPC_H
#define SERVE_RPC_H

#include <stdbool.h>

struct auth;
struct event_base;
struct db;
struct feeds;
struct pool;
struct turns;

/*
 * JSON-RPC 2.0 as lines (contract rpc sheet): any number of clients, one realm.  Turns
 * are the pool's; what is asked of the store is answered at once.
 */
struct rpc;

/* All are borrowed. */
struct rpc_opts {
	struct event_base *base;
	struct db *db;
	struct pool *pool;
	struct turns *turns;
	struct feeds *feeds;
	const struct auth *auth;	/* what RPC_SOCKET clients show first; NULL: nothing */
	/* A drain came to its end, or (late) to its deadline; may be told more than once. */
	void (*drained)(void *arg, bool late);
	void *arg;
};

struct rpc *rpc_new(const struct rpc_opts *o);
/* turns_free and pool_free come next. */
void rpc_free(struct rpc *s);

/* Let a session work on its queue, as turns_watch_hooks.wake wants it; client is one of ours. */
void rpc_wake_client(void *arg, void *client, const char *session);

enum rpc_client {
	RPC_STDIO,	/* the server ends with it */
	RPC_SOCKET
};
/* Serve a client on these descriptors, which must not block; takes them. */
void rpc_connect(struct rpc *s, int in, int out, enum rpc_client kind);
/*
 * Read no more, answer what was read; drained is told.  Turns that run longer than
 * grace_ms are interrupted; after another second it is told that it is late.
 */
void rpc_drain(struct rpc *s, int grace_ms);
/* A stream whose client takes nothing for so long ends; 30 s unless it is said. */
void rpc_set_stall(struct rpc *s, int seconds);
/* Did the reader of a RPC_STDIO client go away? */
bool rpc_broken(const struct rpc *s);

#endif
