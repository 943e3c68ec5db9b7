#ifndef MODEL_CATALOG_READ_H
#define MODEL_CATALOG_READ_H

#include "model/catalog.h"

/* What the catalog_*.c files share. */

/* Both catalogues, the user's first. */
struct catalog {
	char *user;			/* text of the user's file */
	struct jtext layers[2];		/* their "models" */
	struct jtext defaults[2];	/* their "defaults": provider to id */
};

/* A file that is there but wrong is INVALID_PARAMS. */
int catalog_open(struct catalog *c, const char *user_root, struct err *e);
void catalog_close(struct catalog *c);

/* What they say of one model, found once: they are long.  Borrows. */
struct catalog_entry {
	struct jtext in[2];		/* of each layer; absent: nothing */
};
struct catalog_entry catalog_find(const struct catalog *c, const char *id);
/* The first that has it and is not null, or absent. */
struct jtext catalog_fact(const struct catalog_entry *m, const char *member);
/* Is it a model of a cloud provider? */
bool catalog_provider(const struct catalog_entry *m, enum provider *p);

/* What is known of a model of a cloud provider: rules of its name, then its entry. */
void catalog_profile(const struct catalog_entry *m, enum provider p,
    const char *id, struct model_profile *out);
/* The same of an entry of self_hosted.models. */
void catalog_self_hosted(const struct catalog_entry *m,
    struct model_profile *out);

/* By prefix; false: none fits. */
bool catalog_infer(const char *id, enum provider *p);

#endif
