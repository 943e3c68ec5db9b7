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

/* Tools sheet 4.2: always UTC, keys in alphabetical order. */
static void
datetime(struct call *c)
{
	struct buf b = BUF_INIT;
	struct timespec now;
	char head[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);

	jput_open(&b, '{');
	put_time(&b, "date", "%Y-%m-%d", &tm);
	put_time(&b, "day", "%d", &tm);
	jput_key(&b, "iso8601");
	buf_printf(&b, "\"%s.%09ld+00:00\"", head, now.tv_nsec);
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
