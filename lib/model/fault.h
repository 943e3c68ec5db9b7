#ifndef MODEL_FAULT_H
#define MODEL_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/model.h"
#include "model/transcript.h"

/*
 * What went wrong, in the words and classes of providers sheet 7.  Pure but for the
 * clock that an HTTP-date is compared with.
 */

/* The reply headers that matter here; "" if absent. */
struct fault_headers {
	char retry_after[64], retry_after_ms[32], should_retry[16],
	    request_id[128];
};

/* Set fault, retryable (by kind) and the text; the other members stay.  Always -1. */
int fault_set(struct model_error *me, enum model_fault fault,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* An HTTP status with its body, JSON or not. */
void fault_http(struct model_error *me, int status,
    const struct fault_headers *h, const char *body, size_t n);

/*
 * Does this document have the shape of a provider's error?  Gives its inner error
 * object: {"error":{..}}, [{"error":{..}}], {"type":"error",..}, {"object":"error",..}.
 */
struct jtext fault_find(struct jtext doc);

/* An error in the middle of a stream, inner object as fault_find gives it. */
void fault_stream(struct model_error *me, struct jtext error);

/* Remove every occurrence of a secret from the text. */
void fault_redact(struct model_error *me, const char *secret);

#endif
