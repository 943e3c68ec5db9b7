#ifndef COMMS_EVENT_H
#define COMMS_EVENT_H

#include <stdint.h>

#include "comms/comms.h"

struct event {
	const char *type, *source, *key, *mode;	/* type and key may be NULL */
	struct jtext payload;
};

/* Admit it; its members of the receipt into an open object.  Does not ring. */
int event_admit(struct cmd *c, const char *session, const struct event *ev,
    struct buf *receipt, bool *seen);
/* After the commit: whoever runs the session, and whoever starts its turns. */
void event_ring(struct cmd *c, const char *session);

/*
 * Each line of standard input is an event like `as`; what has come, up to batch lines,
 * is one transaction, then their receipts are written.  The exit status.
 */
int event_lines(struct cmd *c, const char *session, const struct event *as,
    int64_t batch);

#endif
