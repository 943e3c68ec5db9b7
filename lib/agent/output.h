#ifndef AGENT_OUTPUT_H
#define AGENT_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/catalog.h"

/*
 * Structured output (agent sheet 12, providers sheet 6): schema input forms, lowering
 * for a provider, and reading the model's answer.  Pure.
 */

#define OUTPUT_DEPTH_MAX 100	/* levels of schemas in schemas */

/* Raw schema or wrapper -> the full wrapper {compat,format,name?,schema,strict}, normalized. */
int output_wrap(struct jtext in, struct buf *wrapper, struct err *e);
/*
 * The schema as it is sent to a provider, and warnings (JSON array; empty buf: none).
 * compat "strict" with warnings is an error.
 */
int output_lower(struct jtext wrapper, enum provider p, struct buf *schema,
    struct buf *warnings, struct err *e);
/*
 * An answer -> value: trim, strip a fence, parse, unwrap by name (12.3), validate
 * against the original schema.  -1: e->text is the sheet's reason ("Invalid JSON: ..",
 * "Schema validation failed: ..").
 */
int output_read(struct jtext wrapper, const char *text, size_t n,
    struct buf *value, struct err *e);

#endif
