#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/send.h"
#include "store/db.h"
#include "store/participants.h"
#include "store/sessions.h"

/* A session's part in comms: its row among the participants, and what its metadata says of it. */

/* What the contract shows of it: agent sheet 3.1. */
static void
edit_meta(char **meta, const struct join_spec *j, const char *name)
{
	struct buf b = BUF_INIT;

	if (name) {
		jput_str(&b, name, strlen(name));
		json_set(meta, "comms_name", json_slice(b.p, b.n));
	}
	if (j->meta.p)
		json_set(meta, "peer_meta", j->meta);
	if (j->resident >= 0)
		json_set(meta, "keep_alive",
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
comms_join(struct db *db, const char *session, const struct join_spec *j,
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
