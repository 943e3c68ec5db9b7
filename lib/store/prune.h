#ifndef STORE_PRUNE_H
#define STORE_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct db;

/*
 * What was said and came, once it is finished and old: letters that were delivered,
 * arrivals whose input nobody has to take any more or that became none, and the hops of
 * both.  An envelope's id stays, so that it is never admitted a second time.  Dead
 * letters go only if that is asked for.
 */
struct prune {
	int64_t before_ms;	/* what is younger stays */
	bool dead;		/* expired and refused letters, too */
	int64_t letters, arrivals, hops;	/* removed */
	int64_t at;		/* how far it is: of which table, behind which row */
	int table;
};
/* Look at the next `rows`; removed in one transaction.  1: there are more; 0: that was all; -1. */
int prune_step(struct db *db, struct prune *p, int64_t rows, struct err *e);

#endif
