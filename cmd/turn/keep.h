#ifndef TURN_KEEP_H
#define TURN_KEEP_H

#include "turn/front.h"
#include "turn/lines.h"
#include "turn/render.h"

/*
 * Keep-alive (cli sheet section 6): the session's first turn is over and its lock is
 * free; others run its further turns.  Show them, from the event behind `after` on,
 * until a signal comes or nobody reads us any more.  lines: NULL, or what reads
 * standard input.  A signal that ended it is said: a clean end.
 */
int keep_follow(struct front *t, struct render *render, struct lines *lines,
    int64_t after, struct err *e);

#endif
