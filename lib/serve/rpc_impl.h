#ifndef SERVE_RPC_IMPL_H
#define SERVE_RPC_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/util.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"
#include "serve/params.h"
#include "serve/rpc.h"
#include "store/realm.h"
#include "store/sessions.h"

struct event;
struct turn;
struct wire;

/* What the rpc_*.c files share. */

#define CLOSED_MAX 1024		/* streams that are remembered after their end */

struct rpc {
	struct rpc_opts o;
	const struct realm *realm;
	TAILQ_HEAD(rpc_conns, conn) conns;
	TAILQ_HEAD(rpc_calls, call) calls;
	TAILQ_HEAD(rpc_streams, stream) streams;
	TAILQ_HEAD(rpc_asks, ask) asks;
	uint64_t next_ask;
	char (*closed)[UUID_LEN + 1];	/* a ring of CLOSED_MAX stream ids */
	size_t next_closed;
	struct event *timer;		/* of the drain */
	struct event *look;		/* is there anything to wait for at all? */
	struct event *stalls;		/* while a stream is full */
	int64_t stall_ms;
	bool draining, interrupted, broken;
};

struct conn {
	TAILQ_ENTRY(conn) link;
	struct rpc *s;
	struct wire *wire;
	enum rpc_client kind;
	size_t n_calls;			/* under way */
	size_t n_wakes;			/* queues that are worked on because of it */
	char *tools;			/* that it registered: an array of ToolDef, or NULL */
	char (*own)[UUID_LEN + 1];	/* sessions that it made with tools of their own */
	size_t n_own;
	struct event *late;		/* until its token came */
	bool eof, refused;
};

/* One request. */
struct req {
	struct rpc *s;
	struct conn *c;
	struct jtext id;		/* as it came */
	struct jtext params;		/* an object, or absent */
};

/* A method: 0 and its result, -1 and *e, or LATER: its answer comes by itself. */
#define LATER 1
#define METHOD(name) int name(struct req *r, struct buf *out, struct err *e)
METHOD(rpc_initialize);
METHOD(rpc_session_create);
METHOD(rpc_session_list);
METHOD(rpc_session_read);
METHOD(rpc_session_history);
METHOD(rpc_blob_get);
METHOD(rpc_session_archive);
METHOD(rpc_session_external_event);
METHOD(rpc_session_inject_context);
METHOD(rpc_session_stream_open);
METHOD(rpc_session_stream_close);
METHOD(rpc_tools_register);
METHOD(rpc_turn_start);
METHOD(rpc_turn_interrupt);
METHOD(rpc_config_get);
METHOD(rpc_config_set);
METHOD(rpc_config_patch);
METHOD(rpc_capabilities_get);
METHOD(rpc_models_catalog);
METHOD(rpc_runtime_state);
METHOD(rpc_runtime_accept);
METHOD(rpc_runtime_retire);
METHOD(rpc_runtime_reset);
METHOD(rpc_input_state);
METHOD(rpc_input_list);
METHOD(rpc_comms_send);
METHOD(rpc_comms_peers);

/* ---- rpc.c ---- */

/* `"initialized"` and the methods that there are, as JSON strings into an open array. */
void rpc_methods(struct buf *b);
/* Answers; id is raw JSON, NULL for null; data (may be empty) is raw JSON. */
void rpc_answer(struct conn *c, const char *id, const char *p, size_t n);
void rpc_fail(struct conn *c, const char *id, const struct err *e,
    const struct buf *data);
/* Is everything done that a drain or a client's end waits for? */
void rpc_settle(struct rpc *s);

/* ---- rpc_token.c ---- */

/* Nothing is done for this client before its token came, if one is wanted. */
void rpc_ask_token(struct conn *c);
/* May this line be looked at?  Else it was answered where that is due. */
bool rpc_admit(struct conn *c, const char *p, size_t n);
void rpc_token_free(struct conn *c);

/* ---- rpc_params.c ---- */

/* The id that session_id means, of a session that may not be there. */
int param_session_id(struct req *r, char id[UUID_LEN + 1], struct err *e);
/* The session that session_id names, archived ones included if asked; free it. */
int param_session(struct req *r, bool archived, struct session *s,
    struct err *e);
/* ---- rpc_turn.c ---- */

/* `cancel`: request_id is matched by its text. */
void rpc_cancel(struct conn *c, struct jtext request_id);
/* A client went away: what it asked for ends. */
void rpc_abandon(struct conn *c);
/* Free all calls; their turns are freed by turns_free. */
void rpc_forget_calls(struct rpc *s);
/* Let the session work on its queue; c is told of the events. */
void rpc_wake(struct conn *c, const char *session);

/* The tools of a client have changed: its runs get to know. */
void rpc_offer(struct conn *c);

/* ---- rpc_tools.c ---- */

/* The tools that a client runs in a turn of that session, as an array. */
void rpc_tools_put(struct conn *c, const char *session, struct buf *b);
/* It made that session, with tools of its own. */
void rpc_tools_own(struct conn *c, const char *session);
/* Ask c (NULL: it went away) to run a call of a turn. */
void rpc_tools_ask(struct rpc *s, struct conn *c, struct turn *t,
    struct jtext call);
/* A line that may be an answer to that. */
void rpc_tools_answer(struct conn *c, struct jtext id, struct jtext line);
/* The turn is over: nobody waits for its answers. */
void rpc_tools_forget(struct rpc *s, const struct turn *t);
/* The client (NULL: everyone) cannot answer any more. */
void rpc_tools_closed(struct rpc *s, const struct conn *c);
void rpc_tools_free(struct conn *c);

/* ---- rpc_stream.c ---- */

/* An event of a run that c (may be NULL) asked for, as it stands in the log. */
void rpc_event(struct conn *c, const char *session, const char *line,
    size_t n);
/* c has room again: its streams go on. */
void rpc_streams_resume(const struct conn *c);
/* Time for those that have not had any for long; of s->stalls. */
void rpc_streams_stalled(evutil_socket_t fd, short what, void *arg);
/* End all streams of a session; the streams of a client are dropped without a word. */
void rpc_streams_end(struct rpc *s, const char *session);
void rpc_streams_drop(struct rpc *s, const struct conn *c);

#endif
