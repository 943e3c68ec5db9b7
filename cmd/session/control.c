#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jput.h"
#include "session/session.h"
#include "store/lock.h"
#include "store/sessions.h"

/* delete, interrupt, check. */

#define INTERRUPT_WAIT_MS 2000
#define LOOK_MS 20
#define RING_EVERY 10	/* looks */

/* "<What> session: <id>" and its reference, or an object. */
static int
report(struct cmd *c, const char *what, const char *status, const char *id)
{
	struct buf b = BUF_INIT;
	int rc;

	if (c->json) {
		char *ref = xasprintf("%s:%s", c->realm.id, id);

		jput_open(&b, '{');
		jput_kcstr(&b, "session_id", id);
		jput_kcstr(&b, "session_ref", ref);
		jput_kcstr(&b, "status", status);
		jput_close(&b, '}');
		free(ref);
	} else {
		buf_printf(&b, "%s session: %s\nSession Ref: %s:%s", what, id,
		    c->realm.id, id);
	}
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}

/* A turn that runs may end: what it writes stays readable. */
VERB(verb_delete)
{
	char id[UUID_LEN + 1];

	if (cmd_args(c, argc, argv, 1) < 0)
		return -1;
	if (cmd_resolve(c, argv[optind], id) < 0 ||
	    session_archive(c->db, id, &c->e) < 0)
		return err_wrap(&c->e, "Failed to delete session");
	return report(c, "Deleted", "deleted", id);
}

/* Ring until the turn has let go of the session; a lost ring is rung again. */
static bool
interrupt(const struct realm *r, const char *id)
{
	struct timespec look = { .tv_nsec = LOOK_MS * 1000000 };

	for (int n = 0; lock_held(r, id); n++) {
		if (n * LOOK_MS >= INTERRUPT_WAIT_MS)
			return false;
		if (n % RING_EVERY == 0)
			bell_ring(r, id, 'i');
		nanosleep(&look, NULL);
	}
	return true;
}

VERB(verb_interrupt)
{
	char id[UUID_LEN + 1];
	bool ended;

	if (cmd_args(c, argc, argv, 1) < 0)
		return -1;
	if (cmd_resolve(c, argv[optind], id) < 0)
		return err_wrap(&c->e, "Failed to interrupt session");
	ended = interrupt(&c->realm, id);
	if (!ended)
		warn("%s: the turn is told, but has not ended within %d s", id,
		    INTERRUPT_WAIT_MS / 1000);
	return report(c, "Interrupted", ended ? "interrupted" : "interrupting",
	    id);
}

VERB(verb_check)
{
	struct buf b = BUF_INIT;
	int rc;

	if (cmd_args(c, argc, argv, 0) < 0)
		return -1;
	if (cmd_open_existing(c) < 0 || db_check(c->db, &c->e) < 0)
		return -1;
	if (c->json)
		buf_printf(&b, "{\"realm_id\":\"%s\",\"status\":\"ok\"}",
		    c->realm.id);
	else
		buf_printf(&b, "ok: %s/realm.sqlite3", c->realm.dir);
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}
