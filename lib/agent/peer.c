#include <stdlib.h>
#include <string.h>

#include "agent/run.h"
#include "base/jput.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/db.h"
#include "store/participants.h"

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

/* ---- later ---- */

static void
set_member(char **object, const char *key, struct jtext value)
{
	struct buf b = BUF_INIT;

	json_with(&b, json_text(*object), key, value);
	free(*object);
	*object = buf_steal(&b);
}

/* What the contract shows of it: agent sheet 3.1. */
static void
edit_meta(char **meta, const struct join_spec *j, const char *name)
{
	struct buf b = BUF_INIT;

	if (name) {
		jput_str(&b, name, strlen(name));
		set_member(meta, "comms_name", json_slice(b.p, b.n));
	}
	if (j->meta.p)
		set_member(meta, "peer_meta", j->meta);
	if (j->resident >= 0)
		set_member(meta, "keep_alive",
		    json_text(j->resident ? "true" : "false"));
	buf_free(&b);
}

/* Row by row, so that a turn under way loses nothing of its own. */
static int
save_meta(struct db *db, const char *session, const struct join_spec *j,
    const char *name, struct err *e)
{
	struct session s;
	int rc;

	if (db_begin(db, e) < 0)
		return -1;
	if ((rc = session_load(db, session, &s, e)) == 0) {
		edit_meta(&s.meta, j, name);
		rc = session_save(db, &s, e);
		session_free(&s);
	}
	if (rc < 0)
		db_rollback(db);
	return rc < 0 ? -1 : db_commit(db, e);
}

int
agent_join(struct db *db, const char *session, const struct join_spec *j,
    struct err *e)
{
	struct participant p;
	int found = participant_load(db, session, &p, e), rc = -1;
	struct jtext meta = j->meta;
	char *name;

	if (found < 0)
		return -1;
	if (!found && j->resident == 0 && !j->name)
		return save_meta(db, session, j, NULL, e);
	name = j->name ? xstrdup(j->name) : found ? xstrdup(p.name) :
	    xasprintf("cli/%s", session);
	if (!meta.p && found)
		meta = json_text(p.meta);
	if (comms_enable(db, session, name, meta,
	    j->resident < 0 ? found && p.resident : j->resident,
	    j->listen ? j->listen : p.listen,
	    j->advertise ? j->advertise : p.advertise, e) == 0)
		rc = save_meta(db, session, j, name, e);
	free(name);
	participant_free(&p);
	return rc;
}
