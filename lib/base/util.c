#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

const char *prog = "rkat";

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
time_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
time_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

void
time_rfc3339(int64_t ms, char out[32])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%03dZ", (int)(ms % 1000));
}

void
random_bytes(void *p, size_t n)
{
	unsigned char *to = p;

	while (n > 0) {
		ssize_t got = getrandom(to, n < 256 ? n : 256, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			abort();
		to += got;
		n -= (size_t)got;
	}
}

double
random_unit(void)
{
	uint64_t r;

	random_bytes(&r, sizeof r);
	return (double)(r >> 11) * 0x1p-53;
}

static const struct unit {
	const char *names;	/* space separated, each also with an s behind it if long */
	double ms;
} units[] = {
	{ " ns nsec nanos nanosecond nanoseconds ", 1e-6 },
	{ " us usec micros microsecond microseconds ", 1e-3 },
	{ " ms msec millis millisecond milliseconds ", 1 },
	{ " s sec secs second seconds ", 1e3 },
	{ " m min mins minute minutes ", 6e4 },
	{ " h hr hrs hour hours ", 36e5 },
	{ " d day days ", 864e5 },
	{ " w wk wks week weeks ", 6048e5 },
	{ " M month months ", 2630016e3 },	/* 30.44 days */
	{ " y yr yrs year years ", 31557600e3 },	/* 365.25 days */
};

static double
unit_ms(const char *name, size_t n)
{
	char word[16];

	if (!n || n > 13)
		return 0;
	snprintf(word, sizeof word, " %.*s ", (int)n, name);
	for (size_t i = 0; i < COUNT(units); i++)
		if (strstr(units[i].names, word))
			return units[i].ms;
	return 0;
}

int
duration_parse(const char *s, int64_t *ms, struct err *e)
{
	const char *p = s + strspn(s, " ");
	double sum = 0;

	if (!*p)
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid duration '%s': value was empty", s);
	while (*p) {
		char *end;
		double v, unit;
		size_t n;

		if (*p < '0' || *p > '9')
			return err_set(e, E_INVALID_PARAMS,
			    "Invalid duration '%s': expected number at %zu", s,
			    (size_t)(p - s));
		v = (double)strtoull(p, &end, 10);
		p = end + strspn(end, " ");
		n = strspn(p, "abcdefghijklmnopqrstuvwxyzM");
		unit = unit_ms(p, n);
		if (unit == 0)
			return err_set(e, E_INVALID_PARAMS, n ?
			    "Invalid duration '%s': unknown unit '%.*s'" :
			    "Invalid duration '%s': time unit needed, for example 30s%.*s",
			    s, (int)n, p);
		sum += v * unit;
		p += n;
		p += strspn(p, " ");
	}
	if (!(sum < 9e15))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid duration '%s': too large", s);
	*ms = (int64_t)ceil(sum);
	return 0;
}

void
duration_emit(struct buf *b, int64_t ms)
{
	static const struct { const char *name; int64_t ms; } parts[] = {
		{ "year", 31557600000 }, { "month", 2630016000 },
		{ "day", 86400000 }, { "h", 3600000 }, { "m", 60000 },
		{ "s", 1000 }, { "ms", 1 },
	};
	size_t start = b->n;

	for (size_t i = 0; i < COUNT(parts); i++) {
		int64_t n = ms / parts[i].ms;

		if (!n)
			continue;
		ms -= n * parts[i].ms;
		buf_printf(b, "%s%" PRId64 "%s%s", b->n > start ? " " : "", n,
		    parts[i].name, i < 3 && n > 1 ? "s" : "");
	}
	if (b->n == start)
		buf_puts(b, "0s");
}

static void
say(const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s: ", prog);
	buf_vprintf(&b, fmt, ap);
	buf_putc(&b, '\n');
	(void)!write(2, b.p, b.n);
	buf_free(&b);
}

void
warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
debug(const char *fmt, ...)
{
	const char *level = getenv("RKAT_LOG");
	va_list ap;

	if (!level || strcmp(level, "debug"))
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

#ifdef RKAT_CRASH_POINTS
void
crash_point(const char *name)
{
	static long passed;
	const char *want = getenv("RKAT_CRASH");
	size_t n = strlen(name);

	if (!want || strncmp(want, name, n) || (want[n] && want[n] != ':'))
		return;
	if (++passed == (want[n] ? atol(want + n + 1) : 1)) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
}
#endif
