#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/config.h"
#include "store/realm.h"

/* What every verb works with. */
struct cmd {
	struct realm_opts opts;
	struct realm realm;
	const char *synopsis;	/* of the verb */
	bool json;		/* asked for; errors are JSON, too */
	struct err e;		/* why a verb answered -1 */
};

/* A verb: an exit status, or -1 (c->e says why).  argv[0] is the program's name. */
#define VERB(name) int name(struct cmd *c, int argc, char *argv[])
VERB(verb_get);
VERB(verb_set);
VERB(verb_patch);
VERB(verb_realms);
VERB(verb_models);
VERB(verb_capabilities);
VERB(verb_doctor);
VERB(verb_init);

/* The synopsis on stderr; 2. */
int cmd_usage(const struct cmd *c);
/* Options of a verb that has no other than --json. */
int cmd_json_only(struct cmd *c, int argc, char *argv[]);
/* A decimal option value from 0 up. */
int cmd_number(struct cmd *c, const char *option, const char *value,
    int64_t *out);
/* c->realm, looked up only; cmd_config loads its configuration, too. */
int cmd_realm(struct cmd *c);
int cmd_config(struct cmd *c, struct config *config);
/* Write to stdout and empty b; a reader that went away ends the process quietly. */
int cmd_write(struct cmd *c, struct buf *b);
/* The same for JSON text, pretty, with a newline behind it. */
int cmd_pretty(struct cmd *c, struct buf *b);

/* One GET with 5 s in all, through libcurl, loaded when it is first needed.  -1: why in e. */
int http_get(const char *url, const char *bearer, long *status,
    struct buf *body, struct err *e);
/* The version of libcurl, or NULL. */
const char *http_version(void);

#endif
