#ifndef TURN_ANSWER_H
#define TURN_ANSWER_H

#include "agent/agent.h"
#include "turn/front.h"

/*
 * The end of a turn as people see it (cli sheet 3.4 to 3.7): text or JSON on stdout,
 * the footer on stderr.  streamed: the text is on stdout already.
 */
void answer_print(struct front *t, const struct options *o,
    const struct run_result *r, bool streamed);

/* A callback tool waits for its result (3.6). */
void answer_pending(struct front *t, const struct options *o,
    const struct run_result *r);

#endif
