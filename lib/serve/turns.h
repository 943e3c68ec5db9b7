#ifndef SERVE_TURNS_H
#define SERVE_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/sessions.h"

struct db;
struct event_base;
struct pool;
struct drain;

/*
 * What takes its time, for whichever surface asked: sessions made, turns run, queues
 * worked off.  The surfaces bring params and print answers; what a request means is
 * here (rpc sheet sections 3 and 7, rest sheet section 4).
 */
struct turns;
struct turn;		/* one request, from its acceptance to its done */

struct turn_hooks {
	/* The session of a create is made; may be NULL. */
	void (*created)(void *arg, const char *session);
	/* An event's line as it stands in the log, without newline; may be NULL. */
	void (*event)(void *arg, const char *session, const char *line, size_t n);
	/*
	 * The tools that the asker runs in this session, appended as an array of ToolDef; and
	 * a call of one of them, {"tool_use_id","name","arguments"}, that turns_tool_result
	 * answers.  Both may be NULL: nobody runs any.
	 */
	void (*tools)(void *arg, const char *session, struct buf *b);
	void (*tool)(void *arg, struct jtext call);
	/*
	 * The end, told once, never before the call that began it has returned; the turn is
	 * freed afterwards.  e is NULL and result the contract's run result (of a deferred
	 * create {session_id,session_ref}); or *e says why not, data (may be empty) is what
	 * is known of it as raw JSON.  session is "" if none was made.
	 */
	void (*done)(void *arg, const char *session, struct jtext result,
	    const struct err *e, const struct buf *data);
	void *arg;
	void *client;	/* of turns_use, if the session takes part in comms; or NULL */
	/*
	 * By the rules of REST (sheet sections 4.2, 4.4): a session outlives its failed
	 * first turn, and every turn may change what its session is made of.
	 */
	bool rest;
};

struct turns *turns_new(struct db *db, struct pool *pool,
    struct drain *drain);
void turns_free(struct turns *t);	/* nobody is told; pool_free comes next */

/* session/create, POST /sessions: sheet section 7.1.  NULL and *e: refused, nothing was made. */
struct turn *turns_create(struct turns *t, struct jtext params,
    const struct turn_hooks *hooks, struct err *e);
/* turn/start, POST /sessions/{id}/messages.  row is the session, not archived. */
struct turn *turns_start(struct turns *t, const struct session *row,
    struct jtext params, const struct turn_hooks *hooks, struct err *e);
/* Let a session work on its queue; hooks may be NULL.  NULL: not any more, the server ends. */
struct turn *turns_wake(struct turns *t, const char *session,
    const struct turn_hooks *hooks);

/* What came of a call: tool_use_id as it came, content a JSON string. */
void turns_tool_result(struct turn *k, struct jtext tool_use_id,
    struct jtext content, bool is_error);
/* Its hooks' tools are others now. */
void turns_offer(struct turn *k);

/* Ends as REQUEST_CANCELLED, or with its result if that was committed already (3.4). */
void turns_cancel(struct turn *k);
/* Is its prompt with a worker?  Else it waits, or its session is being made. */
bool turns_submitted(const struct turn *k);
/* Its client went away: interrupted (a wake goes on), no hook is called any more. */
void turns_abandon(struct turn *k);
/* End the turn that a session is in, here or in another process; fine if it is in none. */
void turns_interrupt(struct turns *t, const char *session);

/*
 * Watch the realm for input that came from elsewhere.  wake: for a session that a
 * client uses, in the stead of turns_wake; keeper: do the realm's residents fall to us?
 */
struct turns_watch_hooks {
	void (*wake)(void *arg, void *client, const char *session);
	bool (*keeper)(void *arg);
	void *arg;
};
int turns_watch(struct turns *t, struct event_base *base,
    const struct turns_watch_hooks *hooks, struct err *e);
/* A client (NULL: none that could hear of it) uses a session; it is gone. */
void turns_use(struct turns *t, const char *session, void *client);
void turns_leave(struct turns *t, void *client);

/* The server ends: what waits is refused, what runs is interrupted. */
void turns_stop(struct turns *t);
size_t turns_count(const struct turns *t);	/* not done yet, wakes included */
/* Be told whenever that becomes 0. */
void turns_on_idle(struct turns *t, void (*idle)(void *arg), void *arg);

#endif
