#ifndef STORE_CONFIG_H
#define STORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/realm.h"

/*
 * Configuration (config sheet): built-in defaults < user file < project file < realm
 * file, merged key by key by presence.  The effective configuration is one JSON text
 * with every key of the sheet's section 9, in its order, so callers look with
 * config_at(cfg, "agent/model").
 */
struct config {
	struct jtext v;		/* effective, all defaults filled in; owned */
	int64_t generation;
	struct config_part *parts;	/* v's members, for config_at */
	size_t n_parts;
};

/* Load and merge.  A layer that does not parse is an error that names file and line. */
int config_load(const struct realm *r, struct config *c, struct err *e);
void config_free(struct config *c);

/* json_path over v, without walking through all of it. */
struct jtext config_at(const struct config *c, const char *path);
/* Shorthands over that; the strings are new, NULL if null or absent. */
char *config_str(const struct config *c, const char *path);
int64_t config_i64(const struct config *c, const char *path, int64_t otherwise);
double config_f64(const struct config *c, const char *path, double otherwise);
bool config_bool(const struct config *c, const char *path, bool otherwise);
/* A duration key in ms; -1 if null or absent, -2 if "disabled" (retry.call_timeout). */
int64_t config_ms(const struct config *c, const char *path);

/*
 * Replace the realm file (config_set: json is a config object), or apply an RFC 7396
 * patch to it.  The realm must exist (realm_create).  The file holds what was set,
 * unknown keys included, so weaker layers keep working.  expected < 0: no check; else
 * CONFLICT when the generation differs.  Validates the effective result first
 * (section 5); nothing changes on failure.  A secret that comes back masked stays
 * what it was.
 */
int config_set(const struct realm *r, struct jtext json, int64_t expected,
    int64_t *generation, struct err *e);
/* The same from a TOML document, which is kept as it is, comments included. */
int config_set_toml(const struct realm *r, const char *p, size_t n,
    int64_t expected, int64_t *generation, struct err *e);
int config_patch(const struct realm *r, struct jtext patch, int64_t expected,
    int64_t *generation, struct err *e);

/* The effective configuration as TOML; secrets masked unless show_secrets. */
void config_emit_toml(const struct config *c, struct buf *b, bool show_secrets);
/* The same as JSON text, secrets masked. */
void config_emit_json(const struct config *c, struct buf *b, bool show_secrets);
/* Any part of it as JSON text; name is the last part of its path ("" for the whole), which decides whether it is a secret. */
void config_emit_part(struct jtext v, const char *parent, const char *name,
    struct buf *b, bool show_secrets);
/* A commented template for `rkat init`. */
const char *config_template(void);

#define CONFIG_MAX (1 << 20)	/* bytes of a file or a patch */

#endif
