#ifndef SESSION_INFO_H
#define SESSION_INFO_H

#include "base/buf.h"
#include "base/err.h"
#include "store/realm.h"
#include "store/sessions.h"

struct db;

/* session_id, session_ref, created_at, updated_at, message_count into an open object. */
void info_emit(struct buf *b, const struct realm *r, const struct session *s);
/* comms_name and resident, if it has them. */
int info_comms(struct db *db, const char *session, struct buf *b, struct err *e);
/* For people: "@name" and, of a resident, " (resident)"; nothing of others. */
int info_comms_text(struct db *db, const char *session, struct buf *b,
    struct err *e);

#endif
