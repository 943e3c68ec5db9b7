#include <stdlib.h>
#include <string.h>

#include "store/arrivals.h"
#include "store/outbox.h"
#include "store/sql.h"

#define COLUMNS "id, session, peer, peer_key, address, json, state, idem," \
    " attempts, next_ms, expires_ms, created_ms, changed_ms, error, answer"

void
letter_free(struct letter *l)
{
	free(l->session);
	free(l->peer);
	free(l->peer_key);
	free(l->address);
	free(l->json);
	free(l->state);
	free(l->idem);
	free(l->error);
	free(l->answer);
	memset(l, 0, sizeof *l);
}

void
letters_free(struct letter *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		letter_free(&l[i]);
	free(l);
}

static void
read_row(sqlite3_stmt *st, struct letter *l)
{
	memset(l, 0, sizeof *l);
	db_id(st, 0, l->id);
	l->session = db_text(st, 1);
	l->peer = db_text(st, 2);
	l->peer_key = db_text(st, 3);
	l->address = db_text(st, 4);
	l->json = db_text(st, 5);
	l->state = db_text(st, 6);
	l->idem = db_text(st, 7);
	l->attempts = sqlite3_column_int64(st, 8);
	l->next_ms = sqlite3_column_int64(st, 9);
	l->expires_ms = sqlite3_column_int64(st, 10);
	l->created_ms = sqlite3_column_int64(st, 11);
	l->changed_ms = sqlite3_column_int64(st, 12);
	l->error = db_text(st, 13);
	l->answer = db_text(st, 14);
}

/* ---- in ---- */

/* The id of the letter that has this key; 1 found. */
static int
find_key(struct db *db, struct letter *in, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT id FROM letters"
	    " WHERE ifnull(session, '') = ifnull(?1, '') AND idem = ?2", "ss",
	    in->session, in->idem);
	int rc = db_step(db, st, e);

	if (rc > 0)
		db_id(st, 0, in->id);
	db_done(db, st);
	return rc;
}

static int
put(struct db *db, struct letter *in, bool *seen, struct err *e)
{
	int rc = in->idem ? find_key(db, in, e) : 0;

	*seen = rc > 0;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (!*in->id)
		uuid_v7(in->id);
	in->created_ms = in->changed_ms = time_ms();
	if (db_run(db, e, "INSERT INTO letters(id, session, peer, peer_key,"
	    " address, json, state, idem, next_ms, expires_ms, created_ms,"
	    " changed_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
	    " ?11)", "ssssssssiii", in->id, in->session, in->peer, in->peer_key,
	    in->address, in->json, in->state ? in->state : "accepted", in->idem,
	    in->created_ms, in->expires_ms, in->created_ms) < 0)
		return -1;
	return hop_put(db, in->id, "accepted", in->peer, e);
}

int
outbox_put(struct db *db, struct letter *in, bool *seen, struct err *e)
{
	bool own;

	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, put(db, in, seen, e), e);
}

/* ---- out ---- */

int
outbox_load(struct db *db, const char *id, struct letter *l, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT " COLUMNS
	    " FROM letters WHERE id = ?1", "s", id);
	int rc = db_step(db, st, e);

	memset(l, 0, sizeof *l);
	if (rc > 0)
		read_row(st, l);
	db_done(db, st);
	return rc > 0 ? 0 : rc < 0 ? -1 : err_set(e, E_NOT_FOUND,
	    "no letter %.80s was sent from here", id);
}

#define WAITING "state = 'accepted' AND address IS NOT NULL"
#define LANE "(peer_key || ifnull(session, ''))"

/* From lane to lane in the index, so that a long one costs no more than a short one. */
static const char sql_lanes[] =
    "WITH RECURSIVE k(lane) AS ("
    " SELECT (SELECT " LANE " FROM letters WHERE " WAITING
    "  ORDER BY " LANE " LIMIT 1)"
    " UNION ALL SELECT (SELECT " LANE " FROM letters WHERE " WAITING
    "  AND " LANE " > k.lane ORDER BY " LANE " LIMIT 1)"
    "  FROM k WHERE k.lane IS NOT NULL)"
    " SELECT lane FROM k WHERE lane IS NOT NULL";

int
outbox_lanes(struct db *db, int (*cb)(void *arg, const char *lane), void *arg,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, sql_lanes, "");
	int rc = -1, stop = 0;

	while (!stop && (rc = db_step(db, st, e)) > 0) {
		char *lane = db_text(st, 0);

		stop = cb(arg, lane);
		free(lane);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}

int
outbox_lane(struct db *db, const char *lane, const char *after, size_t max,
    size_t bytes, struct letter **list, size_t *n, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT " COLUMNS " FROM letters"
	    " WHERE " WAITING " AND " LANE " = ?1 AND seq > ifnull("
	    " (SELECT seq FROM letters WHERE id = ?2), 0)"
	    " ORDER BY seq LIMIT ?3", "ssi", lane, after, (int64_t)max);
	size_t total = 0;
	int rc = -1;

	*list = NULL;
	*n = 0;
	while (total < bytes && (rc = db_step(db, st, e)) > 0) {
		*list = xrealloc(*list, (*n + 1) * sizeof **list);
		read_row(st, &(*list)[*n]);
		total += strlen((*list)[(*n)++].json);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}

int64_t
outbox_waiting(struct db *db, const char *lane, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT count(*) FROM letters"
	    " WHERE " WAITING " AND " LANE " = ?1", "s", lane);
	int64_t n = st && db_step(db, st, e) > 0 ?
	    sqlite3_column_int64(st, 0) : -1;

	db_done(db, st);
	return n;
}

int64_t
outbox_expiry(struct db *db, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT min(expires_ms) FROM letters"
	    " WHERE state = 'accepted'", "");
	int64_t at = -1;

	if (db_step(db, st, e) > 0 &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL)
		at = sqlite3_column_int64(st, 0);
	db_done(db, st);
	return at;
}

/* ---- what becomes of it ---- */

#define UNTRIED "its time was up before it was tried"

/* Its time may run out while it is under way: if the ACK comes, it was delivered. */
static int
set_state(struct db *db, const char *id, const char *state, const char *error,
    int64_t next_ms, struct err *e)
{
	int rc;

	if (!error && !strcmp(state, "expired"))
		error = UNTRIED;
	rc = db_run(db, e, "UPDATE letters SET state = ?2, error = ?3,"
	    " next_ms = ?4, changed_ms = ?5, attempts = attempts +"
	    " (?2 = 'accepted' OR ?2 = 'delivered')"
	    " WHERE id = ?1 AND (state = 'accepted' OR ?2 IN ('admitted',"
	    " 'answered') OR (?2 = 'delivered' AND state = 'expired'))",
	    "sssii", id, state, error, next_ms, time_ms());

	if (rc <= 0)
		return rc;
	return hop_put(db, id, strcmp(state, "accepted") ? state :
	    "attempt failed", error, e);
}

int
outbox_state(struct db *db, const char *id, const char *state,
    const char *error, int64_t next_ms, struct err *e)
{
	bool own;

	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, set_state(db, id, state, error, next_ms, e),
	    e);
}

/* Of its lane, since the last one that was acknowledged. */
#define GIVEN_UP "(SELECT count(*) FROM letters g" \
    " WHERE g.session IS letters.session AND g.peer_key = letters.peer_key" \
    " AND g.attempts > 0 AND g.state = 'refused'" \
    " AND g.error LIKE 'peer_silent%' AND g.changed_ms > ifnull(" \
    "  (SELECT d.changed_ms FROM letters d" \
    "   WHERE d.session IS letters.session" \
    "   AND d.peer_key = letters.peer_key AND d.attempts > 0" \
    "   AND d.state IN ('delivered', 'answered')" \
    "   ORDER BY d.changed_ms DESC LIMIT 1), 0))"

static const char sql_give_up[] =
    "UPDATE letters SET state = 'refused', changed_ms = ?4,"
    " error = 'peer_silent (' || silent || ' tries in ' ||"
    "  ((?4 - silent_ms) / 1000) || ' s reached it, none was acknowledged)'"
    " WHERE id = ?1 AND state = 'accepted' AND silent >= ?2"
    " AND ?4 - silent_ms >= ?3 << min(" GIVEN_UP ", 20)"
    " AND EXISTS (SELECT 1 FROM letters b WHERE b.state = 'accepted'"
    "  AND b.address IS NOT NULL AND b.peer_key || ifnull(b.session, '') ="
    "  letters.peer_key || ifnull(letters.session, '')"
    "  AND b.seq > letters.seq)";

static int
silent(struct db *db, const char *id, const char *error, int64_t next_ms,
    int64_t tries, int64_t ms, struct err *e)
{
	int rc;

	if (set_state(db, id, "accepted", error, next_ms, e) < 0 ||
	    db_run(db, e, "UPDATE letters SET silent = silent + 1,"
	    " silent_ms = ifnull(silent_ms, ?2) WHERE id = ?1", "si", id,
	    time_ms()) < 0)
		return -1;
	rc = db_run(db, e, sql_give_up, "siii", id, tries, ms, time_ms());
	if (rc > 0 && db_run(db, e, "INSERT INTO hops(id, at_ms, what, detail)"
	    " SELECT id, changed_ms, state, error FROM letters WHERE id = ?1",
	    "s", id) < 0)
		return -1;
	return rc;
}

int
outbox_silent(struct db *db, const char *id, const char *error,
    int64_t next_ms, int64_t tries, int64_t ms, struct err *e)
{
	bool own;

	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, silent(db, id, error, next_ms, tries, ms, e),
	    e);
}

static int
resend(struct db *db, const char *id, const char *address, int64_t expires_ms,
    struct err *e)
{
	int rc = db_run(db, e, "UPDATE letters SET state = 'accepted',"
	    " address = ?2, error = NULL, next_ms = ?3, changed_ms = ?3,"
	    " expires_ms = ?4, silent = 0, silent_ms = NULL"
	    " WHERE id = ?1 AND state IN ('accepted',"
	    " 'expired', 'refused')", "ssii", id, address, time_ms(),
	    expires_ms);

	if (rc == 0)
		return err_set(e, E_CONFLICT, "letter %.80s was delivered", id);
	return rc < 0 ? -1 : hop_put(db, id, "sent again", NULL, e);
}

int
outbox_resend(struct db *db, const char *id, const char *address,
    int64_t expires_ms, struct err *e)
{
	bool own;

	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, resend(db, id, address, expires_ms, e), e);
}

static int
expire(struct db *db, int64_t now_ms, struct err *e)
{
	if (db_run(db, e, "INSERT INTO hops(id, at_ms, what, detail)"
	    " SELECT id, ?1, 'expired', ifnull(error, '" UNTRIED "')"
	    " FROM letters"
	    " WHERE state = 'accepted' AND expires_ms <= ?1", "i", now_ms) < 0)
		return -1;
	return db_run(db, e, "UPDATE letters SET state = 'expired',"
	    " changed_ms = ?1, error = ifnull(error, '" UNTRIED "')"
	    " WHERE state = 'accepted' AND expires_ms <= ?1",
	    "i", now_ms);
}

int
outbox_expire(struct db *db, int64_t now_ms, struct err *e)
{
	bool own;

	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, expire(db, now_ms, e), e);
}

int
outbox_asked(struct db *db, const char *id, const char *peer_key,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT 1 FROM letters WHERE id = ?1"
	    " AND peer_key = ?2 AND json_extract(json, '$.type') = 'request'",
	    "ss", id, peer_key);
	int rc = db_step(db, st, e);

	db_done(db, st);
	return rc;
}

int
outbox_answered(struct db *db, const char *id, const char *peer_key,
    const char *json, struct err *e)
{
	int rc = db_run(db, e, "UPDATE letters SET state = 'answered',"
	    " answer = ?3, changed_ms = ?4 WHERE id = ?1 AND peer_key = ?2"
	    " AND answer IS NULL"
	    " AND json_extract(json, '$.type') = 'request'", "sssi", id,
	    peer_key, json, time_ms());

	if (rc <= 0)
		return rc;
	return hop_put(db, id, "answered", NULL, e) < 0 ? -1 : 1;
}

int
outbox_list(struct db *db, const char *session, const char *state, bool dead,
    int64_t limit, int (*cb)(void *arg, const struct letter *l), void *arg,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT " COLUMNS " FROM letters"
	    " WHERE (?1 IS NULL OR session = ?1) AND (?2 IS NULL OR state = ?2)"
	    " AND (NOT ?3 OR state IN ('expired', 'refused'))"
	    " ORDER BY seq DESC LIMIT ?4", "ssii", session, state,
	    (int64_t)dead, limit);
	struct letter l;
	int rc = -1, stop = 0;

	while (!stop && (rc = db_step(db, st, e)) > 0) {
		read_row(st, &l);
		stop = cb(arg, &l);
		letter_free(&l);
	}
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}

int
outbox_reached(struct db *db, const char *session, const char *peer_key,
    char **error, struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, "SELECT state IN ('accepted', 'expired')"
	    " OR ifnull(error, '') LIKE 'peer_silent%', error"
	    " FROM letters WHERE session IS ?1 AND peer_key = ?2"
	    " AND (attempts > 0 OR address IS NULL)"
	    " ORDER BY changed_ms DESC LIMIT 1", "ss", session,
	    peer_key);
	int rc = db_step(db, st, e);

	*error = NULL;
	if (rc == 0)
		rc = 2;
	else if (rc > 0 && sqlite3_column_int(st, 0)) {
		rc = 0;
		*error = db_text(st, 1);
	}
	db_done(db, st);
	return rc;
}
