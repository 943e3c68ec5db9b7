#include <sqlite3.h>

#include "store/arrivals.h"
#include "store/inputs.h"
#include "store/outbox.h"
#include "store/prune.h"
#include "store/sql.h"
#include "test.h"
#include "store.h"

/* What is finished and old goes away; what was admitted once is never admitted again. */

static int64_t
number(struct place *p, const char *sql)
{
	sqlite3_stmt *st = db_query(p->db, NULL, sql, "");
	int64_t n = db_step(p->db, st, NULL) > 0 ?
	    sqlite3_column_int64(st, 0) : -1;

	db_done(p->db, st);
	return n;
}

/* An envelope of somebody outside; to the session, or to the realm. */
static int
arrive(struct place *p, const char *id, bool realm, bool *seen)
{
	struct arrival a = { .id = (char *)(uintptr_t)id,
	    .session = realm ? NULL : p->s.id, .from = (char []){ "far" },
	    .from_key = (char []){ "ed25519:x" }, .channel = (char []){ "tcp" },
	    .json = (char []){ "{\"type\":\"message\",\"body\":\"hi\"}" },
	    .realm_max = 3 };
	int rc = arrival_admit(p->db, &a, seen, NULL);

	free(a.input);
	return rc;
}

static void
send_one(struct place *p, const char *id, const char *state)
{
	struct letter l = { .peer = (char []){ "far" },
	    .peer_key = (char []){ "ed25519:x" },
	    .address = (char []){ "tcp://h:1" }, .json = (char []){ "{}" },
	    .expires_ms = INT64_MAX };
	bool seen;

	strcpy(l.id, id);
	OK(outbox_put(p->db, &l, &seen, NULL) == 0);
	if (strcmp(state, "accepted"))
		OK(outbox_state(p->db, id, state, NULL, 0, NULL) == 0);
}

static void
age(struct place *p)
{
	OK(db_exec(p->db, "UPDATE letters SET created_ms = 5, changed_ms = 5;"
	    "UPDATE arrivals SET created_ms = 5; UPDATE hops SET at_ms = 5",
	    NULL) == 0);
}

/* All of it, two rows at a time. */
static struct prune
prune(struct place *p, int64_t before, bool dead)
{
	struct prune x = { .before_ms = before, .dead = dead };
	int rc;

	while ((rc = prune_step(p->db, &x, 2, NULL)) > 0)
		;
	OK(rc == 0);
	return x;
}

TEST(letters_that_were_delivered_go_dead_ones_only_if_that_is_said)
{
	static const char *const states[] = { "delivered", "accepted",
		"expired", "answered", "refused" };
	struct place p;
	struct prune x;
	char id[2] = "0";

	place_open(&p);
	for (size_t i = 0; i < COUNT(states); i++, id[0]++)
		send_one(&p, id, states[i]);
	x = prune(&p, 1000, true);
	OK(x.letters == 0 && x.hops == 0);
	age(&p);
	x = prune(&p, 1000, false);
	OK(x.letters == 2 && x.hops == 4);
	OK(number(&p, "SELECT count(*) FROM letters") == 3);
	OK(number(&p, "SELECT count(*) FROM hops") == 5);
	x = prune(&p, 1000, true);
	OK(x.letters == 2 && x.hops == 4);
	OK(number(&p, "SELECT count(*) FROM letters"
	    " WHERE state = 'accepted'") == 1);
	place_close(&p);
}

TEST(an_envelope_that_was_removed_is_not_admitted_again)
{
	struct place p;
	struct prune x;
	bool seen;

	place_open(&p);
	OK(arrive(&p, "a", false, &seen) == 0 && !seen);
	OK(arrive(&p, "b", false, &seen) == 0 && !seen);
	OK(arrive(&p, "c", true, &seen) == 0 && !seen);
	OK(db_exec(p.db, "UPDATE inputs SET state = 'consumed' WHERE id ="
	    " (SELECT input FROM arrivals WHERE id = 'a')", NULL) == 0);
	age(&p);
	x = prune(&p, 1000, false);
	OK(x.arrivals == 2 && x.hops == 2);
	OK(number(&p, "SELECT count(*) FROM arrivals WHERE id = 'b'") == 1);
	OK(number(&p, "SELECT count(*) FROM replays") == 2);
	OK(number(&p, "SELECT count(*) FROM senders") == 1);
	for (const char *id = "a\0b\0c\0"; *id; id += 2)
		OK(arrive(&p, id, *id == 'c', &seen) == 0 && seen);
	OK(number(&p, "SELECT count(*) FROM inputs") == 2);
	OK(arrive(&p, "d", false, &seen) == 0 && !seen);
	/* Another one's envelope of that id is another one. */
	OK(db_exec(p.db, "UPDATE senders SET key = 'ed25519:y'", NULL) == 0);
	OK(arrive(&p, "a", false, &seen) == 0 && !seen);
	place_close(&p);
}

TEST(the_inbox_of_the_realm_has_an_end)
{
	struct place p;
	bool seen;

	place_open(&p);
	OK(arrive(&p, "a", true, &seen) == 0);
	OK(arrive(&p, "b", true, &seen) == 0);
	OK(arrive(&p, "c", true, &seen) == 0);
	OK(db_begin(p.db, NULL) == 0);
	OK(arrive(&p, "d", true, &seen) < 0);
	db_rollback(p.db);
	OK(number(&p, "SELECT n FROM inbox") == 3);
	OK(arrive(&p, "c", true, &seen) == 0 && seen);
	OK(arrive(&p, "e", false, &seen) == 0);
	age(&p);
	prune(&p, 1000, false);
	OK(arrive(&p, "d", true, &seen) == 0 && !seen);
	place_close(&p);
}

/* A realm as it was before any of that: its letters and arrivals are there and go the same way. */
TEST(an_older_realm_is_pruned_too)
{
	struct place p;
	struct prune x;
	bool seen;

	place_open(&p);
	OK(db_exec(p.db, "DROP TRIGGER inbox_in; DROP TRIGGER inbox_out;"
	    "DROP TABLE inbox; DROP TABLE replays; DROP TABLE senders;"
	    "ALTER TABLE letters DROP COLUMN silent;"
	    "ALTER TABLE letters DROP COLUMN silent_ms;"
	    "ALTER TABLE runs DROP COLUMN asked; PRAGMA user_version = 4;"
	    "INSERT INTO letters(id, peer, peer_key, json, state, next_ms,"
	    "  expires_ms, created_ms, changed_ms)"
	    " VALUES('l', 'far', 'ed25519:x', '{}', 'delivered', 1, 1, 1, 1);"
	    "INSERT INTO arrivals(id, sender, sender_key, channel, json,"
	    "  created_ms) VALUES('a', 'far', 'ed25519:x', 'tcp', '{}', 1)",
	    NULL) == 0);
	db_close(p.db);
	OK((p.db = db_open(&p.r, NULL)) != NULL);
	OK(number(&p, "SELECT n FROM inbox") == 1);
	x = prune(&p, 1000, false);
	OK(number(&p, "SELECT n FROM inbox") == 0);
	OK(x.letters == 1 && x.arrivals == 1);
	OK(arrive(&p, "a", true, &seen) == 0 && seen);
	OK(db_check(p.db, NULL) == 0);
	place_close(&p);
}
