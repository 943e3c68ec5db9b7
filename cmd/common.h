#ifndef COMMON_H
#define COMMON_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/util.h"
#include "store/realm.h"

/* What the commands that have verbs share: rkat-session, rkat-config. */

struct db;

#define TEXT_LIMIT ((size_t)64 << 20)	/* of what is read from standard input at once */

/* What every verb works with. */
struct cmd {
	struct realm_opts opts;
	struct realm realm;
	struct db *db;		/* for those that open it */
	const char *synopsis;	/* of the verb */
	bool json;		/* asked for; errors are JSON, too */
	struct err e;		/* why a verb answered -1 */
};

/*
 * A verb: an exit status, or -1: c->e says why.  Options are read with cmd_option;
 * argv[0] is the program's name.
 */
#define VERB(name) int name(struct cmd *c, int argc, char *argv[])

struct verb {
	const char *name;
	VERB((*run));
	const char *args, *what;	/* for the help */
};

struct program {
	const char *name;
	const struct verb *verbs;
	size_t n_verbs;
	const char *about;		/* the end of the help */
	bool json;			/* --json is a switch of every verb: known before options are read */
	void (*close)(struct cmd *c);	/* of what verbs open besides; or NULL */
};

/* Global flags, --help and --version, the verb, its error: the exit status. */
int cmd_main(const struct program *p, int argc, char *argv[]);

/* getopt_long, whose complaints are in c->e, in our words.  letters start with ':'. */
int cmd_option(struct cmd *c, int argc, char *argv[], const char *letters,
    const struct option *longs);
/* All options of a verb that has no other than --json, and want arguments behind them; -1. */
int cmd_args(struct cmd *c, int argc, char *argv[], int want);
/* INVALID_PARAMS: what cmd_option complains of, or "wrong arguments", and the synopsis.  -1. */
int cmd_usage(struct cmd *c);
/* A decimal option value from min up. */
int cmd_number(struct cmd *c, const char *option, const char *value,
    int64_t min, int64_t *out);
/* Write to stdout; a reader that went away ends the process quietly. */
int cmd_write(struct cmd *c, const struct buf *b);
/* cmd_write with a newline behind it; empties b. */
int cmd_line(struct cmd *c, struct buf *b);
/* An argument that is text: appended as it is, or for "-" standard input less one newline at its end. */
int cmd_text(struct cmd *c, const char *arg, struct buf *b);

/* ---- common_db.c: for commands with the database ---- */

/* Realm and database, made if they are not there; once. */
int cmd_open(struct cmd *c);
/* The same for verbs that only look: a realm that is not there has no sessions (SESSION_NOT_FOUND) and is not made. */
int cmd_open_existing(struct cmd *c);
/* cmd_open_existing, then the reference as a full id. */
int cmd_resolve(struct cmd *c, const char *ref, char id[UUID_LEN + 1]);
void cmd_close(struct cmd *c);		/* as in struct program */

#endif
