#ifndef STORE_WRITERS_H
#define STORE_WRITERS_H

struct realm;

/*
 * The order in which processes write to a realm's database.  SQLite has none: who finds
 * it busy naps and looks again, so that with many writers most of the time nobody
 * writes and some wait for long.  Here they stand in line, by flock(2) on writers.lock,
 * which wakes one at a time.  It is a courtesy: SQLite's own lock decides, and who has
 * stood for long (before it: a process that was stopped) goes on without.
 */
int writers_open(const struct realm *r);	/* -1: there will be no order */
void writers_enter(int fd);
void writers_leave(int fd);

#endif
