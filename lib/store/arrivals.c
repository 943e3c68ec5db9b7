#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/json.h"
#include "store/arrivals.h"
#include "store/inputs.h"
#include "store/outbox.h"
#include "store/sql.h"

#define QUEUE_MAX 1024		/* inputs that wait in a session (comms sheet section 12) */
#define SENDER_MAX 256		/* of them from one sender */
#define REALM_MAX 10000		/* in the realm's inbox */

void
arrival_free(struct arrival *a)
{
	free(a->id);
	free(a->session);
	free(a->from);
	free(a->from_key);
	free(a->channel);
	free(a->json);
	free(a->input);
	memset(a, 0, sizeof *a);
}

/* ---- hops ---- */

int
hop_put(struct db *db, const char *id, const char *what,
    const char *detail, struct err *e)
{
	return db_run(db, e, "INSERT INTO hops(id, at_ms, what, detail)"
	    " VALUES(?1, ?2, ?3, ?4)", "siss", id, time_ms(), what,
	    detail) < 0 ? -1 : 0;
}

int
hops(struct db *db, const char *id,
    int (*cb)(void *arg, int64_t at_ms, const char *what, const char *detail),
    void *arg, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT at_ms, what, detail FROM hops"
	    " WHERE id = ?1 ORDER BY seq", "s", id);
	int rc = -1, stop = 0;

	while (!stop && (rc = db_step(db, st, e)) > 0) {
		char *what = db_text(st, 1), *detail = db_text(st, 2);

		stop = cb(arg, sqlite3_column_int64(st, 0), what, detail);
		free(what);
		free(detail);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}

/* ---- the input of a session ---- */

/* What peers said that waits, all of it and that of one. */
static int
count(struct db *db, const struct arrival *a, int64_t *all, int64_t *his,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT count(*),"
	    " total(source = ?2) FROM inputs WHERE session = ?1"
	    " AND state = 'queued' AND kind = 'peer'", "ss", a->session,
	    a->from);
	int rc = db_step(db, st, e);

	if (rc > 0) {
		*all = sqlite3_column_int64(st, 0);
		*his = sqlite3_column_int64(st, 1);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}

/* The realm's inbox, the one that has just come counted. */
static int
realm_has_room(struct db *db, const struct arrival *a, struct err *e)
{
	int64_t max = a->realm_max ? a->realm_max : REALM_MAX;
	sqlite3_stmt *st = db_query(db, e, "SELECT 1 FROM inbox WHERE n > ?1",
	    "i", max);
	int rc = db_step(db, st, e);

	db_done(db, st);
	return rc <= 0 ? rc : err_set(e, E_CONFLICT, "inbox_full: %lld "
	    "messages are in the realm's inbox already", (long long)max);
}

static int
has_room(struct db *db, const struct arrival *a, struct err *e)
{
	int64_t all = 0, his = 0;

	if (count(db, a, &all, &his, e) < 0)
		return -1;
	if (all >= QUEUE_MAX)
		return err_set(e, E_CONFLICT, "inbox_full: %d inputs wait "
		    "already", QUEUE_MAX);
	if (his >= SENDER_MAX)
		return err_set(e, E_CONFLICT, "inbox_full: %d inputs of %.80s "
		    "wait already", SENDER_MAX, a->from);
	return 0;
}

/* Is the intent one that the session takes note of, but is not woken by? */
static int
is_silent(struct db *db, const char *session, const char *intent,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT 1 FROM sessions,"
	    " json_each(sessions.build, '$.silent_comms_intents') j"
	    " WHERE sessions.id = ?1 AND j.value = ?2", "ss", session, intent);
	int rc = db_step(db, st, e);

	db_done(db, st);
	return rc;
}

/* Sheet section 13: who is woken, and what a newer one replaces. */
static int
policy(struct db *db, const struct arrival *a, struct input *in, struct err *e)
{
	struct jtext kind = json_text(a->json);
	char *intent;
	int rc = 0;

	in->wake = true;
	in->mode = xstrdup(json_str_is(json_get(kind, "handling_mode"),
	    "steer") ? "steer" : "queue");
	if (json_str_is(json_get(kind, "type"), "response") &&
	    json_str_is(json_get(kind, "status"), "accepted")) {
		char *request = json_get_str(kind, "in_reply_to");

		in->wake = false;
		in->merge = xasprintf("progress:%s", request ? request : "");
		free(request);
	}
	if ((intent = json_get_str(kind, "intent"))) {
		if ((rc = is_silent(db, a->session, intent, e)) > 0)
			in->wake = false;
		free(intent);
	}
	return rc < 0 ? -1 : 0;
}

static void
put_body(const struct arrival *a, struct buf *b)
{
	jput_open(b, '{');
	jput_kcstr(b, "envelope_id", a->id);
	jput_kcstr(b, "from", a->from);
	jput_kcstr(b, "from_key", a->from_key);
	jput_kcstr(b, "channel", a->channel);
	if (a->unasked)
		jput_kbool(b, "unasked", true);
	jput_kraw(b, "kind", a->json, strlen(a->json));
	jput_close(b, '}');
}

static int
admit_input(struct db *db, struct arrival *a, struct err *e)
{
	struct input in = { .kind = (char []){ "peer" } };
	struct buf body = BUF_INIT;
	bool seen;
	int rc = -1;

	put_body(a, &body);
	memcpy(in.id, a->input, sizeof in.id);
	in.session = a->session;
	in.source = a->from;
	in.body = body.p;
	if (has_room(db, a, e) == 0 && policy(db, a, &in, e) == 0)
		rc = inputs_admit(db, &in, &seen, e);
	free(in.mode);
	free(in.merge);
	buf_free(&body);
	return rc;
}

/* ---- the envelope ---- */

static int
insert(struct db *db, struct arrival *a, struct err *e)
{
	a->created_ms = time_ms();
	return db_run(db, e, "INSERT INTO arrivals(id, session, sender,"
	    " sender_key, channel, json, input, created_ms)"
	    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS ("
	    "SELECT 1 FROM replays r JOIN senders s ON s.n = r.sender"
	    " WHERE s.key = ?4 AND r.id = ?1)"
	    " ON CONFLICT(sender_key, id) DO NOTHING", "sssssssi", a->id,
	    a->session, a->from, a->from_key, a->channel, a->json, a->input,
	    a->created_ms);
}

/* A response: did anybody here ask its sender?  The first that is an end is the answer. */
static int
note_answer(struct db *db, struct arrival *a, struct err *e)
{
	struct jtext kind = json_text(a->json);
	char *request;
	int rc;

	if (!json_str_is(json_get(kind, "type"), "response") ||
	    !(request = json_get_str(kind, "in_reply_to")))
		return 0;
	rc = outbox_asked(db, request, a->from_key, e);
	a->unasked = rc == 0;
	if (rc > 0 && !json_str_is(json_get(kind, "status"), "accepted"))
		rc = outbox_answered(db, request, a->from_key, a->json, e);
	free(request);
	return rc < 0 ? -1 : 0;
}

int
arrival_admit(struct db *db, struct arrival *a, bool *seen, struct err *e)
{
	int rc;

	if (a->session && !a->quiet) {
		a->input = xcalloc(1, UUID_LEN + 1);
		uuid_v7(a->input);
	}
	rc = insert(db, a, e);
	*seen = rc == 0;
	if (rc <= 0) {
		free(a->input);
		a->input = NULL;
		return rc;
	}
	if (hop_put(db, a->id, "arrived", a->channel, e) < 0 ||
	    note_answer(db, a, e) < 0)
		return -1;
	if (!a->session && !a->quiet)
		return realm_has_room(db, a, e);
	return a->input ? admit_input(db, a, e) : 0;
}

/* ---- looking ---- */

#define COLUMNS "id, session, sender, sender_key, channel, json, input," \
    " created_ms"

static void
read_row(sqlite3_stmt *st, struct arrival *a)
{
	a->id = db_text(st, 0);
	a->session = db_text(st, 1);
	a->from = db_text(st, 2);
	a->from_key = db_text(st, 3);
	a->channel = db_text(st, 4);
	a->json = db_text(st, 5);
	a->input = db_text(st, 6);
	a->created_ms = sqlite3_column_int64(st, 7);
}

int
arrival_load(struct db *db, const char *id, struct arrival *a, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT " COLUMNS " FROM arrivals"
	    " WHERE id = ?1 ORDER BY channel <> 'inproc', seq LIMIT 1", "s",
	    id);
	int rc = db_step(db, st, e);

	memset(a, 0, sizeof *a);
	if (rc > 0)
		read_row(st, a);
	db_done(db, st);
	return rc;
}

int
arrivals(struct db *db, const char *session, int64_t limit,
    int (*cb)(void *arg, const struct arrival *a), void *arg, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT " COLUMNS " FROM arrivals"
	    " WHERE session IS ?1 ORDER BY seq DESC LIMIT ?2", "si", session,
	    limit);
	int rc = -1, stop = 0;

	while (!stop && (rc = db_step(db, st, e)) > 0) {
		struct arrival a;

		read_row(st, &a);
		stop = cb(arg, &a);
		arrival_free(&a);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}
