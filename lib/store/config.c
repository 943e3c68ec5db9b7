#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/toml.h"
#include "base/util.h"
#include "store/config.h"
#include "store/config_keys.h"

/* A member of the effective configuration; its name without quotes (it has no escapes). */
struct config_part {
	struct jtext name, v;
};

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

/* ---- the whole ---- */

static void
put_part(struct buf *b, const char *p, size_t n)
{
	buf_put(b, (const char *)&n, sizeof n);
	buf_put(b, p, n);
}

/* All that the effective configuration is made of: the same again is the same. */
static void
put_sources(const struct realm *r, struct buf *b)
{
	char *files[] = { config_path(r), below(r->context_root, "config.toml"),
	    below(r->user_root, "config.toml"), storage_directory(r) };

	for (size_t i = 0; i < COUNT(files); i++) {
		struct buf text = BUF_INIT;
		struct err e = ERR_NONE;

		if (i < LAYERS && files[i])
			fs_read(files[i], CONFIG_MAX, &text, &e);
		put_part(b, buf_str(&text), text.n);
		put_part(b, files[i] ? files[i] : "", files[i] ?
		    strlen(files[i]) : 0);
		put_part(b, e.text, strlen(e.text));
		buf_free(&text);
		free(files[i]);
	}
}

static int
load(const struct realm *r, struct buf *out, struct err *e)
{
	char *path = config_path(r);
	struct err why = ERR_NONE;
	struct toml *own = config_read(path, &why);
	int rc = why.code == E_NONE ? config_effective(r, own, out, &why) : -1;

	if (rc < 0 && e)
		*e = why;
	toml_free(own);
	free(path);
	return rc;
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->n == b->n && !memcmp(a->p, b->p, a->n);
}

/* A worker loads it for each run: what was made of the same files is kept. */
static int
load_again(const struct realm *r, struct buf *out, struct err *e)
{
	static struct buf sources, effective;
	struct buf before = BUF_INIT, after = BUF_INIT;
	int rc = 0;

	put_sources(r, &before);
	if (!same(&before, &sources)) {
		buf_trunc(&sources, 0);
		buf_trunc(&effective, 0);
		if ((rc = load(r, &effective, e)) == 0)
			put_sources(r, &after);
		/* Nobody wrote to them meanwhile. */
		if (same(&before, &after))
			buf_put(&sources, before.p, before.n);
	}
	buf_put(out, effective.p, effective.n);
	buf_free(&before);
	buf_free(&after);
	return rc;
}

static void
split(struct config *c)
{
	struct jiter it = json_iter(c->v);

	c->parts = xcalloc(json_count(c->v), sizeof *c->parts);
	while (json_next(&it))
		c->parts[c->n_parts++] = (struct config_part){
		    json_slice(it.key.p + 1, it.key.n - 2), it.value };
}

/*
 * The generation is read first: a writer renames the configuration before it, so
 * what is read then is never older than the generation says, and needs no lock.
 */
int
config_load(const struct realm *r, struct config *c, struct err *e)
{
	struct buf b = BUF_INIT;

	*c = (struct config){ .v = JTEXT_NONE };
	if (config_generation(r, &c->generation, e) < 0 ||
	    load_again(r, &b, e) < 0) {
		buf_free(&b);
		return err_wrap(e, "Failed to load config");
	}
	c->v.n = b.n;
	c->v.p = buf_steal(&b);
	split(c);
	return 0;
}

void
config_free(struct config *c)
{
	char *p = (char *)(uintptr_t)c->v.p;

	if (p)
		explicit_bzero(p, c->v.n);
	free(p);
	free(c->parts);
	*c = (struct config){ .v = JTEXT_NONE };
}

/* ---- looking ---- */

struct jtext
config_at(const struct config *c, const char *path)
{
	size_t n = strcspn(path, "/");

	for (size_t i = 0; i < c->n_parts; i++) {
		const struct config_part *part = &c->parts[i];

		if (part->name.n == n && !memcmp(part->name.p, path, n))
			return json_path(part->v, path + n + (path[n] == '/'));
	}
	return c->n_parts ? JTEXT_NONE : json_path(c->v, path);
}

char *
config_str(const struct config *c, const char *path)
{
	return json_str(config_at(c, path), NULL);
}

int64_t
config_i64(const struct config *c, const char *path, int64_t otherwise)
{
	int64_t v;

	return json_i64(config_at(c, path), &v) ? v : otherwise;
}

double
config_f64(const struct config *c, const char *path, double otherwise)
{
	double v;

	return json_f64(config_at(c, path), &v) ? v : otherwise;
}

bool
config_bool(const struct config *c, const char *path, bool otherwise)
{
	bool v;

	return json_bool(config_at(c, path), &v) ? v : otherwise;
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
