#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runner/pool.h"
#include "serve/rest_impl.h"
#include "serve/sse.h"
#include "store/realm.h"

/* Routes for those who run the server. */

ROUTE(rest_health)
{
	(void)arg;
	http_reply_text(r, 200, "ok");
}

/* The process lives and its loop turns: that this is answered says it. */
ROUTE(rest_healthz)
{
	(void)arg;
	http_reply_text(r, 200, "ok");
}

/* Can work be given to it?  The realm can be worked in. */
ROUTE(rest_readyz)
{
	const struct rest *s = arg;
	const char *why = NULL;
	struct statvfs disk;

	if (http_draining(s->http))
		why = "the server is stopping";
	else if (access(s->realm->dir, R_OK | W_OK | X_OK) < 0)
		why = "the realm's directory is not writable";
	else if (statvfs(s->realm->dir, &disk) == 0 && !disk.f_bavail)
		why = "the realm's disk is full";
	if (why)
		http_reply_text(r, 503, why);
	else
		http_reply_text(r, 200, "ok");
}

/* ---- metrics: Prometheus text exposition format 0.0.4 ---- */

static void
metric(struct buf *b, const char *name, const char *type, const char *help,
    uint64_t value)
{
	buf_printf(b, "# HELP rkat_%s %s\n# TYPE rkat_%s %s\nrkat_%s %" PRIu64
	    "\n", name, help, name, type, name, value);
}

static void
http_metrics(const struct http *h, struct buf *b)
{
	struct http_counts n;

	http_count(h, &n);
	metric(b, "http_requests_total", "counter", "Requests that came in.",
	    n.requests);
	buf_puts(b, "# HELP rkat_http_responses_total Answers by class.\n"
	    "# TYPE rkat_http_responses_total counter\n");
	for (int i = 1; i <= 5; i++)
		buf_printf(b, "rkat_http_responses_total{class=\"%dxx\"} %"
		    PRIu64 "\n", i, n.by_class[i]);
	metric(b, "http_refused_total", "counter", "Requests that were "
	    "malformed or over a limit.", n.refused);
	metric(b, "http_in_flight", "gauge", "Requests without an answer yet.",
	    n.in_flight);
	metric(b, "http_connections", "gauge", "Open connections.",
	    n.connections);
	metric(b, "http_subscribers", "gauge", "Open streams.", n.subscribers);
	metric(b, "http_cut_off_total", "counter", "Streams whose reader was "
	    "too slow.", n.cut_off);
	metric(b, "http_sent_bytes_total", "counter", "Bytes of all answers.",
	    n.bytes_out);
}

static void
turn_metrics(const struct rest *s, struct buf *b)
{
	struct pool_counts n;

	pool_count(s->o.pool, &n);
	metric(b, "turns_running", "gauge", "Turns that a worker has.",
	    n.running);
	metric(b, "turns_waiting", "gauge", "Turns that wait for a worker or "
	    "for their session.", n.waiting);
	metric(b, "workers", "gauge", "Processes that run turns.", n.workers);
	metric(b, "workers_started_total", "counter", "Workers that were "
	    "started, replacements included.", n.started);
	metric(b, "workers_crashed_total", "counter", "Workers that took a "
	    "turn with them.", n.crashed);
	metric(b, "sse_events_total", "counter", "Events sent to streams.",
	    sse_count(s->sse));
}

/* Resident set size, from /proc/self/statm (proc(5)). */
static uint64_t
resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%lu %lu", &size, &pages) != 2)
			pages = 0;
		fclose(f);
	}
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

ROUTE(rest_metrics)
{
	const struct rest *s = arg;
	struct buf b = BUF_INIT;

	http_metrics(s->http, &b);
	turn_metrics(s, &b);
	metric(&b, "uptime_seconds", "gauge", "Since the server started.",
	    (uint64_t)(time_mono_ms() - s->since) / 1000);
	metric(&b, "resident_bytes", "gauge", "Memory of the server itself.",
	    resident());
	http_reply(r, 200, "text/plain; version=0.0.4", b.p, b.n);
	buf_free(&b);
}
