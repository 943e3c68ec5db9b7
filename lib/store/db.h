#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/realm.h"

/*
 * The realm's SQLite file, realm.sqlite3: WAL, synchronous=FULL, foreign keys on,
 * numbered migrations under PRAGMA user_version.  A file written by a newer schema is
 * refused, never changed.  One struct db per process; not for use across fork.
 */
struct db;

/* Open (the realm must have been created and outlive the db), making and migrating the schema if needed.  Waits for other writers up to 60 s with jitter. */
struct db *db_open(const struct realm *r, struct err *e);
/*
 * The same for a command that is soon over: where nothing can be written (full disk,
 * read-only mount, somebody else's realm) it can read, and what would write fails
 * with the reason.
 */
struct db *db_open_readable(const struct realm *r, struct err *e);
void db_close(struct db *db);		/* NULL is fine */
const struct realm *db_realm(const struct db *db);

/* BEGIN IMMEDIATE; functions that say "inside a transaction" want one open. */
int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e);	/* synced when it returns 0; rolled back when it fails */
/*
 * Inside a transaction whose commit nobody is told of before another one: that one's
 * sync is for both.  A process that dies loses nothing by it.
 */
void db_sync_later(struct db *db);
void db_rollback(struct db *db);		/* no transaction open: nothing */
/* What is read between these is of one moment, and found faster than in parts.  Nothing is written. */
int db_look(struct db *db, struct err *e);
void db_looked(struct db *db);
/*
 * Inside a transaction, one part of it that may fail alone: what was done since the mark
 * stays (keep) or is undone.  Marks do not nest.
 */
int db_mark(struct db *db, struct err *e);
int db_unmark(struct db *db, bool keep, struct err *e);
/* PRAGMA integrity_check and foreign_key_check; 0 if both are clean. */
int db_check(struct db *db, struct err *e);

#endif
