#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/realm.h"

/*
 * events/<session>.jsonl: one envelope a line (agent sheet 5.1), appended with one
 * write(2); seq starts at 1 and grows by one, over restarts and crashes.  The holder
 * of the session lock is the only writer.
 *
 * {"event_id":"<uuidv7>","source_id":"session:<id>","seq":N,"timestamp_ms":M,"payload":{"type":...}}
 */
struct eventlog;

/*
 * Open for appending.  A torn last line (a crash in the middle of a write) is cut off;
 * seq goes on from the last whole line.
 */
struct eventlog *eventlog_open(const struct realm *r, const char *session,
    struct err *e);
void eventlog_close(struct eventlog *l);
/* Who else sees each line (with its newline), after it was appended; NULL: nobody. */
void eventlog_tap(struct eventlog *l,
    void (*cb)(void *arg, const char *line, size_t n, struct jtext payload),
    void *arg);
/* Append one event; payload is raw JSON.  A full disk does not stop a turn: it warns once, and the tap still sees the line. */
void eventlog_put(struct eventlog *l, const char *payload, size_t n);
int64_t eventlog_seq(const struct eventlog *l);		/* of the last line; 0 if none */
/*
 * The last run_started, run_completed or run_failed in the file: its type into `type`
 * ("" if there is none).  For closing a run whose terminal event was lost.
 */
void eventlog_last_lifecycle(const struct eventlog *l, char type[32]);

/* ---- readers: any process, any number ---- */
struct follower;

/* Lines with seq > after.  NOT_FOUND never: a session without events is an empty file to come. */
struct follower *follower_open(const struct realm *r, const char *session,
    int64_t after, struct err *e);
void follower_close(struct follower *f);
/*
 * Next whole line (without newline), borrowed until the next call; *seq may be NULL.
 * 1: a line, 0: nothing more now, -1: error.  A line that is not an event envelope is
 * skipped; lines over 64 MiB are skipped.
 */
int follower_next(struct follower *f, struct jtext *line, int64_t *seq,
    struct err *e);
/* A descriptor that polls readable when the file grew (inotify), or -1: then look every second. */
int follower_fd(struct follower *f);

#endif
