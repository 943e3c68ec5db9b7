#include <string.h>

#include "comms/send.h"
#include "serve/comms.h"
#include "store/participants.h"

int
comms_takes_part(struct db *db, const char *session, struct err *e)
{
	struct participant p;
	int rc = participant_load(db, session, &p, e);

	if (rc > 0)
		participant_free(&p);
	return rc > 0 ? 0 : rc < 0 ? -1 : err_set(e, E_INVALID_PARAMS,
	    "Session not found or comms not enabled: %s", session);
}

enum comms_fault
comms_command(struct db *db, const char *session, struct jtext params,
    char to[UUID_LEN + 1], struct buf *out, struct err *e)
{
	enum comms_fault fault = COMMS_SENT;
	struct receipt receipt = { .session = "" };
	struct send_command c;

	if (comms_takes_part(db, session, e) < 0)
		return COMMS_NOBODY;
	if (send_parse(params, &c, out, e) < 0) {
		fault = out->n ? COMMS_INVALID : COMMS_PARAMS;
	} else {
		buf_trunc(out, 0);	/* no issues: [] */
		c.blocks = JTEXT_NONE;	/* no surface of the contract has them */
		if (comms_send(db, session, &c, &receipt, out, e) < 0)
			fault = COMMS_FAILED;
		else
			receipt_emit(&receipt, out);
	}
	memcpy(to, receipt.session, UUID_LEN + 1);
	send_command_free(&c);
	return fault;
}
