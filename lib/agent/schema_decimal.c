/*
 * Numbers as they were written.  Nothing is rounded: 9007199254740993 and 1e-400 are
 * what they say (JSON Schema 2020-12 core 4.2.3: numbers are compared mathematically).
 */
#include "agent/schema_tree.h"

#define EXP_MAX INT64_C(100000000000000000)

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The exponent behind the 'e', if there is one. */
static int64_t
exponent(const char *p, const char *end)
{
	int64_t e = 0;
	bool neg = false;

	if (p < end && (*p == 'e' || *p == 'E'))
		p++;
	if (p < end && (*p == '-' || *p == '+'))
		neg = *p++ == '-';
	for (; p < end && digit(*p); p++)
		if (e < EXP_MAX)
			e = e * 10 + (*p - '0');
	if (e > EXP_MAX)
		e = EXP_MAX;
	return neg ? -e : e;
}

struct decimal
decimal_parse(const char *p, size_t n)
{
	struct decimal d = { .n = 0 };
	const char *end = p + n;
	size_t zeros = 0;		/* since the last other digit */
	bool fraction = false;
	int64_t point = 0;		/* digits before the point, or minus the zeros behind it */

	if (p < end && *p == '-') {
		d.neg = true;
		p++;
	}
	for (; p < end && (digit(*p) || *p == '.'); p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		if (*p == '0') {
			zeros += d.p != NULL;
		} else {
			if (!d.p)
				d.p = p;
			d.n += zeros + 1;
			zeros = 0;
		}
		if (d.p && !fraction)
			point++;
		else if (!d.p && fraction)
			point--;
	}
	d.exp = d.n ? point + exponent(p, end) : 0;
	if (!d.n)
		d.neg = false;
	return d;
}

/* The next digit at *p, 0 behind the last; *left counts down. */
static int
next_digit(const char **p, size_t *left)
{
	if (!*left)
		return 0;
	while (**p == '.')
		(*p)++;
	--*left;
	return *(*p)++ - '0';
}

static int
cmp_magnitude(const struct decimal *a, const struct decimal *b)
{
	const char *p = a->p, *q = b->p;
	size_t n = a->n, m = b->n;

	if (!n || !m)
		return (n > 0) - (m > 0);
	if (a->exp != b->exp)
		return a->exp < b->exp ? -1 : 1;
	while (n || m) {
		int x = next_digit(&p, &n), y = next_digit(&q, &m);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int
decimal_cmp(const struct decimal *a, const struct decimal *b)
{
	if (a->neg != b->neg)
		return a->neg ? -1 : 1;
	return a->neg ? cmp_magnitude(b, a) : cmp_magnitude(a, b);
}

bool
decimal_integer(const struct decimal *d)
{
	return !d->n || (d->exp > 0 && (uint64_t)d->exp >= d->n);
}

bool
decimal_u64(const struct decimal *d, uint64_t *out)
{
	const char *p = d->p;
	size_t left = d->n;

	if (d->neg || !decimal_integer(d))
		return false;
	*out = 0;
	if (!d->n)
		return true;
	if (d->exp > 18) {
		*out = UINT64_MAX;
		return true;
	}
	for (int64_t k = 0; k < d->exp; k++)
		*out = *out * 10 + (uint64_t)next_digit(&p, &left);
	return true;
}

/* 10^k mod m */
static uint64_t
power_mod(uint64_t k, uint64_t m)
{
	unsigned __int128 r = 1 % m, ten = 10 % m;

	for (; k; k >>= 1) {
		if (k & 1)
			r = r * ten % m;
		ten = ten * ten % m;
	}
	return (uint64_t)r;
}

bool
decimal_multiple(const struct decimal *a, const struct decimal *b)
{
	const char *p = a->p, *q = b->p;
	size_t n = a->n, m = b->n;
	uint64_t div = 0;
	unsigned __int128 rest = 0;
	int64_t shift;

	if (!a->n)
		return true;
	/* a = A * 10^x, b = B * 10^y with integers that do not end in 0. */
	shift = (a->exp - (int64_t)a->n) - (b->exp - (int64_t)b->n);
	if (shift < 0)		/* A would have to end in 0 */
		return false;
	while (m)
		div = div * 10 + (uint64_t)next_digit(&q, &m);
	while (n)
		rest = (rest * 10 + (unsigned)next_digit(&p, &n)) % div;
	return rest * power_mod((uint64_t)shift, div) % div == 0;
}
