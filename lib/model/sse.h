#ifndef MODEL_SSE_H
#define MODEL_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Reader of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html),
 * cut to what the four providers send (providers sheet 1.7).  Works on bytes: a chunk
 * may end anywhere, also inside a character.  Pure: no clock, no descriptor.
 *
 * Only `data` matters: every payload names its own kind.  Comments and the other
 * fields are skipped; lines that are no field at all are kept as stray text, because
 * some servers put a bare JSON error into the stream.
 */
#define SSE_EVENT_MAX (16u << 20)	/* bytes of one line or one event */
#define SSE_STRAY_MAX (64u << 10)

struct sse {
	struct buf line, data, stray;
	bool pending;		/* a data line was seen since the last event */
	bool started;		/* something was read: a BOM can no longer come */
	int64_t offset;		/* bytes of whole lines so far */
	int64_t event_at;	/* where the event's first data line starts */
	int64_t events;		/* dispatched so far */
	/* One event's data; -1 stops the reading.  p is NUL terminated. */
	int (*event)(void *arg, const char *p, size_t n);
	void *arg;
};

/* -1: the callback said so, or (then e is set) a line or event is over the limit. */
int sse_feed(struct sse *s, const char *p, size_t n, struct err *e);
/* End of input: a last line without a newline and a last event without a blank line count. */
int sse_end(struct sse *s, struct err *e);
void sse_free(struct sse *s);

#endif
