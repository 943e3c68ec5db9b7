#ifndef RUNNER_WIRE_H
#define RUNNER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

/*
 * Lines over a pair of descriptors (which may be one) on libevent: what comes in is
 * cut at newlines, what goes out is buffered and written when there is room.  One
 * thread.  Callbacks may free the wire.
 */
struct wire;

struct wire_hooks {
	/* A line without its newline, white space around it taken off; never empty. */
	void (*line)(void *arg, const char *p, size_t n);
	/* A line over the limit: told once, then skipped to its end. */
	void (*too_long)(void *arg);
	/*
	 * End of input, or (broken) nobody reads what goes out; each is told once.  That
	 * the reader of a pipe has left is noticed at once, else by a write.
	 */
	void (*ended)(void *arg, bool broken);
	/* Everything that was put is written; may be NULL. */
	void (*flushed)(void *arg);
	void *arg;
};

/*
 * Takes both descriptors, which must not block.  While more than `high` bytes wait to
 * be written nothing is read (0: no such limit).
 */
struct wire *wire_new(struct event_base *base, int in, int out,
    size_t line_max, size_t high, const struct wire_hooks *hooks);
void wire_free(struct wire *w);		/* NULL is fine; closes */
/* After a broken wire was told this does nothing. */
void wire_put(struct wire *w, const char *p, size_t n);
size_t wire_backlog(const struct wire *w);	/* bytes that wait to be written */
uint64_t wire_written(const struct wire *w);	/* bytes that were, so far */
void wire_stop(struct wire *w);		/* read no more */
/* Close the writing side when it is a descriptor of its own, else shut it down. */
void wire_hang_up(struct wire *w);

#endif
