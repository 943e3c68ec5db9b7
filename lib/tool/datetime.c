#include <time.h>

#include "base/jput.h"
#include "tool/builtin.h"

static void
put_time(struct buf *b, const char *key, const char *format, const struct tm *tm)
{
	char text[40];

	strftime(text, sizeof text, format, tm);
	jput_kcstr(b, key, text);
}

static void
put_stamp(struct buf *b, const struct timespec *t)
{
	char head[32];
	struct tm tm;

	gmtime_r(&t->tv_sec, &tm);
	strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, "%s.%09ld+00:00", head, t->tv_nsec);
}

void
put_now(struct buf *b)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	put_stamp(b, &now);
}

/* Tools sheet 4.2: always UTC, keys in alphabetical order. */
static void
datetime(struct call *c)
{
	struct buf b = BUF_INIT;
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);

	jput_open(&b, '{');
	put_time(&b, "date", "%Y-%m-%d", &tm);
	put_time(&b, "day", "%d", &tm);
	jput_key(&b, "iso8601");
	buf_putc(&b, '"');
	put_stamp(&b, &now);
	buf_putc(&b, '"');
	put_time(&b, "month", "%m", &tm);
	put_time(&b, "time", "%H:%M:%S", &tm);
	jput_kcstr(&b, "timezone", "UTC");
	jput_ki64(&b, "unix_timestamp", now.tv_sec);
	put_time(&b, "weekday", "%A", &tm);
	put_time(&b, "year", "%Y", &tm);
	jput_close(&b, '}');
	call_json(c, &b);
	buf_free(&b);
}

#define TEXT(s) { s, sizeof s - 1 }

const struct builtin datetime_tools[] = {
	{ .def = { "datetime",
	    "The current date and time, in UTC.",
	    TEXT("{\"type\":\"object\",\"properties\":{},\"required\":[]}") },
	    .start = datetime },
	{ .def = { .name = NULL } }
};
