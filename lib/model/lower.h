#ifndef MODEL_LOWER_H
#define MODEL_LOWER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * JSON Schemas in the dialects that providers accept (providers sheet 6).  Only
 * schema positions are changed: what stands in default, enum, const and examples is
 * data.  Members keep their order, numbers their text.
 */

/* Function parameters for Gemini: local references inlined, const and type arrays rewritten. */
int lower_parameters(struct jtext schema, struct buf *out, struct err *e);
/* Output schema for Anthropic: closed objects; constraints it does not know move into the description. */
int lower_closed(struct jtext schema, struct buf *out, struct err *e);
/* Output schema for OpenAI's strict mode.  *strict becomes false (and the schema stays as it is) if it cannot be strict. */
int lower_strict(struct jtext schema, bool *strict, struct buf *out,
    struct err *e);

#endif
