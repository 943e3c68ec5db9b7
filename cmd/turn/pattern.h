#ifndef TURN_PATTERN_H
#define TURN_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/*
 * An event's line for people, as a pattern:
 *
 *	{name} {usage/input_tokens}	the member, a string decoded, all else as JSON
 *	{args:200}		the same, cut to 200 bytes (whole characters) and "..."
 *	{point^}		a snake_case word in CamelCase
 *	{percent%}		a fraction in percent, without decimals
 *	{turn_number+}		one more than the number
 *	{tokens}		input and output tokens of "usage" together
 *	{skills,}		an array's strings joined by ", "
 *	{?is_error:✗:✓}		one or the other, by a boolean
 *	{B} {D} {I} {R} {G} {Y} {M} {.}	bold, dim, italic, red, green, yellow, magenta, reset
 *
 * Styles are left out unless ansi.  Control characters in members become spaces: what
 * others wrote must not steer the terminal.
 */
void pattern_put(struct buf *b, const char *pattern, struct jtext ev, bool ansi);

/* n bytes of foreign text, cut to max, tamed as above. */
void put_cut(struct buf *b, const char *p, size_t n, size_t max);
#define NO_LIMIT ((size_t)-1)

#endif
