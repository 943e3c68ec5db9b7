#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "serve/about.h"
#include "serve/params.h"
#include "serve/rest_impl.h"
#include "store/blobs.h"
#include "store/config.h"
#include "store/realm.h"

/* What the server and its realm are: rest sheet sections 5.11 to 5.13, and blobs. */

/* Whatever is wrong with it, the configuration is not the client's fault. */
static void
reply(struct http_req *r, int rc, struct buf *b, const struct err *e)
{
	if (rc < 0)
		rest_fail(r, 500, "CONFIGURATION_ERROR", "%s", e->text);
	else
		http_reply_json(r, 200, buf_str(b), b->n);
	buf_free(b);
}

ROUTE(rest_capabilities)
{
	struct rest *s = arg;
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	reply(r, about_capabilities(s->realm, &b, &e), &b, &e);
}

ROUTE(rest_models)
{
	struct rest *s = arg;
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	reply(r, about_models(s->realm, &b, &e), &b, &e);
}

ROUTE(rest_skills)
{
	(void)arg;
	rest_fail(r, 404, "NOT_FOUND", "skills not enabled");
}

/* ---- /config ---- */

ROUTE(rest_config_get)
{
	struct rest *s = arg;
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	reply(r, about_config(s->realm, s->o.expose_paths, &b, &e), &b, &e);
}

/*
 * Its value: the member `name`, beside it expected_generation, or the body itself.
 * False: 422 was answered.
 */
static bool
unwrap(struct http_req *r, const char *name, struct jtext *v, int64_t *expected)
{
	struct jtext body = http_json(r);
	struct err e = ERR_NONE;

	*v = json_get(body, name);
	if (!v->p)
		*v = body;
	if (!json_is(*v, '{')) {
		rest_unprocessable(r, "%s: invalid type, expected an object",
		    v->p == body.p ? "." : name);
		return false;
	}
	if (v->p == body.p || param_count(body, "expected_generation",
	    expected, &e) == 0)
		return true;
	rest_unprocessable(r, "expected_generation: invalid type, "
	    "expected u64");
	return false;
}

/* Where the file is, is told with --expose-paths only. */
static const char *
without_path(const struct rest *s, const char *text)
{
	size_t n = strlen(s->realm->dir);
	const char *colon = strstr(text, ": ");

	return s->o.expose_paths || !colon || strncmp(text, s->realm->dir, n) ?
	    text : colon + 2;
}

static void
change(struct rest *s, struct http_req *r, const char *name,
    int (*apply)(const struct realm *, struct jtext, int64_t, int64_t *,
    struct err *))
{
	struct err e = ERR_NONE;
	struct jtext v;
	int64_t expected = -1;

	if (!unwrap(r, name, &v, &expected))
		return;
	if (about_change_config(s->realm, apply, v, expected, &e) == 0)
		rest_config_get(s, r);
	else if (e.code == E_CONFLICT)
		rest_fail(r, 400, "BAD_REQUEST", "%s", e.text);
	else if (e.code == E_INVALID_PARAMS)
		rest_fail(r, 400, "BAD_REQUEST", "Invalid %s: %s", name,
		    without_path(s, e.text));
	else
		rest_fail(r, 500, "CONFIGURATION_ERROR", "%s", e.text);
}

ROUTE(rest_config_put)
{
	change(arg, r, "config", config_set);
}

ROUTE(rest_config_patch)
{
	change(arg, r, "patch", config_patch);
}

/* ---- GET /blobs/{id} ---- */

/* The bytes themselves; the reference has no such route, the issue asks for it. */
ROUTE(rest_blob)
{
	struct rest *s = arg;
	const char *id = http_segment(r, 0);
	char *media = NULL;
	struct buf text = BUF_INIT, bytes = BUF_INIT;
	struct err e = ERR_NONE;
	size_t n = 0;

	if (blob_get(s->realm, id, &media, &text, &e) < 0) {
		if (e.code == E_NOT_FOUND)
			rest_fail(r, 404, "NOT_FOUND", "blob not found: %s",
			    id);
		else
			rest_fail_err(r, &e);
	} else if (sodium_base642bin((unsigned char *)buf_room(&bytes,
	    text.n + 1), text.n + 1, buf_str(&text), text.n, NULL, &n, NULL,
	    sodium_base64_VARIANT_ORIGINAL) < 0) {
		rest_fail(r, 500, "INTERNAL_ERROR", "blob %s is damaged", id);
	} else {
		/* It came from a model or a client: it must not run as a page. */
		http_add_header(r, "X-Content-Type-Options", "nosniff");
		http_add_header(r, "Content-Security-Policy", "sandbox");
		http_reply(r, 200, media, bytes.p, n);
	}
	free(media);
	buf_free(&text);
	buf_free(&bytes);
}
