#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "base/err.h"
#include "sim/sim.h"

/*
 * Exchanges with a real server on disk: DIR/NNNN.json, each
 *	{"request":{"method","path","body"},
 *	 "response":{"status","headers":{..},"events":[..] | "body":".." | "base64":"..",
 *		"truncated":true?}}
 * No key is ever in there: of the headers only harmless ones are kept, and wherever the
 * client's key stands in the text it is taken out.
 */

struct answered {
	long status;
	char *type;		/* content-type, or NULL */
	struct buf fields;	/* the other header lines that are kept */
	struct buf body;
	bool truncated;
};
int exchange_save(const char *path, const struct http_request *http,
    const struct answered *a, struct err *e);
bool header_starts(const char *line, const char *with);	/* in either case */

/* Pass requests on to upstream and write down what comes back. */
struct recorder *recorder_open(struct event_base *base, const char *upstream,
    const char *dir, struct err *e);
void recorder_handle(struct recorder *r, struct conn *c, struct request *rq);	/* takes rq over */
void recorder_close(struct recorder *r);

/* Answer from such a directory; every exchange once. */
struct replay *replay_open(const char *dir, const struct defaults *d,
    struct err *e);
/* The reply, or NULL with the first difference in *why (new). */
const struct reply *replay_find(struct replay *r, const struct request *rq,
    char **why);
void replay_close(struct replay *r);

/* The path with its query, without a key. */
char *request_target(const struct http_request *http);

#endif
