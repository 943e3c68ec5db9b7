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

/* End of the string token at p ('"'), or end. */
static inline const char *
string_end(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return end;
}

/* End of the value at p, by brackets and quotes only. */
static inline const char *
value_end(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		char c = *p;

		if (c == '"') {
			p = string_end(p, end);
		} else if (c == '{' || c == '[') {
			depth++;
			p++;
			continue;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return p;
			depth--;
			p++;
		} else if (depth) {
			p++;
			continue;
		} else if (c == ',' || c == ':' || is_ws(c)) {
			return p;
		} else {
			while (p < end && !strchr(",:]} \t\r\n", *p))
				p++;
		}
		if (!depth)
			return p;
	}
	return end;
}

#endif
