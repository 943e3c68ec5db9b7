#include <stdint.h>

#include "agent/agent.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/sessions.h"

/* Sessions that others can speak to: comms sheet. */

int
agent_create_peer(struct db *db, const struct session_spec *spec,
    const char *listen, const char *advertise, struct session *s,
    struct err *e)
{
	if (spec->comms_name && !peer_name_valid(spec->comms_name))
		return err_set(e, E_INVALID_PARAMS, "comms_name: want a name "
		    "that is not blank and has no control characters");
	if (peer_meta_check(spec->peer_meta, e) < 0 ||
	    agent_create_session(db, spec, s, e) < 0)
		return -1;
	if (!spec->comms_name || comms_enable(db, s->id, spec->comms_name,
	    spec->peer_meta, spec->keep_alive, listen, advertise, e) == 0)
		return 0;
	session_archive(db, s->id, NULL);
	session_free(s);
	return -1;
}
