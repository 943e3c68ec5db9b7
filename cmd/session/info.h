#ifndef SESSION_INFO_H
#define SESSION_INFO_H

#include "base/buf.h"
#include "store/realm.h"
#include "store/sessions.h"

/* session_id, session_ref, created_at, updated_at, message_count into an open object. */
void info_emit(struct buf *b, const struct realm *r, const struct session *s);

#endif
