#include <stdlib.h>

#include "base/jput.h"
#include "comms/send.h"
#include "serve/comms.h"
#include "serve/rpc_impl.h"
#include "serve/sessions.h"
#include "serve/turns.h"

/* comms/send, comms/peers: rpc sheet section 10.2. */

/* The session that is meant: all that is wrong with it is a wrong parameter here. */
static int
param_self(struct req *r, char id[UUID_LEN + 1], struct err *e)
{
	struct session row;

	if (param_session_id(r, id, e) < 0)
		return -1;
	if (sessions_load(r->s->o.db, id, true, &row, e) == 0) {
		bool archived = row.archived;

		session_free(&row);
		if (archived)
			return err_set(e, E_INVALID_PARAMS,
			    "Session is archived: %s", id);
		if (comms_takes_part(r->s->o.db, id, e) < 0)
			return -1;
		turns_use(r->s->o.turns, id, r->c);
		return 0;
	}
	return e->code != E_SESSION_NOT_FOUND ? -1 : err_set(e,
	    E_INVALID_PARAMS, "Session not found or comms not enabled: %s", id);
}

static void
put_invalid(struct buf *data, const struct buf *issues, const char *message)
{
	jput_open(data, '{');
	jput_kcstr(data, "code", "invalid_command");
	jput_kcstr(data, "message", message);
	jput_kraw(data, "details", issues->p, issues->n);
	jput_close(data, '}');
}

/* An error that tells more than its code. */
static int
fail_with(struct req *r, const struct err *e, const struct buf *data)
{
	char *id = xstrndup(r->id.p, r->id.n);

	rpc_fail(r->c, id, e, data);
	free(id);
	return LATER;
}

METHOD(rpc_comms_send)
{
	char id[UUID_LEN + 1], to[UUID_LEN + 1] = "";
	struct buf data = BUF_INIT;
	int rc = -1;

	if (param_self(r, id, e) < 0)
		return -1;
	switch (comms_command(r->s->o.db, id, r->params, to, out, e)) {
	case COMMS_SENT:
		rc = 0;
		break;
	case COMMS_INVALID:
		put_invalid(&data, out, e->text);
		rc = fail_with(r, e, &data);
		break;
	case COMMS_FAILED:
		e->code = E_INTERNAL_ERROR;
		rc = fail_with(r, e, out);
		break;
	case COMMS_PARAMS:
	case COMMS_NOBODY:
		break;
	}
	if (*to)
		rpc_wake(r->c, to);
	buf_free(&data);
	return rc;
}

METHOD(rpc_comms_peers)
{
	char id[UUID_LEN + 1];

	return param_self(r, id, e) < 0 ? -1 :
	    comms_peers(r->s->o.db, id, out, e);
}
