#include "base/util.h"
#include "store/prune.h"
#include "store/sql.h"

/* Of the rows from ?1 to ?2 what is older than ?3; ?4: dead letters, too. */
#define ROWS " WHERE seq > ?1 AND seq <= ?2"
#define LETTERS ROWS " AND changed_ms < ?3 AND (state IN ('delivered'," \
    " 'admitted', 'answered') OR (?4 AND state IN ('expired', 'refused')))"
#define ARRIVALS ROWS " AND created_ms < ?3 AND NOT EXISTS (" \
    "SELECT 1 FROM inputs i WHERE i.id = arrivals.input" \
    " AND i.state IN ('queued', 'applied'))"
#define HOPS ROWS " AND at_ms < ?3" \
    " AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.id = hops.id)" \
    " AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.id = hops.id)"
/* What came inside the realm was never an envelope that somebody could send again. */
#define FROM_OUTSIDE ARRIVALS " AND channel <> 'inproc'"

/* Rows are as old as their numbers: `next` is the last of some, and when the first was made. */
static const struct {
	const char *next, *types, *steps[3];
} tables[] = {
	{ "SELECT max(seq), min(created_ms) FROM (SELECT seq, created_ms"
	  " FROM letters WHERE seq > ?1 ORDER BY seq LIMIT ?2)", "iiii",
	  { "DELETE FROM letters" LETTERS } },
	{ "SELECT max(seq), min(created_ms) FROM (SELECT seq, created_ms"
	  " FROM arrivals WHERE seq > ?1 ORDER BY seq LIMIT ?2)", "iii",
	  { "INSERT OR IGNORE INTO senders(key) SELECT DISTINCT sender_key"
	    " FROM arrivals" FROM_OUTSIDE,
	    "INSERT OR IGNORE INTO replays(sender, id) SELECT (SELECT n FROM senders"
	    " WHERE key = sender_key), id FROM arrivals" FROM_OUTSIDE,
	    "DELETE FROM arrivals" ARRIVALS } },
	{ "SELECT max(seq), min(at_ms) FROM (SELECT seq, at_ms FROM hops"
	  " WHERE seq > ?1 ORDER BY seq LIMIT ?2)", "iii",
	  { "DELETE FROM hops" HOPS } },
};

/* 1: up to *last; 0: nothing in this table is old enough any more. */
static int
find_next(struct db *db, const struct prune *p, int64_t rows, int64_t *last,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e, tables[p->table].next, "ii", p->at,
	    rows);
	int rc = db_step(db, st, e);

	if (rc > 0) {
		*last = sqlite3_column_int64(st, 0);
		rc = sqlite3_column_type(st, 0) != SQLITE_NULL &&
		    sqlite3_column_int64(st, 1) < p->before_ms;
	}
	db_done(db, st);
	return rc;
}

static int
take_away(struct db *db, struct prune *p, int64_t last, struct err *e)
{
	int64_t *const removed[] = { &p->letters, &p->arrivals, &p->hops };
	const char *const *step = tables[p->table].steps;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < COUNT(tables->steps) && step[i]; i++)
		rc = db_run(db, e, step[i], tables[p->table].types, p->at,
		    last, p->before_ms, (int64_t)p->dead);
	if (rc > 0)
		*removed[p->table] += rc;
	p->at = last;
	return rc < 0 ? -1 : 1;
}

int
prune_step(struct db *db, struct prune *p, int64_t rows, struct err *e)
{
	int64_t last;
	bool own;
	int rc = 0;

	/* Who finds nothing waits for no other writer. */
	while (p->table < (int)COUNT(tables) &&
	    (rc = find_next(db, p, rows, &last, e)) == 0) {
		p->table++;
		p->at = 0;
	}
	if (rc <= 0)
		return rc;
	if (db_enter(db, &own, e) < 0)
		return -1;
	return db_leave(db, own, take_away(db, p, last, e), e);
}
