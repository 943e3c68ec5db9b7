#ifndef SERVE_TURNS_IMPL_H
#define SERVE_TURNS_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"
#include "serve/turns.h"

struct job;
struct job_hooks;

/* What the turns*.c files share. */

struct turns {
	struct db *db;
	struct pool *pool;
	struct drain *drain;
	TAILQ_HEAD(turn_list, turn) list;
	size_t n;
	bool stopped;
	struct watch *watch;		/* turns_watch.c */
	void (*idle)(void *arg);
	void *idle_arg;
};

struct turn {
	TAILQ_ENTRY(turn) link;
	struct turns *t;
	struct turn_hooks hooks;
	struct job *job;
	char session[UUID_LEN + 1];	/* "": not made yet */
	bool create;		/* its session ends if it fails */
	bool deferred;
	bool resident;		/* it is answered before its first run */
	bool peer;		/* of a create: others can speak to it */
	bool wake;		/* of the drain: it has no job of its own */
	bool run;		/* its job is the run, not the making of its session */
	bool ran;		/* and came to its end */
	bool cancelled, abandoned;
	char *prompt;		/* of a create, until its run */
};

/* ---- turns.c ---- */

struct turn *turn_new(struct turns *t, const char *session,
    const struct turn_hooks *hooks);
/* Start its run; members is an open object, and freed. */
void turn_run(struct turn *k, struct buf *members);
/* The end, as an error or not. */
void turn_fail(struct turn *k, const struct err *e, const struct buf *data);
void turn_refuse(struct turn *k, const char *why);
void turn_finish(struct turn *k, struct jtext result);
/* Why a job failed: 0 if it did not; data gets what is known of it. */
int turn_error(struct jtext answer, const struct err *lost, struct err *e,
    struct buf *data);

/* ---- turns_watch.c ---- */

void turns_unwatch(struct turns *t);

#endif
