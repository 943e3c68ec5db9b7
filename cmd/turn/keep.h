#ifndef TURN_KEEP_H
#define TURN_KEEP_H

#include "turn/front.h"
#include "turn/lines.h"
#include "turn/render.h"
#include "turn/resident.h"

/*
 * Keep-alive (cli sheet section 6): the session's first turn is over and its lock is
 * free; others run its further turns.  Show them, from the event behind `after` on,
 * until a signal comes, it is not resident any more, or nobody reads us; then end peerd and show what
 * it still did.  lines: NULL, or what reads standard input.
 */
int keep_follow(struct front *t, struct render *render, struct lines *lines,
    struct resident *peerd, int64_t after, struct err *e);

#endif
