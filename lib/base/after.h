#ifndef BASE_AFTER_H
#define BASE_AFTER_H

#include <stdint.h>

#include <event2/event.h>

/* For programs with a libevent loop: this timer goes off in so many ms; past is now. */
static inline void
event_after(struct event *timer, int64_t ms)
{
	struct timeval tv = { 0, 0 };

	if (ms > 0)
		tv = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	event_add(timer, &tv);
}

#endif
