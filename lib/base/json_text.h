#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * Steps through JSON text that json_check.c, json.c and json_value.c share; nobody
 * else includes this.  None reads at or behind end.
 */

static inline bool
is_ws(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static inline const char *
skip_ws(const char *p, const char *end)
{
	while (p < end && is_ws(*p))
		p++;
	return p;
}

/*
 * End of the string token at p ('"'), or end.  A quote with an odd number of backslashes
 * before it is part of the string.
 */
static inline const char *
string_end(const char *p, const char *end)
{
	const char *q, *b;

	for (p++; p < end && (q = memchr(p, '"', (size_t)(end - p)));
	    p = q + 1) {
		for (b = q; b > p && b[-1] == '\\'; )
			b--;
		if ((q - b) % 2 == 0)
			return q + 1;
	}
	return end;
}

/* End of the object or array at p, by brackets and quotes only. */
static inline const char *
container_end(const char *p, const char *end)
{
	static const bool tells[256] = { ['"'] = true, ['{'] = true,
	    ['['] = true, ['}'] = true, [']'] = true };
	size_t depth = 0;

	while (p < end) {
		while (p < end && !tells[(unsigned char)*p])
			p++;
		if (p == end)
			break;
		if (*p == '"') {
			p = string_end(p, end);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else {
			p++;
			if (!--depth)
				return p;
		}
	}
	return end;
}

/* End of the value at p. */
static inline const char *
value_end(const char *p, const char *end)
{
	if (p < end && *p == '"')
		return string_end(p, end);
	if (p < end && (*p == '{' || *p == '['))
		return container_end(p, end);
	while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_ws(*p))
		p++;
	return p;
}

#endif
