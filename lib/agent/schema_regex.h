#ifndef AGENT_SCHEMA_REGEX_H
#define AGENT_SCHEMA_REGEX_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Regular expressions as ECMA 262 has them with the "u" flag, matched by Oniguruma.
 */
struct regex;

struct regex *regex_new(const char *p, size_t n, struct err *e);
void regex_free(struct regex *re);
/* 1: matches somewhere, 0: does not, -1: would take too long.  The text is valid UTF-8. */
int regex_search(const struct regex *re, const char *p, size_t n);

/* The pattern in Oniguruma's words. */
int regex_translate(const char *p, size_t n, struct buf *out, struct err *e);

#endif
