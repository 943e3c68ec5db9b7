#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "common.h"
#include "store/db.h"

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

/* Realm and database, made if they are not there. */
int cmd_open(struct cmd *c);
/* The same for verbs that only look: a realm that is not there has no sessions (SESSION_NOT_FOUND) and is not made. */
int cmd_open_existing(struct cmd *c);
/* cmd_open_existing, then the reference as a full id. */
int cmd_resolve(struct cmd *c, const char *ref, char id[UUID_LEN + 1]);
/* cmd_write with a newline behind it; empties b. */
int cmd_line(struct cmd *c, struct buf *b);

#endif
