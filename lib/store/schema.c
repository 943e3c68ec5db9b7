#include "base/util.h"
#include "store/sql.h"

/*
 * The schema, as numbered steps.  A step that was released is never changed: add the
 * next one.  Columns are described in rkat-state(5).  Rows of inputs and contexts are
 * never deleted, so a plain rowid grows; AUTOINCREMENT would write a page more for each.
 */

static const char v1[] =
    "CREATE TABLE sessions("
    " id TEXT NOT NULL PRIMARY KEY,"
    " created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL,"
    " archived INTEGER NOT NULL DEFAULT 0,"
    " meta TEXT NOT NULL DEFAULT '{}',"
    " build TEXT NOT NULL DEFAULT '{}',"
    " labels TEXT NOT NULL DEFAULT '{}',"
    " state TEXT NOT NULL DEFAULT '{}',"
    " input_tokens INTEGER NOT NULL DEFAULT 0,"
    " output_tokens INTEGER NOT NULL DEFAULT 0,"
    " cache_creation_tokens INTEGER,"
    " cache_read_tokens INTEGER,"
    " base INTEGER NOT NULL DEFAULT 0,"
    " total INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX sessions_live ON sessions(updated_ms DESC, id)"
    " WHERE archived = 0;"
    "CREATE INDEX sessions_all ON sessions(updated_ms DESC, id);"

    "CREATE TABLE labels("
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " key TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY(session, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX labels_value ON labels(key, value, session);"

    "CREATE TABLE messages("
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " idx INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " body TEXT NOT NULL,"
    " UNIQUE(session, idx)"
    ") STRICT;"

    "CREATE TABLE runs("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " state TEXT NOT NULL CHECK(state IN"
    "  ('running', 'completed', 'failed', 'interrupted')),"
    " terminal TEXT,"
    " started_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL DEFAULT 0,"
    " input_tokens INTEGER NOT NULL DEFAULT 0,"
    " output_tokens INTEGER NOT NULL DEFAULT 0,"
    " cache_creation_tokens INTEGER,"
    " cache_read_tokens INTEGER,"
    " turns INTEGER NOT NULL DEFAULT 0,"
    " tool_calls INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX runs_session ON runs(session, seq);"

    "CREATE TABLE calls("
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " call_id TEXT NOT NULL,"
    " position INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " result TEXT,"
    " PRIMARY KEY(session, call_id)"
    ") STRICT;"

    "CREATE TABLE inputs("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " kind TEXT NOT NULL,"
    " source TEXT NOT NULL,"
    " mode TEXT NOT NULL CHECK(mode IN ('queue', 'steer')),"
    " body TEXT NOT NULL,"
    " idem TEXT,"
    " state TEXT NOT NULL DEFAULT 'queued' CHECK(state IN"
    "  ('queued', 'applied', 'consumed', 'abandoned')),"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " run TEXT,"
    " message INTEGER NOT NULL DEFAULT -1,"
    " created_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX inputs_idem ON inputs(session, idem)"
    " WHERE idem IS NOT NULL;"
    "CREATE INDEX inputs_queued ON inputs(session, seq)"
    " WHERE state = 'queued';"
    "CREATE INDEX inputs_applied ON inputs(session)"
    " WHERE state = 'applied';"

    "CREATE TABLE contexts("
    " seq INTEGER PRIMARY KEY,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " text TEXT NOT NULL,"
    " source TEXT,"
    " idem TEXT,"
    " applied INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX contexts_idem ON contexts(session, idem)"
    " WHERE idem IS NOT NULL;"
    "CREATE INDEX contexts_pending ON contexts(session, seq)"
    " WHERE applied = 0;";

static const char v2[] =
    "CREATE TABLE tasks("
    " seq INTEGER PRIMARY KEY,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " id TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL,"
    " UNIQUE(session, id)"
    ") STRICT;";

/*
 * Inputs know whether they wake their session, how they came and how they ended; a
 * session can be retired; a run that is under way is found without a search.
 */
static const char v3[] =
    "ALTER TABLE sessions ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX runs_running ON runs(session) WHERE state = 'running';"

    "CREATE TABLE inputs_v3("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " kind TEXT NOT NULL,"
    " source TEXT NOT NULL,"
    " mode TEXT NOT NULL CHECK(mode IN ('queue', 'steer')),"
    " body TEXT NOT NULL,"
    " idem TEXT,"
    " state TEXT NOT NULL DEFAULT 'queued' CHECK(state IN"
    "  ('queued', 'applied', 'consumed', 'coalesced', 'abandoned')),"
    " wake INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " recoveries INTEGER NOT NULL DEFAULT 0,"
    " run TEXT,"
    " message INTEGER NOT NULL DEFAULT -1,"
    " outcome TEXT,"
    " history TEXT NOT NULL DEFAULT '',"
    " merge TEXT,"
    " given INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "INSERT INTO inputs_v3(seq, id, session, kind, source, mode, body, idem,"
    "  state, wake, attempts, run, message, created_ms, updated_ms)"
    " SELECT seq, id, session, kind, source, mode, body, idem, state,"
    "  kind = 'external_event', attempts, run, message, created_ms,"
    "  created_ms FROM inputs;"
    "DROP TABLE inputs;"
    "ALTER TABLE inputs_v3 RENAME TO inputs;"
    "CREATE UNIQUE INDEX inputs_idem ON inputs(session, idem)"
    " WHERE idem IS NOT NULL;"
    "CREATE INDEX inputs_queued ON inputs(session, seq)"
    " WHERE state = 'queued';"
    "CREATE INDEX inputs_applied ON inputs(session)"
    " WHERE state = 'applied';";

/* Comms: who can be spoken to, what is to be said, what came, which way it took. */
static const char v4[] =
    "CREATE TABLE participants("
    " session TEXT NOT NULL PRIMARY KEY REFERENCES sessions(id)"
    "  ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " key TEXT NOT NULL UNIQUE,"
    " meta TEXT NOT NULL DEFAULT '{}',"
    " listen TEXT,"
    " advertise TEXT,"
    " resident INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX participants_name ON participants(name, session);"

    "CREATE TABLE letters("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " session TEXT REFERENCES sessions(id) ON DELETE CASCADE,"
    " peer TEXT NOT NULL,"
    " peer_key TEXT NOT NULL,"
    " address TEXT,"
    " json TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK(state IN ('accepted', 'delivered',"
    "  'admitted', 'answered', 'expired', 'refused')),"
    " idem TEXT,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " changed_ms INTEGER NOT NULL,"
    " error TEXT,"
    " answer TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX letters_idem ON letters(ifnull(session, ''), idem)"
    " WHERE idem IS NOT NULL;"
    "CREATE INDEX letters_lane ON letters((peer_key || ifnull(session, '')),"
    " seq) WHERE state = 'accepted' AND address IS NOT NULL;"
    "CREATE INDEX letters_expire ON letters(expires_ms)"
    " WHERE state = 'accepted';"
    "CREATE INDEX letters_peer ON letters(session, peer_key, changed_ms)"
    " WHERE attempts > 0;"

    "CREATE TABLE arrivals("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL,"
    " session TEXT REFERENCES sessions(id) ON DELETE CASCADE,"
    " sender TEXT NOT NULL,"
    " sender_key TEXT NOT NULL,"
    " channel TEXT NOT NULL,"
    " json TEXT NOT NULL,"
    " input TEXT,"
    " created_ms INTEGER NOT NULL,"
    " UNIQUE(id, sender_key)"
    ") STRICT;"
    "CREATE INDEX arrivals_session ON arrivals(session, seq);"

    "CREATE TABLE hops("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL,"
    " what TEXT NOT NULL,"
    " detail TEXT"
    ") STRICT;"
    "CREATE INDEX hops_id ON hops(id, seq);"

    "ALTER TABLE runs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;";

/* How far structured output is, so that it goes on behind the answer that is there. */
static const char v5[] =
    "ALTER TABLE runs ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;";

/*
 * Letters know for how long somebody was there who did not acknowledge them.  What is
 * removed from arrivals leaves its id, so that no envelope is admitted a second time.
 */
static const char v6[] =
    "ALTER TABLE letters ADD COLUMN silent INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE letters ADD COLUMN silent_ms INTEGER;"

    "CREATE TABLE senders("
    " n INTEGER PRIMARY KEY,"
    " key TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE replays("
    " sender INTEGER NOT NULL REFERENCES senders(n),"
    " id TEXT NOT NULL,"
    " PRIMARY KEY(sender, id)"
    ") STRICT, WITHOUT ROWID;";

/*
 * What waits is counted, and sessions with work are found, without a look at the rows,
 * which are as long as what was said: the index has all that is asked.  The state, too,
 * though it is the same everywhere: else SQLite reads it from the row.
 */
static const char v7[] =
    "DROP INDEX inputs_queued;"
    "CREATE INDEX inputs_queued ON inputs(session, seq, kind, source, wake,"
    " state) WHERE state = 'queued';";

/* How many are in the realm's own inbox is known, not counted for each that comes. */
static const char v8[] =
    "CREATE TABLE inbox("
    " n INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO inbox SELECT count(*) FROM arrivals WHERE session IS NULL;"
    "CREATE TRIGGER inbox_in AFTER INSERT ON arrivals"
    " WHEN NEW.session IS NULL BEGIN UPDATE inbox SET n = n + 1; END;"
    "CREATE TRIGGER inbox_out AFTER DELETE ON arrivals"
    " WHEN OLD.session IS NULL BEGIN UPDATE inbox SET n = n - 1; END;";

const char *const db_migrations[] = { v1, v2, v3, v4, v5, v6, v7, v8 };
const int db_version = (int)COUNT(db_migrations);
