#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

/* Length of the character at p (n > 0 bytes there), 0 if it is not valid or not whole. */
static size_t
utf8_len(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		unsigned char lo = p[0] == 0xe0 ? 0xa0 : 0x80;
		unsigned char hi = p[0] == 0xed ? 0x9f : 0xbf;

		return n >= 3 && p[1] >= lo && p[1] <= hi &&
		    (p[2] & 0xc0) == 0x80 ? 3 : 0;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		unsigned char lo = p[0] == 0xf0 ? 0x90 : 0x80;
		unsigned char hi = p[0] == 0xf4 ? 0x8f : 0xbf;

		return n >= 4 && p[1] >= lo && p[1] <= hi &&
		    (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
	}
	return 0;
}

size_t
utf8_prefix(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0, len;
	uint64_t eight;

	for (; i < n; i += len) {
		len = sizeof eight;	/* ASCII goes eight at a time */
		if (n - i >= len) {
			memcpy(&eight, p + i, len);
			if (!(eight & UINT64_C(0x8080808080808080)))
				continue;
		}
		if (!(len = utf8_len(p + i, n - i)))
			break;
	}
	return i;
}

size_t
utf8_next(const char *p, size_t n)
{
	return n ? utf8_len((const unsigned char *)p, n) : 0;
}

bool
utf8_valid(const char *p, size_t n)
{
	return utf8_prefix(p, n) == n;
}

size_t
utf8_cut(const char *p, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)p[max] & 0xc0) == 0x80)
		max--;
	return max;
}

bool
text_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isspace((unsigned char)p[i]))
			return false;
	return true;
}
