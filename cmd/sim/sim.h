#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/http.h"
#include "sim/request.h"
#include "sim/script.h"

/*
 * The command's one state: what to answer with, and where to write down what came.
 */
struct event_base;
struct replay;
struct recorder;

struct sim {
	struct event_base *base;
	struct http *http;
	struct script script;		/* script and echo mode */
	struct replay *replay;		/* or NULL */
	struct recorder *recorder;	/* or NULL */
	struct defaults defaults;
	bool lax;
	int log;			/* descriptor, or -1 */
	int64_t n;			/* requests so far */
};

/* The server's hooks; arg is the struct sim. */
void sim_handle(void *arg, struct conn *c, struct http_request *http);
void sim_refuse(void *arg, const struct http_request *http, int status,
    const char *why, struct buf *body);

/* A reply object, an error or an answer; takes rq over.  reply must live as long as the server. */
void sim_reply(struct conn *c, struct request *rq, const struct reply *reply);
/* A refusal in the provider's shape; rq stays the caller's. */
void sim_fail(struct conn *c, const struct request *rq,
    const struct failure *f);

/* One line of the log; rule is 0 for none. */
void log_request(const struct sim *s, const struct request *rq, int64_t rule);
/* Is this a header that carries a key? */
bool header_is_secret(const char *name);
/* The query without a key=... */
void put_query(struct buf *b, const char *query);

#endif
