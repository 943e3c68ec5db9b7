#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/json.h"
#include "base/line.h"

/* Bytes of the white space character at p, 0 if it is none. */
static size_t
space_at(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	if (n >= 1 && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
		return 1;
	if (n >= 2 && p[0] == 0xc2 && (p[1] == 0x85 || p[1] == 0xa0))
		return 2;
	if (n < 3)
		return 0;
	if (p[0] == 0xe2 && p[1] == 0x80 && ((p[2] >= 0x80 && p[2] <= 0x8a) ||
	    p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf))
		return 3;
	return !memcmp(p, "\xe1\x9a\x80", 3) || !memcmp(p, "\xe2\x81\x9f", 3) ||
	    !memcmp(p, "\xe3\x80\x80", 3) ? 3 : 0;
}

void
line_trim(const char **p, size_t *n)
{
	size_t k;

	while ((k = space_at(*p, *n)) > 0) {
		*p += k;
		*n -= k;
	}
	for (bool more = true; more; ) {
		more = false;
		for (k = 1; k <= 3 && k <= *n && !more; k++)
			if (space_at(*p + *n - k, k) == k) {
				*n -= k;
				more = true;
			}
	}
}

void
line_text(const char *p, size_t n, struct buf *text)
{
	struct jtext v, body = JTEXT_NONE;
	char *s = NULL;
	size_t len;

	if (json_parse(p, n, &v, NULL) == 0 && json_is(v, '{'))
		body = json_get(v, "body");
	else if (json_check(p, n, NULL) < 0 || !json_is(v, '['))
		v = JTEXT_NONE;
	if ((s = json_str(body, &len)))
		buf_put(text, s, len);
	else if (v.p)
		jput_pretty(text, v.p, v.n);
	else
		buf_put(text, p, n);
	free(s);
}
