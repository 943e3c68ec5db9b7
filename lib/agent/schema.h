#ifndef AGENT_SCHEMA_H
#define AGENT_SCHEMA_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * JSON Schema, draft 2020-12 and draft-07, over raw JSON (numbers compare as written:
 * big integers are exact).  Draft by "$schema"; 2020-12 without one.  References: local
 * ones and $id/$anchor/$dynamicRef inside the document, plus documents given by a
 * resolver.  A keyword of the dialect that is not implemented is named in an error at
 * compile time, never silently passed; unknown keywords are annotations, as the
 * specification says.  "format" is an annotation.  Patterns are ECMA 262 with Unicode
 * (Oniguruma does the matching).
 */
struct schema;

/* Gives the text of a referenced document by absolute URI; the text must outlive the schema.  False: unknown. */
typedef bool schema_fetch(void *arg, const char *uri, struct jtext *doc);

/* Compile; the text must outlive the schema.  INVALID_PARAMS: what and where (JSON pointer). */
struct schema *schema_new(struct jtext text, schema_fetch *fetch, void *arg,
    struct err *e);
void schema_free(struct schema *s);

/* 0: valid.  -1: INVALID_PARAMS with "<pointer>: <keyword>: <reason>".  Recursion and work are limited. */
int schema_check(const struct schema *s, struct jtext value, struct err *e);

#endif
