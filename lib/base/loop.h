#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A small poll(2) loop for processes that wait for a handful of descriptors: a model
 * stream, children, a doorbell.  (Servers use libevent.)  One thread.  Callbacks may
 * add and remove watches, their own included.
 */
struct loop;
struct loop_fd;
struct loop_timer;

struct loop *loop_new(void);
void loop_free(struct loop *l);		/* watches that are left are dropped, descriptors stay open */

/* events: POLLIN | POLLOUT.  The callback gets revents.  The loop never owns fd. */
struct loop_fd *loop_watch(struct loop *l, int fd, short events,
    void (*cb)(void *arg, int fd, short revents), void *arg);
void loop_set(struct loop_fd *w, short events);
void loop_unwatch(struct loop_fd *w);	/* NULL is fine */

/* One shot, in ms from now (0 = next turn of the loop). */
struct loop_timer *loop_timer(struct loop *l, int64_t ms,
    void (*cb)(void *arg), void *arg);
void loop_untimer(struct loop_timer *t);	/* NULL is fine; not needed (and not allowed) after it fired */

/*
 * Wait until something happened, at most max_ms (-1: no limit), and run the callbacks.
 * Returns the number of callbacks run; 0 after a time-out or a signal.
 */
int loop_once(struct loop *l, int64_t max_ms);

#endif
