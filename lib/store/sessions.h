#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"

struct db;

/* Token counts; a cache count of -1 is "never reported" (null on the wire). */
struct usage {
	int64_t input, output, cache_creation, cache_read;
};
#define USAGE_NONE { 0, 0, -1, -1 }
/* a += b, field by field; unknown + n = n. */
void usage_add(struct usage *a, const struct usage *b);
/* {"input_tokens":..,"output_tokens":..,"cache_creation_tokens":..|null,"cache_read_tokens":..|null} */
void usage_emit(struct buf *b, const struct usage *u);

/* A session's row.  JSON columns are raw text, "{}" when empty.  Free with session_free. */
struct session {
	char id[UUID_LEN + 1];
	int64_t created_ms, updated_ms;
	bool archived;
	char *meta;		/* agent sheet 3.1 session_metadata */
	char *build;		/* 3.2 session_build_state */
	char *labels;		/* {"k":"v"} */
	char *state;		/* the other reserved metadata keys by name: session_compaction_cadence, ... */
	struct usage usage;	/* all runs, compaction included */
	int64_t messages;	/* live transcript */
	int64_t total_messages;	/* append-only log, compacted ones included */
	bool retired;		/* takes no input (inputs_retire); never written by session_save */
};

/* In state: the prompt of a deferred session, as JSON, until its first turn takes it. */
#define SESSION_STAGED "rkat_deferred_prompt"

/*
 * New row; id is generated if in->id is "", times are now if 0, columns that are NULL
 * are "{}" (all are filled in).  An id that exists is CONFLICT.  One transaction of
 * its own unless one is open.
 */
int session_create(struct db *db, struct session *in, struct err *e);
/* SESSION_NOT_FOUND if unknown; archived ones are found. */
int session_load(struct db *db, const char *id, struct session *s,
    struct err *e);
void session_free(struct session *s);
/* Write meta, build, labels, state and usage back, updated_ms becomes now; inside or outside a transaction. */
int session_save(struct db *db, const struct session *s, struct err *e);
/*
 * What a run changes of it: state and usage, with all also meta and build.  The rest is
 * left to others, who may change it while a run goes on.
 */
int session_advance(struct db *db, const struct session *s, bool all,
    struct err *e);

/*
 * A reference as people write it -> full id: UUID, comms name, "<realm>:<uuid>", unique
 * prefix, "last", "~", "~N".  "~1" and "last" are the newest, "~2" the second newest, as the
 * documents say.  Newest = updated_ms descending, then id.  An ambiguous prefix is
 * INVALID_PARAMS and the text lists up to 5 candidates.  Archived sessions are found
 * by UUID only.
 */
int session_resolve(struct db *db, const char *ref, char id[UUID_LEN + 1],
    struct err *e);

struct session_query {
	int64_t limit, offset;		/* limit < 0: all */
	const char *const *labels;	/* "k=v", all must match; n_labels of them */
	size_t n_labels;
	bool archived;			/* include archived ones */
};
/* Newest first.  cb gets each row (borrowed); a non-zero answer stops. */
int session_list(struct db *db, const struct session_query *q,
    int (*cb)(void *arg, const struct session *s), void *arg, struct err *e);
/* SESSION_NOT_FOUND if unknown or archived already. */
int session_archive(struct db *db, const char *id, struct err *e);

/* ---- the transcript: append-only; agent sheet section 2 shapes, one raw JSON object a message ---- */

struct messages {
	struct jtext *v;	/* n messages, oldest first; each owned (v[i].p) */
	size_t n;
	int64_t base;		/* log index of v[0] */
};

/* The live transcript (what the model sees). */
int messages_load(struct db *db, const char *session, struct messages *m,
    struct err *e);
/* A slice of it, for history: clamped; limit < 0: all. */
int messages_page(struct db *db, const char *session, int64_t offset,
    int64_t limit, struct messages *m, struct err *e);
void messages_free(struct messages *m);
/* Append to m itself, too, after a commit: takes a copy. */
void messages_push(struct messages *m, const char *raw, size_t n);
/* All of them behind those of another; from is empty afterwards. */
void messages_move(struct messages *to, struct messages *from);

/* Append one message, inside a transaction; *index (may be NULL) is its place in the log.  Bumps counts and updated_ms. */
int messages_append(struct db *db, const char *session, const char *raw,
    size_t n, int64_t *index, struct err *e);
/*
 * Start a new live transcript behind the log, inside a transaction: the next
 * appended message becomes live message 0; what was live before stays in the log.
 * For compaction and for replacing message 0.
 */
int messages_rebase(struct db *db, const char *session, struct err *e);

/*
 * session_create and the whole transcript in one transaction; in->updated_ms stays
 * as given if it was.
 */
int session_restore(struct db *db, struct session *in,
    const struct messages *m, struct err *e);

#endif
