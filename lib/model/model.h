#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "model/catalog.h"
#include "store/sessions.h"

/*
 * One model call: a neutral request in, a streamed reply out, on four wire formats.
 * Source: providers sheet.  Encoders (lib/model/encode_*.c) and stream decoders
 * (decode_*.c) are pure and tested without a network; http.c does the transport.
 */

struct tool_def {
	const char *name, *description;
	struct jtext schema;		/* input schema, raw */
};

struct model_request {
	const struct model_target *target;
	const struct jtext *messages;	/* persisted shape (agent sheet 2), message 0 may be the system message */
	size_t n_messages;
	const char *system_extra;	/* appended to the system text of this request only; NULL */
	const struct tool_def *tools;
	size_t n_tools;
	int64_t max_tokens;
	double temperature;		/* NAN: unset */
	struct jtext params;		/* effective provider_params object, or JTEXT_NONE; holds structured_output in extraction */
	bool cache;			/* put prompt caching markers (anthropic) */
	/*
	 * Gives an image blob: appends its base64 text to *b and its type to media (64
	 * bytes).  -1: missing, then "[image unavailable: <id>]" is sent.  NULL: none.
	 */
	int (*blob)(void *arg, const char *id, struct buf *b, char media[64]);
	void *blob_arg;
};

enum block_kind { BLOCK_TEXT, BLOCK_REASONING, BLOCK_TOOL_USE };

struct block {
	enum block_kind kind;
	struct buf text;	/* text and reasoning */
	char *id, *name;	/* tool use */
	struct buf args;	/* raw JSON as it arrived; checked unless args_bad */
	bool args_bad;		/* not valid JSON: give the model an error result, run nothing */
	char *meta;		/* raw JSON object with "provider", or NULL */
	bool done;		/* completed; blocks that never were are dropped */
};

enum stop_reason { STOP_END_TURN, STOP_TOOL_USE, STOP_MAX_TOKENS,
	STOP_STOP_SEQUENCE, STOP_CONTENT_FILTER, STOP_CANCELLED };
const char *stop_name(enum stop_reason s);	/* "end_turn" ... */

struct model_reply {
	struct block *blocks;	/* in the order in which they started */
	size_t n_blocks;
	enum stop_reason stop;
	struct usage usage;	/* this call */
};
void model_reply_free(struct model_reply *r);
/* {"role":"block_assistant","blocks":[...],"stop_reason":..}; bad arguments are kept as a JSON string. */
void model_reply_emit(const struct model_reply *r, struct buf *b);

/* What went wrong (providers sheet 7.1). */
enum model_fault { FAULT_NONE, FAULT_RATE_LIMITED, FAULT_OVERLOADED,
	FAULT_NETWORK_TIMEOUT, FAULT_CONNECTION_RESET, FAULT_SERVER_ERROR,
	FAULT_INVALID_REQUEST, FAULT_AUTH, FAULT_INVALID_KEY, FAULT_MODEL_NOT_FOUND,
	FAULT_CONTENT_FILTERED, FAULT_CONTEXT_LENGTH, FAULT_PARSE, FAULT_INCOMPLETE,
	FAULT_UNKNOWN, FAULT_CALL_TIMEOUT, FAULT_CANCELLED };

struct model_error {
	enum model_fault fault;
	bool retryable;
	int status;			/* HTTP status, 0 if none */
	int64_t retry_after_ms;		/* -1: none given */
	int max_retries;		/* fewer than the policy allows; 0: the policy's */
	char text[2304];		/* the sheet's text, e.g. "Rate limited, retry after 2000ms"; no secret */
	char request_id[128];		/* "" if none */
};

/* Who watches the stream; any may be NULL.  Text is valid UTF-8, never cut inside a character. */
struct model_watch {
	void (*text)(void *arg, const char *p, size_t n);
	void (*reasoning)(void *arg, const char *p, size_t n);
	void (*reasoning_done)(void *arg, const char *p, size_t n);	/* the whole section */
	void *arg;
};

/* Deadlines in ms; 0 = the sheet's default for the target (section 8), < 0 = none. */
struct model_deadlines {
	int64_t connect, first_byte, idle, total;
};

/* The client: connections and TLS state are kept between calls.  One call at a time. */
struct model;
struct model *model_new(struct loop *l);
void model_free(struct model *m);

/*
 * Do one call.  Runs the loop until the reply is complete, an error is certain, or
 * *cancel becomes true (checked after every turn of the loop; then FAULT_CANCELLED and
 * the connection is closed).  A truncated stream is FAULT_INCOMPLETE, never a reply.
 * No retries in here.  0: *reply is filled; -1: *me is, and *reply holds what had
 * arrived (free it in both cases).  RKAT_TEST_CLIENT=1: answers "ok" without a network.
 */
int model_call(struct model *m, const struct model_request *rq,
    const struct model_deadlines *d, const struct model_watch *w,
    const bool *cancel, struct model_reply *reply, struct model_error *me);

/* ---- the pure parts, exported for tests, exports and fuzzing ---- */

/* The request body for the target's wire format. */
int model_encode(const struct model_request *rq, struct buf *body,
    struct err *e);
/* Path and query behind base_url, new. */
char *model_path(const struct model_target *t);

/* Retry policy (agent sheet 8). */
struct retry_policy {
	int64_t max_retries, initial_ms, max_ms;
	double multiplier;
};
#define RETRY_DEFAULT { 3, 500, 30000, 2.0 }
/*
 * Delay before retry n (1 based) in ms, jitter included, or -1: do not retry (not
 * retryable, used up, or the server asked for more than 120 s).
 */
int64_t retry_delay(const struct retry_policy *p, int n,
    const struct model_error *me);

#endif
