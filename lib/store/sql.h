#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>

#include "base/util.h"
#include "store/db.h"

/*
 * What the files of lib/store share; nobody else includes this.  A statement is made
 * and bound by db_query, stepped by db_step and ended by db_done, which may keep it
 * for the next time.  Values by letter: 's' const char * (NULL: null), 't' const
 * char * and size_t, 'i' int64_t.
 */
sqlite3_stmt *db_query(struct db *db, struct err *e, const char *sql,
    const char *types, ...);
/* 1: a row, 0: no more, -1: error; also for NULL, because db_query said why. */
int db_step(struct db *db, sqlite3_stmt *st, struct err *e);
void db_done(struct db *db, sqlite3_stmt *st);	/* NULL is fine */
/* Query and run to the end.  The number of rows changed, or -1. */
int db_run(struct db *db, struct err *e, const char *sql,
    const char *types, ...);
/* Of the row inserted last. */
int64_t db_rowid(struct db *db);
/* One or more statements without values. */
int db_exec(struct db *db, const char *sql, struct err *e);
/* The last SQLite error as *e.  Always -1. */
int db_fail(struct db *db, struct err *e);

/* Join the transaction that is open, or begin one (*own); leave commits or rolls back what is our own. */
int db_enter(struct db *db, bool *own, struct err *e);
int db_leave(struct db *db, bool own, int rc, struct err *e);

/* The transaction that is open puts work into a queue: its commit rings the realm's bell (wakes.h). */
void db_wakes(struct db *db);

/* A column as new text; NULL for null. */
char *db_text(sqlite3_stmt *st, int col);
/* A column that is a UUID. */
void db_id(sqlite3_stmt *st, int col, char id[UUID_LEN + 1]);

/* schema.c: migrations[n] leads from version n to n + 1. */
extern const char *const db_migrations[];
extern const int db_version;

#endif
