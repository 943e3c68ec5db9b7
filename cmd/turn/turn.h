#ifndef TURN_TURN_H
#define TURN_TURN_H

#include <stdbool.h>

#include "agent/agent.h"
#include "base/err.h"
#include "base/loop.h"
#include "store/config.h"
#include "store/realm.h"
#include "turn/options.h"
#include "turn/out.h"

/*
 * What every front end of rkat-turn stands on: a realm, its database, one agent at a
 * time, and the two streams that tell about it.
 */
struct turn {
	struct realm realm;
	struct config config;
	struct db *db;
	struct loop *loop;
	struct model *model;
	struct out out, err;
	char session[UUID_LEN + 1];
	int lock;			/* of the session, -1 if none */
	struct agent *agent;
};

/* Realm and configuration; nothing is made yet. */
int turn_init(struct turn *t, const struct options *o, struct err *e);
/* The database.  Without create a realm that does not exist is SESSION_NOT_FOUND. */
int turn_open(struct turn *t, bool create, struct err *e);
void turn_close(struct turn *t);

/* Lock the session and load its agent; event sees every event line. */
int turn_take(struct turn *t, const char *session,
    void (*event)(void *arg, const char *line, size_t n, struct jtext payload),
    void *arg, struct err *e);
void turn_release(struct turn *t);	/* more than once is fine */

/*
 * The budget that -d and --max-tool-calls ask for, over the limits of the
 * configuration; empty if neither was given.
 */
void turn_budget(const struct turn *t, const struct options *o, struct buf *b);
/* run_spec of the options that every run takes; budget from turn_budget. */
void turn_spec(const struct options *o, const struct buf *budget,
    struct run_spec *spec);
/* Is input queued for the session? */
bool turn_has_input(struct turn *t);

/*
 * Say the last word: write what waits, report *e (if it has a code) and give the exit
 * status: 128 + the signal that stopped us, 141 when the reader of stdout went away.
 */
int turn_status(struct turn *t, const struct options *o, const struct err *e);

/* ---- the front ends; each answers the exit status ---- */
int people_main(const struct options *o);	/* run, resume, continue */
int pipe_main(const struct options *o);		/* SESSION PROMPT, --drain */
int worker_main(const struct options *o);	/* --worker */

#endif
