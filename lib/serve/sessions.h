#ifndef SERVE_SESSIONS_H
#define SERVE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"
#include "store/sessions.h"

struct db;
struct realm;

/* Sessions as every surface finds and shows them. */

/* "<uuid>" in any form that a UUID has, or "<realm>:<uuid>": rest sheet section 1.5. */
struct locator {
	char id[UUID_LEN + 1];		/* lower case, hyphenated */
	char realm[128];		/* what stands before the colon, cut; "" if nothing does */
};
enum locator_fault {
	LOCATOR_OK,
	LOCATOR_FORM,		/* nothing before or behind the colon */
	LOCATOR_ID,		/* that is no UUID */
	LOCATOR_REALM,		/* that is no realm id */
	LOCATOR_ELSEWHERE	/* another realm */
};
enum locator_fault locator_parse(const struct realm *r, const char *raw,
    struct locator *l);

/* SESSION_NOT_FOUND, also for an archived one unless asked; then session_free. */
int sessions_load(struct db *db, const char *id, bool archived,
    struct session *s, struct err *e);

/* Members of an open object: session_id, session_ref; labels unless there are none. */
void sessions_put_ref(const struct realm *r, const char *session,
    struct buf *b);
void sessions_put_labels(const struct session *row, struct buf *b);
/* ref, times in seconds, message_count. */
void sessions_put_info(const struct realm *r, const struct session *row,
    struct buf *b);
/* model and provider, as they were when it ran last. */
void sessions_put_model(const struct session *row, struct buf *b);
/* The text of an assistant's message, appended; false if it has none. */
bool sessions_text(struct jtext message, struct buf *text);
/* What list and read of a server begin with: info, is_active. */
void sessions_put_summary(const struct realm *r, const struct session *row,
    struct buf *b);
/* {"sessions":[...]} */
int sessions_list(struct db *db, const struct session_query *q, struct buf *b,
    struct err *e);
/* One page of the transcript; limit < 0: all. */
int sessions_history(struct db *db, const struct session *row, int64_t offset,
    int64_t limit, struct buf *b, struct err *e);

#endif
