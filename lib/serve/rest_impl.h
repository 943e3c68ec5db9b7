#ifndef SERVE_REST_IMPL_H
#define SERVE_REST_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"
#include "serve/http.h"
#include "serve/rest.h"
#include "store/sessions.h"

/* What the rest_*.c files share. */

struct rest {
	struct rest_opts o;
	const struct http *http;
	struct sse *sse;
	const struct realm *realm;
	char *secret;			/* of webhooks; NULL: none is asked for */
	int64_t since;			/* monotonic ms */
	TAILQ_HEAD(rest_calls, rest_call) calls;	/* under way */
};

/* A route's run: arg is the struct rest. */
#define ROUTE(name) void name(void *arg, struct http_req *r)
ROUTE(rest_health);
ROUTE(rest_healthz);
ROUTE(rest_readyz);
ROUTE(rest_metrics);
ROUTE(rest_openapi);
ROUTE(rest_session_create);
ROUTE(rest_session_list);
ROUTE(rest_session_read);
ROUTE(rest_session_delete);
ROUTE(rest_session_history);
ROUTE(rest_session_events);
ROUTE(rest_session_message);
ROUTE(rest_session_interrupt);
ROUTE(rest_session_context);
ROUTE(rest_session_event);
ROUTE(rest_request_cancel);
ROUTE(rest_runtime_state);
ROUTE(rest_runtime_accept);
ROUTE(rest_runtime_retire);
ROUTE(rest_runtime_reset);
ROUTE(rest_input_list);
ROUTE(rest_input_read);
ROUTE(rest_config_get);
ROUTE(rest_config_put);
ROUTE(rest_config_patch);
ROUTE(rest_skills);
ROUTE(rest_capabilities);
ROUTE(rest_models);
ROUTE(rest_blob);
ROUTE(rest_comms_send);
ROUTE(rest_comms_peers);

/* ---- rest_turn.c ---- */

/* Free what is known of calls; their turns are freed by turns_free. */
void rest_forget_calls(struct rest *s);

/* ---- rest_body.c: what comes in ---- */

/* A member that a body may have, and what it must be. */
struct rest_field {
	const char *name;
	enum rest_kind {
		REST_TEXT, REST_CONTENT, REST_PROVIDER, REST_U32, REST_U64,
		REST_BOOL, REST_OBJECT, REST_TEXTS, REST_MAP, REST_ARRAY,
		REST_ANY
	} kind;
	bool needed;
};
/* The body as an object of these members; false: 422 was answered.  Others are not looked at. */
bool rest_body(struct http_req *r, const struct rest_field *f, size_t n);
/* 422 of the sheet's section 1.4, in text/plain. */
void rest_unprocessable(struct http_req *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A whole number in the query; *out is left alone without one; false: 400 was answered. */
bool rest_query_count(struct http_req *r, const char *key, int64_t *out);

/* The UUID that a locator means: false and 400 BAD_REQUEST in *e's text. */
bool rest_locate(const struct rest *s, const char *raw,
    char id[UUID_LEN + 1], struct err *e);
/* The session that {sid} names; false: 400 or 404 was answered.  session_free it. */
bool rest_session(struct rest *s, struct http_req *r, bool archived,
    struct session *row);

/* ---- what goes out ---- */

/* {"error":..,"code":..} by name: BAD_REQUEST, NOT_FOUND ... (sheet section 2.2). */
void rest_fail(struct http_req *r, int status, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same of an error of ours, its status and name by its code. */
void rest_fail_err(struct http_req *r, const struct err *e);
/* {"error":..} alone: of external-events, /runtime and /input. */
void rest_fail_text(struct http_req *r, int status, const char *text);
void rest_fail_bare(struct http_req *r, const struct err *e);
/* 200 with this object, which is freed. */
void rest_send(struct http_req *r, struct buf *b);
/* The same, or *e if rc < 0. */
void rest_reply(struct http_req *r, int rc, struct buf *b,
    const struct err *e);

#endif
