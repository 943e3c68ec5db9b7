#include <stdlib.h>

#include "base/fs.h"
#include "base/jput.h"
#include "model/capabilities.h"
#include "model/catalog.h"
#include "serve/about.h"
#include "store/config.h"

int
about_capabilities(const struct realm *r, struct buf *b, struct err *e)
{
	struct config c;

	if (config_load(r, &c, e) < 0)
		return -1;
	capabilities_emit(&c, b);
	config_free(&c);
	return 0;
}

int
about_models(const struct realm *r, struct buf *b, struct err *e)
{
	struct config c;
	int rc;

	if (config_load(r, &c, e) < 0)
		return -1;
	rc = catalog_emit(&c, r->user_root, b, e);
	config_free(&c);
	return rc;
}

/* ---- config ---- */

static void
put_path(const struct realm *r, struct buf *b, const char *key,
    const char *name)
{
	char *path = fs_join(r->dir, name);

	jput_kcstr(b, key, path);
	free(path);
}

static void
put_paths(const struct realm *r, struct buf *b)
{
	jput_key(b, "resolved_paths");
	jput_open(b, '{');
	jput_kcstr(b, "root", r->dir);
	put_path(r, b, "manifest_path", "realm_manifest.json");
	put_path(r, b, "config_path", "config.toml");
	put_path(r, b, "sessions_sqlite_path", "realm.sqlite3");
	put_path(r, b, "sessions_jsonl_dir", "events");
	jput_close(b, '}');
}

static void
put_envelope(const struct realm *r, const struct config *c, bool paths,
    struct buf *b)
{
	jput_open(b, '{');
	jput_key(b, "config");
	config_emit_json(c, b, false);
	jput_ki64(b, "generation", c->generation);
	jput_kcstr(b, "realm_id", r->id);
	jput_kcstr(b, "instance_id", r->instance);
	jput_kcstr(b, "backend", r->backend);
	if (paths)
		put_paths(r, b);
	jput_close(b, '}');
}

int
about_config(const struct realm *r, bool paths, struct buf *b, struct err *e)
{
	struct config c;

	if (config_load(r, &c, e) < 0)
		return -1;
	put_envelope(r, &c, paths, b);
	config_free(&c);
	return 0;
}

int
about_change_config(const struct realm *r,
    int (*apply)(const struct realm *, struct jtext, int64_t, int64_t *,
    struct err *), struct jtext v, int64_t expected, struct err *e)
{
	int64_t generation;

	if (apply(r, v, expected, &generation, e) == 0)
		return 0;
	if (e->code == E_CONFLICT && *e->text == 'g')
		*e->text = 'G';	/* as the contract writes it */
	return -1;
}
