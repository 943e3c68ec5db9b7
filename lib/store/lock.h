#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <stdbool.h>

#include "base/err.h"
#include "store/realm.h"

/*
 * One turn, one process, one lock (design rules 1 and 2), and the doorbell beside it.
 * The lock is flock(2) on run/<session>.lock: it falls when its holder dies.  The
 * bell is a datagram socket run/<session>.sock: a ring is a hint to look into the
 * database; a lost ring delays, it loses nothing.
 */

/* Take the session's lock.  The descriptor (O_CLOEXEC) is the lock; close it to unlock.  SESSION_BUSY at once if it is held. */
int lock_session(const struct realm *r, const char *session, int *fd,
    struct err *e);
/* Is somebody running a turn now?  (A look, not a promise.) */
bool lock_held(const struct realm *r, const char *session);

/* Open the bell for reading, non-blocking; the holder of the lock does this.  Paths of any length work. */
int bell_open(const struct realm *r, const char *session, int *fd,
    struct err *e);
void bell_close(const struct realm *r, const char *session, int fd);
/* 'i' = interrupt, 'w' = new input.  False if nobody listens. */
bool bell_ring(const struct realm *r, const char *session, char what);
/* Next ring, or 0 when there is none. */
char bell_read(int fd);

#endif
