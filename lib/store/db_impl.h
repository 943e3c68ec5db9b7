#ifndef STORE_DB_IMPL_H
#define STORE_DB_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/sql.h"

/*
 * What db.c (statements and transactions) and db_open.c (the file) share.
 */

/* Statements that stay prepared: preparing costs more than running most of them. */
#define KEPT_MAX 64

struct db {
	sqlite3 *h;
	const struct realm *realm;
	int64_t busy_since;
	int writers;		/* where they stand in line */
	bool writing;		/* we are the first of them */
	bool unsynced;		/* a commit of ours may not be on disk yet */
	bool later;		/* ... which is for the next commit to see to */
	unsigned commits;	/* of ours, so far */
	bool wakes;		/* what is not committed yet wakes a session */
	struct err unwritable;	/* why it can only be read, or E_NONE */
	struct kept {
		sqlite3_stmt *st;
		bool used;	/* not done yet */
	} kept[KEPT_MAX];
	size_t n_kept;
};

/* The WAL's file, or NULL while there is none. */
sqlite3_file *db_wal(struct db *db);

#endif
