#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/participants.h"
#include "store/sessions.h"
#include "store/sql.h"

/* References to sessions, as people write them: cli sheet 8.1. */

#define CANDIDATES 5

static int
no_sessions(struct err *e)
{
	return err_set(e, E_SESSION_NOT_FOUND, "No sessions found in this realm");
}

/* Take the id of one row; 1 if there was one. */
static int
one_id(struct db *db, sqlite3_stmt *st, char id[UUID_LEN + 1], struct err *e)
{
	int rc = db_step(db, st, e);

	if (rc > 0)
		db_id(st, 0, id);
	db_done(db, st);
	return rc;
}

static int
count(struct db *db, const char *sql, const char *prefix, int64_t *n,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, sql, prefix ? "s" : "", prefix);
	int rc = db_step(db, st, e);

	if (rc > 0)
		*n = sqlite3_column_int64(st, 0);
	db_done(db, st);
	return rc < 0 ? -1 : 0;
}

/* nth newest, 1 is the newest. */
static int
nth(struct db *db, int64_t n, char id[UUID_LEN + 1], struct err *e)
{
	int64_t all = 0;
	int rc = one_id(db, db_query(db, e, "SELECT id FROM sessions"
	    " WHERE archived = 0 ORDER BY updated_ms DESC, id"
	    " LIMIT 1 OFFSET ?1", "i", n - 1), id, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (count(db, "SELECT count(*) FROM sessions WHERE archived = 0", NULL,
	    &all, e) < 0)
		return -1;
	if (all == 0)
		return no_sessions(e);
	return err_set(e, E_SESSION_NOT_FOUND,
	    "Only %" PRId64 " sessions exist; ~%" PRId64 " is out of range",
	    all, n);
}

static int
relative(struct db *db, const char *ref, char id[UUID_LEN + 1], struct err *e)
{
	const char *digits = ref + 1;
	int64_t n;

	if (!*digits)
		return nth(db, 1, id, e);
	if (strspn(digits, "0123456789") != strlen(digits))
		return err_set(e, E_INVALID_PARAMS, "Invalid relative offset "
		    "'%s': expected ~N where N is a number", ref);
	errno = 0;
	n = strtoll(digits, NULL, 10);
	return nth(db, n > 0 ? n : 1, id, e);
}

static int
exact(struct db *db, const char *ref, char id[UUID_LEN + 1], struct err *e)
{
	char lower[UUID_LEN + 1];
	int rc;

	for (size_t i = 0; i <= UUID_LEN; i++)
		lower[i] = (char)tolower((unsigned char)ref[i]);
	rc = one_id(db, db_query(db, e, "SELECT id FROM sessions WHERE id = ?1",
	    "s", lower), id, e);
	if (rc == 0)
		return err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    lower);
	return rc < 0 ? -1 : 0;
}

static int
locator(struct db *db, const char *ref, char id[UUID_LEN + 1], struct err *e)
{
	const char *colon = strchr(ref, ':'), *active = db_realm(db)->id;
	const char *uuid = colon + 1, *why = NULL, *what = "";
	char *realm = xstrndup(ref, (size_t)(colon - ref));
	int rc = -1;

	if (!*realm || !*uuid)
		why = "expected <session_id> or <realm_id>:<session_id>";
	else if (!realm_id_valid(realm))
		why = "invalid realm id in session locator: ", what = realm;
	else if (!uuid_valid(uuid))
		why = "invalid session id in session locator: ", what = uuid;
	if (why)
		err_set(e, E_INVALID_PARAMS,
		    "Invalid session locator '%s': %s%s%s", ref,
		    *what ? "" : "invalid session locator: ", why, what);
	else if (strcmp(realm, active))
		err_set(e, E_INVALID_PARAMS, "Session belongs to realm '%s', "
		    "but active realm is '%s'. Use --realm %s.", realm, active,
		    realm);
	else
		rc = exact(db, uuid, id, e);
	free(realm);
	return rc;
}

/* '~' sorts behind every byte of an id. */
#define WITH_PREFIX " FROM sessions WHERE id >= ?1 AND id < ?1 || '~'" \
    " AND archived = 0"

static int
ambiguous(struct db *db, const char *ref, sqlite3_stmt *st, struct err *e)
{
	struct buf names = BUF_INIT;
	int64_t n = 0;
	int rc = 1;

	for (int i = 0; i < CANDIDATES && rc > 0; i++) {
		buf_printf(&names, "%s%s", i ? ", " : "",
		    (const char *)sqlite3_column_text(st, 0));
		rc = db_step(db, st, e);
	}
	if (rc >= 0 && count(db, "SELECT count(*)" WITH_PREFIX, ref, &n, e) == 0)
		err_set(e, E_INVALID_PARAMS, "Ambiguous prefix '%s': matches %"
		    PRId64 " sessions. Use a longer prefix. Candidates: %s%s",
		    ref, n, names.p, n > CANDIDATES ? ", ..." : "");
	buf_free(&names);
	return -1;
}

static int
prefix(struct db *db, const char *ref, char id[UUID_LEN + 1], struct err *e)
{
	sqlite3_stmt *st = NULL;
	int64_t n = 0;
	int rc = -1;

	if (count(db, "SELECT count(*) FROM (SELECT 1" WITH_PREFIX " LIMIT 2)",
	    ref, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(e, E_SESSION_NOT_FOUND,
		    "No session matching '%s'", ref);
	st = db_query(db, e, "SELECT id" WITH_PREFIX " ORDER BY id", "s", ref);
	if (n == 1)
		return one_id(db, st, id, e) > 0 ? 0 : -1;
	if (db_step(db, st, e) > 0)
		rc = ambiguous(db, ref, st, e);
	db_done(db, st);
	return rc;
}

/* By its comms name: 1 found, 0 none, -1. */
static int
named(struct db *db, const char *ref, char id[UUID_LEN + 1], struct err *e)
{
	struct participant p;
	bool more;
	int rc = participant_by_name(db, ref, &p, &more, e);

	if (rc <= 0)
		return rc;
	memcpy(id, p.session, UUID_LEN + 1);
	participant_free(&p);
	return more ? err_set(e, E_INVALID_PARAMS, "several sessions are "
	    "called '%.80s': name one by its id", ref) : 1;
}

int
session_resolve(struct db *db, const char *ref, char id[UUID_LEN + 1],
    struct err *e)
{
	int rc;

	if (!*ref)
		return err_set(e, E_INVALID_PARAMS, "empty session reference");
	if (!strcmp(ref, "last"))
		return nth(db, 1, id, e);
	if (*ref == '~')
		return relative(db, ref, id, e);
	if (uuid_valid(ref))
		return exact(db, ref, id, e);
	if ((rc = named(db, ref, id, e)) != 0)
		return rc < 0 ? -1 : 0;
	if (strchr(ref, ':'))
		return locator(db, ref, id, e);
	if (strlen(ref) >= UUID_LEN)
		return err_set(e, E_SESSION_NOT_FOUND,
		    "No session matching '%.80s'", ref);
	return prefix(db, ref, id, e);
}
