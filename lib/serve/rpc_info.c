#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "serve/about.h"
#include "serve/rpc_impl.h"
#include "store/blobs.h"
#include "store/config.h"

/* What the server and its realm are: rpc sheet sections 5, 10.1 and 10.3. */

METHOD(rpc_initialize)
{
	(void)r;
	(void)e;
	jput_open(out, '{');
	jput_key(out, "server_info");
	jput_open(out, '{');
	jput_kcstr(out, "name", "meerkat-rpc");
	jput_kcstr(out, "version", RKAT_CONTRACT);
	jput_close(out, '}');
	jput_kcstr(out, "contract_version", RKAT_CONTRACT);
	jput_key(out, "methods");
	jput_open(out, '[');
	rpc_methods(out);
	jput_close(out, ']');
	jput_close(out, '}');
	return 0;
}

METHOD(rpc_blob_get)
{
	char *id, *media_type = NULL;
	struct buf data = BUF_INIT;
	int rc = -1;

	if (param_needed(r->params, "blob_id", &id, e) < 0)
		return -1;
	rc = blob_get(r->s->realm, id, &media_type, &data, e);
	if (rc == 0) {
		jput_open(out, '{');
		jput_kcstr(out, "blob_id", id);
		jput_kcstr(out, "media_type", media_type);
		jput_kstr(out, "data", buf_str(&data), data.n);
		jput_close(out, '}');
	} else if (e->code == E_NOT_FOUND) {
		err_set(e, E_INVALID_PARAMS, "blob not found: %.120s", id);
	}
	free(id);
	free(media_type);
	buf_free(&data);
	return rc;
}

METHOD(rpc_capabilities_get)
{
	return about_capabilities(r->s->realm, out, e);
}

METHOD(rpc_models_catalog)
{
	return about_models(r->s->realm, out, e);
}

METHOD(rpc_config_get)
{
	return about_config(r->s->realm, true, out, e);
}

/* `member` holds the value, beside it expected_generation; or the params are the value. */
static int
change(struct req *r, const char *member, int (*apply)(const struct realm *,
    struct jtext, int64_t, int64_t *, struct err *), struct buf *out,
    struct err *e)
{
	struct jtext v = param_get(r->params, member);
	int64_t expected = -1;

	if (v.p && param_count(r->params, "expected_generation", &expected,
	    e) < 0)
		return -1;
	if (!v.p)
		v = r->params;
	if (!json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS, "Failed to parse config "
		    "payload: /%s: want an object", member);
	if (about_change_config(r->s->realm, apply, v, expected, e) < 0)
		return e->code == E_INVALID_PARAMS ?
		    err_wrap(e, "Invalid config") : -1;
	return rpc_config_get(r, out, e);
}

METHOD(rpc_config_set)
{
	return change(r, "config", config_set, out, e);
}

METHOD(rpc_config_patch)
{
	return change(r, "patch", config_patch, out, e);
}
