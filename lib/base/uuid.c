#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/util.h"

/* ---- made ---- */

void
uuid_text(const unsigned char b[16], char out[UUID_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[b[i] >> 4];
		*out++ = hex[b[i] & 15];
	}
	*out = '\0';
}

/* RFC 9562 section 5.4: all random. */
void
uuid_v4(char out[UUID_LEN + 1])
{
	unsigned char b[16];

	random_bytes(b, sizeof b);
	b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	uuid_text(b, out);
}

/* RFC 9562 section 5.7; the 12 bits behind the time count within a millisecond. */
void
uuid_v7(char out[UUID_LEN + 1])
{
	static uint64_t last;	/* ms << 12 | counter */
	static pid_t owner;
	unsigned char b[16];
	uint64_t now;

	random_bytes(b, sizeof b);
	now = (uint64_t)time_ms() << 12 | ((uint64_t)b[6] << 8 | b[7]) >> 6;
	if (owner != getpid()) {
		owner = getpid();
		last = 0;
	}
	if (now <= last)
		now = last + 1;
	last = now;
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(now >> (52 - 8 * i));
	b[6] = (unsigned char)(0x70 | (now >> 8 & 0x0f));
	b[7] = (unsigned char)now;
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	uuid_text(b, out);
}

/* ---- read ---- */

bool
uuid_valid(const char *s)
{
	size_t i;

	for (i = 0; i < UUID_LEN && s[i]; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i] != '-')
				return false;
		} else if (!strchr("0123456789abcdefABCDEF", s[i])) {
			return false;
		}
	}
	return i == UUID_LEN && !s[i];
}

bool
uuid_read(const char *s, char out[UUID_LEN + 1])
{
	size_t n = strlen(s);

	if (!strncasecmp(s, "urn:uuid:", 9)) {
		s += 9;
		n -= 9;
	} else if (*s == '{' && s[n - 1] == '}') {
		s++;
		n -= 2;
	}
	if (n != 32 && n != UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen && n == UUID_LEN && *s++ != '-')
			return false;
		if (!hyphen && !isxdigit((unsigned char)*s))
			return false;
		*out++ = hyphen ? '-' : (char)tolower((unsigned char)*s++);
	}
	*out = '\0';
	return true;
}

void
uuid_bytes(const char *s, unsigned char b[16])
{
	for (int n = 0; *s && n < 32; s++) {
		int c = tolower((unsigned char)*s);

		if (c == '-')
			continue;
		c -= c <= '9' ? '0' : 'a' - 10;
		b[n / 2] = (unsigned char)(n & 1 ? b[n / 2] | c : c << 4);
		n++;
	}
}
