#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common.h"
#include "store/config.h"

VERB(verb_get);
VERB(verb_set);
VERB(verb_patch);
VERB(verb_realms);
VERB(verb_models);
VERB(verb_capabilities);
VERB(verb_doctor);
VERB(verb_init);

/* c->realm, looked up only; cmd_config loads its configuration, too. */
int cmd_realm(struct cmd *c);
int cmd_config(struct cmd *c, struct config *config);
/* cmd_write for JSON text, pretty, with a newline behind it. */
int cmd_pretty(struct cmd *c, struct buf *b);

/* One GET with 5 s in all, through libcurl, loaded when it is first needed.  -1: why in e. */
int http_get(const char *url, const char *bearer, long *status,
    struct buf *body, struct err *e);
/* The version of libcurl, or NULL. */
const char *http_version(void);

#endif
