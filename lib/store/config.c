#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/toml.h"
#include "base/util.h"
#include "store/config.h"
#include "store/config_keys.h"

/*
 * Loading: files to trees, trees to JSON, JSON merged over the table of keys.
 */

/* ---- other spellings of a layer become the one that the table knows ---- */

static void
put_member(struct toml *table, const char *name, const char *json)
{
	char *patch = xasprintf("{\"%s\":%s}", name, json);

	(void)toml_patch(table, json_text(patch), NULL);
	free(patch);
}

/* shell.allowlist is security_patterns and, unless a mode is set, its mode. */
static void
spell_shell(struct toml *shell)
{
	struct toml *list = toml_get(shell, "allowlist");
	struct buf b = BUF_INIT;

	if (!list)
		return;
	if (!toml_get(shell, "security_mode"))
		put_member(shell, "security_mode", "\"allow_list\"");
	toml_to_json(list, &b);
	put_member(shell, "security_patterns", b.p);
	put_member(shell, "allowlist", "null");
	buf_free(&b);
}

/* The options of a hook's runtime may stand in a table "config": they become flat. */
static void
spell_runtime(struct toml *runtime)
{
	struct toml *config = toml_get(runtime, "config");
	struct buf b = BUF_INIT;

	if (!config || config->kind != TOML_TABLE)
		return;
	toml_to_json(config, &b);
	put_member(runtime, "config", "null");
	(void)toml_patch(runtime, json_text(b.p), NULL);
	buf_free(&b);
}

static void
spell(struct toml *doc)
{
	struct toml *entries = toml_get(toml_get(doc, "hooks"), "entries");

	spell_shell(toml_get(doc, "shell"));
	for (size_t i = 0; entries && entries->kind == TOML_ARRAY &&
	    i < entries->n; i++)
		spell_runtime(toml_get(entries->kids[i], "runtime"));
}

/* ---- files ---- */

struct toml *
config_read(const char *path, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err why = ERR_NONE;
	struct toml *t = NULL;

	if (fs_read(path, CONFIG_MAX, &b, &why) == 0 &&
	    !(t = toml_parse(buf_str(&b), b.n, &why)))
		err_wrap(&why, "%s", path);
	if (!t && why.code != E_NOT_FOUND && e)
		*e = why;
	buf_free(&b);
	return t;
}

char *
config_path(const struct realm *r)
{
	return fs_join(r->dir, "config.toml");
}

/* "<root>/.rkat/<name>", new; NULL without a root. */
static char *
below(const char *root, const char *name)
{
	return root ? xasprintf("%s/.rkat/%s", root, name) : NULL;
}

int
config_generation(const struct realm *r, int64_t *g, struct err *e)
{
	char *path = fs_join(r->dir, "config_state.json");
	struct buf b = BUF_INIT;
	struct err why = ERR_NONE;
	struct jtext v;
	int rc = -1;

	*g = 0;
	if (fs_read(path, 4096, &b, &why) < 0) {
		rc = why.code == E_NOT_FOUND ? 0 : -1;
		if (rc < 0 && e)
			*e = why;
	} else if (json_parse(buf_str(&b), b.n, &v, NULL) < 0 ||
	    !json_i64(json_get(v, "generation"), g) || *g < 0) {
		err_set(e, E_STORAGE_ERROR, "%s: no generation in it", path);
	} else {
		rc = 0;
	}
	buf_free(&b);
	free(path);
	return rc;
}

/* ---- layers ---- */

static void
layer_json(struct toml *t, struct buf *b, struct jtext *v)
{
	spell(t);
	toml_to_json(t, b);
	*v = json_slice(b->p, b->n);
}

/* Where the sheet says that sessions are kept: beside the nearest .rkat. */
static char *
storage_directory(const struct realm *r)
{
	char *dir = below(r->context_root, "");
	const char *root = r->context_root && fs_is_dir(dir) ? r->context_root :
	    r->user_root ? r->user_root : r->context_root;

	free(dir);
	return below(root ? root : ".", "sessions");
}

int
config_effective(const struct realm *r, const struct toml *own,
    struct buf *out, struct err *e)
{
	struct config_layers l = { .v = { { NULL, 0 } } };
	struct buf json[LAYERS] = { { NULL, 0, 0 } };
	char *storage = storage_directory(r);
	struct err why = ERR_NONE;
	int rc = -1;

	l.storage = storage;
	l.file[LAYER_REALM] = config_path(r);
	l.file[LAYER_PROJECT] = below(r->context_root, "config.toml");
	l.file[LAYER_USER] = below(r->user_root, "config.toml");
	if (own) {
		/* A copy, because other spellings stay in the file. */
		struct buf b = BUF_INIT;
		struct toml *copy;

		toml_emit(own, &b);
		if ((copy = toml_parse(buf_str(&b), b.n, NULL)))
			layer_json(copy, &json[LAYER_REALM], &l.v[LAYER_REALM]);
		toml_free(copy);
		buf_free(&b);
	}
	for (int i = LAYER_PROJECT; i < LAYERS; i++) {
		struct toml *t;

		if (!l.file[i])
			continue;
		if ((t = config_read(l.file[i], &why)))
			layer_json(t, &json[i], &l.v[i]);
		toml_free(t);
		if (why.code != E_NONE) {
			if (e)
				*e = why;
			goto done;
		}
	}
	rc = config_build(&l, out, e);
done:
	for (int i = 0; i < LAYERS; i++) {
		free(l.file[i]);
		buf_free(&json[i]);
	}
	free(storage);
	return rc;
}

/*
 * The generation is read first: a writer renames the configuration before it, so
 * what is read then is never older than the generation says, and needs no lock.
 */
int
config_load(const struct realm *r, struct config *c, struct err *e)
{
	char *path = config_path(r);
	struct err why = ERR_NONE;
	struct buf b = BUF_INIT;
	struct toml *own = NULL;
	int rc = -1;

	*c = (struct config){ .v = JTEXT_NONE };
	if (config_generation(r, &c->generation, &why) < 0)
		goto done;
	own = config_read(path, &why);
	if (why.code != E_NONE || config_effective(r, own, &b, &why) < 0)
		goto done;
	c->v.n = b.n;
	c->v.p = buf_steal(&b);
	rc = 0;
done:
	if (rc < 0) {
		if (e)
			*e = why;
		err_wrap(e, "Failed to load config");
	}
	toml_free(own);
	buf_free(&b);
	free(path);
	return rc;
}

void
config_free(struct config *c)
{
	char *p = (char *)(uintptr_t)c->v.p;

	if (p)
		explicit_bzero(p, c->v.n);
	free(p);
	c->v = JTEXT_NONE;
}

/* ---- looking ---- */

char *
config_str(const struct config *c, const char *path)
{
	return json_str(json_path(c->v, path), NULL);
}

int64_t
config_i64(const struct config *c, const char *path, int64_t otherwise)
{
	int64_t v;

	return json_i64(json_path(c->v, path), &v) ? v : otherwise;
}

double
config_f64(const struct config *c, const char *path, double otherwise)
{
	double v;

	return json_f64(json_path(c->v, path), &v) ? v : otherwise;
}

bool
config_bool(const struct config *c, const char *path, bool otherwise)
{
	bool v;

	return json_bool(json_path(c->v, path), &v) ? v : otherwise;
}

int64_t
config_ms(const struct config *c, const char *path)
{
	char *s = config_str(c, path);
	int64_t ms = -1;

	if (s && !strcmp(s, "disabled"))
		ms = -2;
	else if (s && duration_parse(s, &ms, NULL) < 0)
		ms = -1;
	free(s);
	return ms;
}
