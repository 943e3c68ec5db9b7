#ifndef STORE_CONFIG_KEYS_H
#define STORE_CONFIG_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * The configuration's shape as data, and the one walk over it that checks types and
 * merges layers.  Shared by the config_*.c files only.
 */

enum config_kind {
	CK_ANY,			/* passed through */
	CK_STRING, CK_WHOLE, CK_NUMBER, CK_BOOL,
	CK_DURATION,		/* words: what else is allowed */
	CK_WORD,		/* one of words */
	CK_STRINGS,		/* array of strings */
	CK_TABLE,		/* of members */
	CK_OPEN,		/* table: members are checked, all is passed through */
	CK_BY_TAG,		/* members of the table that depend on its type */
	CK_NAMED,		/* table of names, each as sub says */
	CK_LIST,		/* array, each as sub says; the strongest layer's */
	CK_HOOKS		/* CK_LIST that goes through all layers */
};

enum {
	CK_OMIT = 1,		/* without a value not even null is shown */
	CK_REQUIRED = 2
};

#define CK_SIGNED (-1)		/* a max: any 32 bit number */

struct config_key {
	const char *name;
	enum config_kind kind;
	const char *def;		/* JSON; NULL: null */
	int64_t max;			/* CK_WHOLE: 0..max */
	const char *const *words;	/* "alias=word" is understood, too */
	const struct config_key *sub;
	unsigned flags;
};

extern const struct config_key config_top;

/* The places a key can be set in, strongest first. */
enum config_layer { LAYER_REALM, LAYER_PROJECT, LAYER_USER, LAYERS };

struct config_layers {
	struct jtext v[LAYERS];		/* checked JSON object, or absent */
	char *file[LAYERS];		/* for messages; NULL: no such layer */
	const char *storage;		/* default of storage.directory */
};

/*
 * Every key with its default, in the order of config sheet section 9, into out.  A
 * value of the wrong type is INVALID_PARAMS with file, key and what is wanted.
 */
int config_build(const struct config_layers *l, struct buf *out, struct err *e);

/*
 * The layers below the realm file and own (the realm file's tree, or NULL), merged:
 * the effective configuration as JSON text.
 */
struct realm;
struct toml;
int config_effective(const struct realm *r, const struct toml *own,
    struct buf *out, struct err *e);
/* A layer's file as a tree; NULL with E_NONE in *e: there is none. */
struct toml *config_read(const char *path, struct err *e);
char *config_path(const struct realm *r);	/* the realm file; new */
int config_generation(const struct realm *r, int64_t *g, struct err *e);

/* Config sheet section 5 on an effective configuration: "Validation error: ...". */
int config_validate(struct jtext v, struct err *e);

/* Is the string at this name, inside a member of that name, a secret? */
bool config_is_secret(const char *parent, const char *name);
/* What is shown instead of it, appended. */
void config_mask(struct buf *b, const char *secret, size_t n);

#endif
