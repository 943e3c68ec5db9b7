#ifndef SESSION_INFO_H
#define SESSION_INFO_H

#include "base/buf.h"
#include "base/err.h"
#include "store/realm.h"
#include "store/sessions.h"

struct db;

/* comms_name and resident into an open object, if it has them. */
int info_comms(struct db *db, const char *session, struct buf *b, struct err *e);
/* For people: "@name" and, of a resident, " (resident)"; nothing of others. */
int info_comms_text(struct db *db, const char *session, struct buf *b,
    struct err *e);

#endif
