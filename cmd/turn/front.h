#ifndef TURN_FRONT_H
#define TURN_FRONT_H

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
struct front {
	struct realm realm;
	struct config config;
	struct db *db;
	struct loop *loop;
	struct model *model;
	struct out out, err;
	char session[UUID_LEN + 1];
	int lock;			/* of the session, -1 if none */
	struct agent *agent;
	const struct tool_source *const *sources;	/* of more tools; NULL terminated, or NULL */
};

/* Realm and configuration; nothing is made yet. */
int front_init(struct front *t, const struct options *o, struct err *e);
/* The database.  Without create a realm that does not exist is SESSION_NOT_FOUND. */
int front_open(struct front *t, bool create, struct err *e);
void front_close(struct front *t);

/* Lock the session and load its agent; event sees every event line. */
int front_take(struct front *t, const char *session,
    void (*event)(void *arg, const char *line, size_t n, struct jtext payload),
    void *arg, struct err *e);
void front_release(struct front *t);	/* more than once is fine */

/*
 * The budget that -d and --max-tool-calls ask for, over the limits of the
 * configuration; empty if neither was given.
 */
void front_budget(const struct front *t, const struct options *o, struct buf *b);
/* run_spec of the options that every run takes; budget from front_budget. */
void front_spec(const struct options *o, const struct buf *budget,
    struct run_spec *spec);
/* Is input queued for the session? */
bool front_has_input(struct front *t);

/*
 * Say the last word: write what waits, report *e (if it has a code) and give the exit
 * status: 128 + the signal that stopped us, 141 when the reader of stdout went away.
 */
int front_status(struct front *t, const struct options *o, const struct err *e);

/* ---- the front ends; each answers the exit status ---- */
int people_main(const struct options *o);	/* run, resume, continue */
int pipe_main(const struct options *o);		/* SESSION PROMPT, --drain */
int worker_main(const struct options *o);	/* --worker */

#endif
