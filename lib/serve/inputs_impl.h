#ifndef SERVE_INPUTS_IMPL_H
#define SERVE_INPUTS_IMPL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/inputs.h"

/* What the inputs*.c files share. */

/* ---- inputs_parse.c ---- */

/* Is v an Input of the contract?  INVALID_PARAMS says where not. */
int input_check(struct jtext v, struct err *e);
/* Its row, with body and given set; input_free. */
void input_take(struct jtext v, const char *session, struct input *in);
/* A response_progress of a peer: it wakes nobody, and a newer one takes its place. */
bool input_is_progress(const struct input *in);

/* ---- inputs_show.c ---- */

/* The policy object (agent sheet 17.3); idle: of the session when the input came. */
void input_put_policy(struct buf *b, const struct input *in, bool idle);
/* The InputState object. */
void input_put_state(struct buf *b, const struct input *in, bool idle);

#endif
