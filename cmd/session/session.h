#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/util.h"
#include "store/db.h"
#include "store/realm.h"

/* What every verb works with. */
struct cmd {
	struct realm_opts opts;
	struct realm realm;
	struct db *db;
	const char *synopsis;	/* of the verb */
	bool json;		/* asked for; errors are JSON, too */
	struct err e;		/* why a verb answered -1 */
};

/*
 * A verb: 0, -1 (c->e says why) or the exit status of its usage error.  Options are
 * read with getopt_long; argv[0] is the program's name.
 */
#define VERB(name) int name(struct cmd *c, int argc, char *argv[])
VERB(verb_create);
VERB(verb_list);
VERB(verb_show);
VERB(verb_history);
VERB(verb_delete);
VERB(verb_interrupt);
VERB(verb_events);
VERB(verb_export);
VERB(verb_import);
VERB(verb_context);
VERB(verb_input);
VERB(verb_inputs);
VERB(verb_check);
VERB(verb_blob);

/* The synopsis on stderr; 2. */
int cmd_usage(const struct cmd *c);
/* Realm and database, made if they are not there. */
int cmd_open(struct cmd *c);
/* The same for verbs that only look: a realm that is not there has no sessions (SESSION_NOT_FOUND) and is not made. */
int cmd_open_existing(struct cmd *c);
/* cmd_open_existing, then the reference as a full id. */
int cmd_resolve(struct cmd *c, const char *ref, char id[UUID_LEN + 1]);
/* A decimal option value from min up. */
int cmd_number(struct cmd *c, const char *option, const char *value,
    int64_t min, int64_t *out);
/* Write to stdout; a reader that went away ends the process quietly. */
int cmd_write(struct cmd *c, const struct buf *b);
/* The same with a newline behind it; empties b. */
int cmd_line(struct cmd *c, struct buf *b);

#endif
