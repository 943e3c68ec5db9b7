#include <string.h>

#include "sim/base64.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_decode(char *p, size_t *n)
{
	size_t in = *n, out = 0;
	unsigned bits = 0, have = 0;

	if (in % 4)
		return -1;
	for (int pad = 0; pad < 2 && in && p[in - 1] == '='; pad++)
		in--;
	for (size_t i = 0; i < in; i++) {
		const char *at = p[i] ? strchr(digits, p[i]) : NULL;

		if (!at)
			return -1;
		bits = (bits << 6 | (unsigned)(at - digits)) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			p[out++] = (char)(bits >> have & 0xff);
		}
	}
	*n = out;
	return 0;
}

void
base64_put(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)(unsigned char)p[i] << 16;

		if (i + 1 < n)
			v |= (unsigned)(unsigned char)p[i + 1] << 8;
		if (i + 2 < n)
			v |= (unsigned char)p[i + 2];
		buf_putc(b, digits[v >> 18]);
		buf_putc(b, digits[v >> 12 & 63]);
		buf_putc(b, i + 1 < n ? digits[v >> 6 & 63] : '=');
		buf_putc(b, i + 2 < n ? digits[v & 63] : '=');
	}
}
