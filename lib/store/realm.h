#ifndef STORE_REALM_H
#define STORE_REALM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Realms (cli sheet section 9): a realm is a directory below the state root that
 * holds everything durable of one group of sessions.
 */

/* What the global flags said; all NULL/false by default.  Nothing here is owned. */
struct realm_opts {
	const char *realm;		/* -r, --realm; RKAT_REALM */
	bool isolated;			/* --isolated */
	const char *instance;		/* --instance */
	const char *backend;		/* --realm-backend */
	const char *state_root;		/* --state-root; RKAT_STATE_ROOT */
	const char *context_root;	/* --context-root */
	const char *user_root;		/* --user-config-root */
};

/* Where things are; all strings are absolute paths or ids, owned by the struct. */
struct realm {
	char *id;
	char *origin;		/* "generated", "workspace", "explicit" */
	char *backend;		/* "sqlite"; before realm_create: what was asked for, or NULL */
	char *instance;		/* or NULL */
	char *state_root;
	char *dir;		/* <state_root>/<realm id> */
	char *context_root;	/* project root: AGENTS.md, tools, .rkat/config.toml */
	char *user_root;	/* HOME or --user-config-root; NULL if neither */
	int held;		/* since realm_create: nobody removes it; 0: not held */
};

/*
 * Take the global flags out of argv (both "--realm x" and "--realm=x", before or
 * after anything else, up to "--"), and read RKAT_REALM and RKAT_STATE_ROOT where a
 * flag is missing.  A missing value is INVALID_PARAMS.
 */
int realm_args(int *argc, char **argv, struct realm_opts *o, struct err *e);

/* Decide id and paths; touches no disk beyond looking.  Then realm_free. */
int realm_resolve(const struct realm_opts *o, struct realm *r, struct err *e);

/*
 * Make the directory (0700) and manifest if they are not there; check the backend pin;
 * make events/, run/ and blobs/.  Durable before it returns; safe when many start at
 * once, and while one that is there is being removed.  It stays until realm_free.
 */
int realm_create(struct realm *r, struct err *e);
/* Is there such a realm?  1, 0, or -1 (STORAGE_ERROR) if one cannot look. */
int realm_exists(const struct realm *r, struct err *e);
void realm_free(struct realm *r);

bool realm_id_valid(const char *id);	/* the explicit-id rule */
/* "<dir>/<sub>/<name><suffix>", new. */
char *realm_file(const struct realm *r, const char *sub, const char *name,
    const char *suffix);

struct realm_info {
	char *id, *origin, *backend;
	int64_t created_at;	/* unix seconds */
	int active;		/* turns and residents that hold a lock now; 1 for whoever else has it open */
};
/* The manifest in a realm's directory: NOT_FOUND if there is none.  Free with realm_info_free. */
int realm_manifest(const char *dir, struct realm_info *info, struct err *e);
void realm_info_free(struct realm_info *info);
/* All realms below the state root, by id.  Free with realm_list_free. */
int realm_list(const char *state_root, struct realm_info **list, size_t *n,
    struct err *e);
void realm_list_free(struct realm_info *list, size_t n);
/* Remove a realm; one that is not there is fine; SESSION_BUSY when something in it is active, or it is open, and !force. */
int realm_delete(const char *state_root, const char *id, bool force,
    struct err *e);

#endif
