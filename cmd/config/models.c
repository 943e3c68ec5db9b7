#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/toml.h"
#include "base/util.h"
#include "config/config.h"
#include "model/capabilities.h"
#include "model/catalog.h"

/* models, capabilities, init: cli sheet 8.7, 8.8, 8.10. */

/* ---- models ---- */

/* "1,000,000 tokens" as 1000000, a price as 0.125; "-" if unknown. */
static void
put_column(struct buf *b, struct jtext v, int width)
{
	if (v.p)
		buf_printf(b, " %*.*s", width, (int)v.n, v.p);
	else
		buf_printf(b, " %*s", width, "-");
}

static void
put_model(struct buf *b, struct jtext m)
{
	static const char *const prices[] = { "input", "output", "cache_read",
	    "cache_write" };
	char *id = json_get_str(m, "id");
	char *provider = json_get_str(m, "provider");

	buf_printf(b, "%-30s %-11s", id ? id : "", provider ? provider : "");
	put_column(b, json_get(m, "context_window"), 9);
	put_column(b, json_get(m, "max_output_tokens"), 9);
	for (size_t i = 0; i < COUNT(prices); i++)
		put_column(b, json_get(json_get(m, "price"), prices[i]), 8);
	buf_putc(b, '\n');
	free(provider);
	free(id);
}

/* A table of a line per model, with USD per million tokens. */
static int
put_table(struct cmd *c, struct buf *json)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_printf(&b, "%-30s %-11s %9s %9s %8s %8s %8s %8s\n", "MODEL",
	    "PROVIDER", "CONTEXT", "OUTPUT", "$IN", "$OUT", "$READ", "$WRITE");
	for (struct jiter it = json_iter(json_slice(json->p, json->n));
	    json_next(&it); )
		put_model(&b, it.value);
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

int
verb_models(struct cmd *c, int argc, char *argv[])
{
	bool list = argc > 1 && !strcmp(argv[1], "list");
	struct config config;
	struct buf b = BUF_INIT;
	int rc = -1;

	if (list || (argc > 1 && !strcmp(argv[1], "catalog"))) {
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	if (cmd_args(c, argc, argv, 0) < 0)
		return -1;
	if (cmd_config(c, &config) < 0 ||
	    (list ? catalog_list : catalog_emit)(&config, c->realm.user_root,
	    &b, &c->e) < 0)
		goto done;
	rc = list && !c->json ? put_table(c, &b) : cmd_pretty(c, &b);
done:
	config_free(&config);
	buf_free(&b);
	return rc;
}

/* ---- capabilities ---- */

int
verb_capabilities(struct cmd *c, int argc, char *argv[])
{
	struct config config;
	struct buf b = BUF_INIT;
	int rc;

	if (cmd_args(c, argc, argv, 0) < 0 || cmd_config(c, &config) < 0)
		return -1;
	capabilities_emit(&config, &b);
	rc = cmd_pretty(c, &b);
	config_free(&config);
	buf_free(&b);
	return rc;
}

/* ---- init ---- */

/* Does a configuration hold a secret, so that it must not go into a project? */
static bool
holds_secret(const struct buf *text)
{
	struct toml *t = toml_parse(buf_str(text), text->n, NULL);
	struct buf plain = BUF_INIT, masked = BUF_INIT;
	bool holds;

	if (!t)
		return true;
	toml_to_json(t, &plain);
	config_emit_part(json_slice(plain.p, plain.n), "", "", &masked, false);
	holds = plain.n != masked.n || memcmp(plain.p, masked.p, plain.n);
	toml_free(t);
	buf_free(&plain);
	buf_free(&masked);
	return holds;
}

/* The user's file, made from the template if there is none, as what a project starts with. */
static int
starting_point(struct cmd *c, struct buf *b)
{
	const char *template = config_template();
	char *dir = NULL, *path = NULL;
	int rc = 0;

	if (c->realm.user_root) {
		dir = fs_join(c->realm.user_root, ".rkat");
		path = fs_join(dir, "config.toml");
		if (fs_exists(path))
			rc = fs_read(path, CONFIG_MAX, b, &c->e);
		else if ((rc = fs_mkdirs(dir, 0700, &c->e)) == 0)
			rc = fs_write_atomic(path, template, strlen(template),
			    0600, &c->e);
	}
	if (rc == 0 && b->n && holds_secret(b)) {
		warn("%s is not copied: it holds secrets, or is not TOML; "
		    "its settings are in effect anyway", path);
		buf_trunc(b, 0);
	}
	if (!b->n)
		buf_puts(b, template);
	free(path);
	free(dir);
	return rc;
}

int
verb_init(struct cmd *c, int argc, char *argv[])
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	char *cwd = NULL, *dir = NULL, *path = NULL;
	int rc = -1;

	if (cmd_args(c, argc, argv, 0) < 0 || cmd_realm(c) < 0)
		return -1;
	if (!(cwd = getcwd(NULL, 0))) {
		err_sys(&c->e, E_FAILED, "the current directory");
		goto done;
	}
	dir = fs_join(cwd, ".rkat");
	path = fs_join(dir, "config.toml");
	if (fs_exists(path)) {
		err_set(&c->e, E_FAILED,
		    "Project config already exists at %s", path);
		goto done;
	}
	if (starting_point(c, &b) < 0 || fs_mkdirs(dir, 0755, &c->e) < 0 ||
	    fs_write_atomic(path, b.p, b.n, 0644, &c->e) < 0)
		goto done;
	buf_printf(&out, "Initialized %s\n", path);
	rc = cmd_write(c, &out);
done:
	free(path);
	free(dir);
	free(cwd);
	buf_free(&b);
	buf_free(&out);
	return rc;
}
