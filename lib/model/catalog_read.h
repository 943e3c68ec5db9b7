#ifndef MODEL_CATALOG_READ_H
#define MODEL_CATALOG_READ_H

#include "model/catalog.h"

/* What the catalog_*.c files share. */

/* Both catalogues, the user's first.  Entries are looked up member by member. */
struct catalog {
	char *user;			/* text of the user's file */
	struct jtext layers[2];		/* their "models" */
	struct jtext defaults[2];	/* their "defaults": provider to id */
};

/* A file that is there but wrong is INVALID_PARAMS. */
int catalog_open(struct catalog *c, const char *user_root, struct err *e);
void catalog_close(struct catalog *c);

/* A member of the entry of this id, or absent. */
struct jtext catalog_get(const struct catalog *c, const char *id,
    const char *member);
bool catalog_has(const struct catalog *c, const char *id, enum provider *p);

/* What is known of a model of a cloud provider: rules of its name, then its entry. */
void catalog_profile(const struct catalog *c, enum provider p, const char *id,
    struct model_profile *out);
/* The same of an entry of self_hosted.models. */
void catalog_self_hosted(struct jtext model, struct model_profile *out);

/* By prefix; false: none fits. */
bool catalog_infer(const char *id, enum provider *p);

#endif
