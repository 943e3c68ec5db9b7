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

#endif
