#include <errno.h>
#include <stdlib.h>

#include "serve/rest_impl.h"
#include "serve/sse.h"

/* GET /sessions/{sid}/events: rest sheet section 6.1. */

/* Where a reader goes on; its header is younger than the URL that it comes back with. */
static bool
place(struct http_req *r, int64_t *after)
{
	const char *id = http_header(r, "last-event-id");
	char *end;

	if (!id || !*id)
		return rest_query_count(r, "after", after);
	errno = 0;
	*after = strtoll(id, &end, 10);
	if (*id >= '0' && *id <= '9' && !*end && !errno)
		return true;
	rest_fail(r, 400, "BAD_REQUEST",
	    "Last-Event-ID: want the id of an event, not '%.80s'", id);
	return false;
}

ROUTE(rest_session_events)
{
	struct rest *s = arg;
	struct err e = ERR_NONE;
	struct session row;
	int64_t after = -1;

	if (!rest_session(s, r, true, &row))
		return;
	if (place(r, &after) && sse_answer(s->sse, r, &row, after, &e) < 0)
		rest_fail_err(r, &e);
	session_free(&row);
}
