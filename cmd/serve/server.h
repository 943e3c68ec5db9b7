#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runner/command.h"
#include "serve/http.h"
#include "serve/inherit.h"
#include "serve/options.h"
#include "store/realm.h"

struct acceptor;
struct event;

/* What main.c and doors.c share. */

#define DOORS (4 + INHERIT_MAX)	/* listening sockets */

/* A socket where JSON-RPC clients come in, or where HTTP's do. */
struct door {
	struct server *s;
	struct acceptor *rpc;		/* NULL: http.c has it */
	char *path;			/* to be removed */
};

enum { INHERIT_REST, INHERIT_RPC };	/* kinds of sockets that we are given */

struct server {
	struct options o;
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
	struct auth *auth;
	struct door doors[DOORS];
	size_t n_doors;
	struct inherited inherited[INHERIT_MAX];
	size_t n_inherited;
	struct http_limits limits;
	int access_fd;
	char *notify;		/* NOTIFY_SOCKET */
	bool stopping, http_idle, rpc_idle;
	struct worker_command worker;

	pid_t peerd;		/* our rkat-peerd, or 0 */
	int peerd_fd;		/* its end */
	struct event *peerd_watch, *peerd_again;
	int64_t peerd_since;	/* when it was started last */
	int peerd_deaths;	/* in a row */
};

/* ---- doors.c ---- */

/* Listen everywhere that was asked for, and say where on stderr. */
int open_doors(struct server *s, struct err *e);
/* Accept no JSON-RPC clients any more; remove what was made. */
void close_doors(struct server *s);
/* JSON-RPC on our standard input and output. */
int serve_stdio(struct server *s, struct err *e);

/* ---- peerd.c ---- */

void watch_for_peerd(struct server *s);
/* Start rkat-peerd if it is needed; false: somebody else keeps the realm's residents. */
bool look_for_peerd(struct server *s);
void end_peerd(struct server *s);

#endif
