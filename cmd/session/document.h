#ifndef SESSION_DOCUMENT_H
#define SESSION_DOCUMENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/realm.h"
#include "store/sessions.h"

/*
 * The session document (agent sheet section 3): one JSON object that holds a session
 * whole, its images inside.
 */

/* Write it.  An image that is gone stays a reference. */
void document_emit(const struct realm *r, const struct session *s,
    const struct messages *m, struct buf *b);
/*
 * Read one that json_parse accepted.  Strict: INVALID_PARAMS names the place as a
 * JSON pointer.  Images go to the blob store.  With keep, id, times and the archived
 * mark are the document's; else they are left for session_create to make.
 */
int document_read(const struct realm *r, struct jtext doc, bool keep,
    struct session *s, struct messages *m, struct err *e);

/* Is that a message of agent sheet section 2?  at is its pointer, for the error. */
int message_check(struct jtext m, const char *at, struct err *e);

#endif
