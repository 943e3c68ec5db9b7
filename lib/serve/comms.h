#ifndef SERVE_COMMS_H
#define SERVE_COMMS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/util.h"

struct db;

/* comms/send as every surface of the server takes it: comms sheet section 17. */
enum comms_fault {
	COMMS_SENT,	/* out: the receipt */
	COMMS_PARAMS,	/* *e: this is no command */
	COMMS_INVALID,	/* out: the array of {field,issue,got?} */
	COMMS_NOBODY,	/* *e: the session takes no part in comms */
	COMMS_FAILED	/* *e, and out: the contract's error object */
};
/* session is not archived; to gets the session of this realm that has new input, or "". */
enum comms_fault comms_command(struct db *db, const char *session,
    struct jtext params, char to[UUID_LEN + 1], struct buf *out,
    struct err *e);

/* 0, or INVALID_PARAMS "Session not found or comms not enabled: ...". */
int comms_takes_part(struct db *db, const char *session, struct err *e);

#endif
