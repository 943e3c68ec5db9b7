#ifndef STORE_WAKES_H
#define STORE_WAKES_H

#include "base/err.h"
#include "store/realm.h"

/*
 * The bell of a whole realm: it rings behind each commit that put input into a queue
 * which wakes its session, whoever committed, and any number may listen.  What rings
 * is the time stamp of run/wakes; without listeners there is no such file.  Like the
 * other bell (lock.h) it is a hint to look: inputs_waking.
 */

/* A descriptor that polls readable when it rang, or -1. */
int wakes_open(const struct realm *r, struct err *e);
/* Until the next ring. */
void wakes_read(int fd);
void wakes_ring(const struct realm *r);

#endif
