#include <stdlib.h>
#include <string.h>

#include "serve/rpc_impl.h"
#include "serve/sessions.h"

/* Which session a client means: rpc sheet section 6. */

static int
locate(struct rpc *s, const char *raw, char id[UUID_LEN + 1], struct err *e)
{
	struct locator l;

	switch (locator_parse(s->realm, raw, &l)) {
	case LOCATOR_OK:
		memcpy(id, l.id, sizeof l.id);
		return 0;
	case LOCATOR_ELSEWHERE:
		return err_set(e, E_INVALID_PARAMS, "Session locator realm "
		    "'%.80s' does not match active runtime realm '%s'",
		    l.realm, s->realm->id);
	default:
		return err_set(e, E_INVALID_PARAMS, "Invalid session_id "
		    "'%.120s': want a UUID or <realm>:<UUID>", raw);
	}
}

int
param_session_id(struct req *r, char id[UUID_LEN + 1], struct err *e)
{
	char *raw;
	int rc = param_needed(r->params, "session_id", &raw, e);

	if (rc == 0)
		rc = locate(r->s, raw, id, e);
	free(raw);
	return rc;
}

int
param_session(struct req *r, bool archived, struct session *s, struct err *e)
{
	char id[UUID_LEN + 1];

	return param_session_id(r, id, e) < 0 ? -1 :
	    sessions_load(r->s->o.db, id, archived, s, e);
}
