#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "serve/rpc_impl.h"

/* What comes in as params: rpc sheet section 6. */

struct jtext
param_get(struct jtext params, const char *key)
{
	struct jtext v = json_get(params, key);

	return json_is(v, 'n') ? JTEXT_NONE : v;
}

int
param_str(struct jtext params, const char *key, char **out, struct err *e)
{
	struct jtext v = param_get(params, key);

	*out = NULL;
	if (!v.p)
		return 0;
	if (!(*out = json_get_str(params, key)))
		return err_set(e, E_INVALID_PARAMS, "Invalid params: /%s: want "
		    "a string%s", key,
		    json_is(v, '"') ? " without NUL" : "");
	return 0;
}

int
param_needed(struct jtext params, const char *key, char **out, struct err *e)
{
	if (param_str(params, key, out, e) < 0)
		return -1;
	return *out ? 0 : err_set(e, E_INVALID_PARAMS,
	    "Invalid params: missing field `%s`", key);
}

int
param_count(struct jtext params, const char *key, int64_t *out, struct err *e)
{
	struct jtext v = param_get(params, key);
	int64_t n;

	if (!v.p)
		return 0;
	if (!json_i64(v, &n) || n < 0)
		return err_set(e, E_INVALID_PARAMS, "Invalid params: /%s: want "
		    "a whole number from 0 on", key);
	*out = n;
	return 0;
}

/* A UUID, or realm:UUID of this realm; id gets it in lower case. */
static int
locator(struct rpc *s, const char *raw, char id[UUID_LEN + 1], struct err *e)
{
	const char *colon = strchr(raw, ':'), *uuid = colon ? colon + 1 : raw;
	size_t n = colon ? (size_t)(colon - raw) : 0;

	if (!uuid_valid(uuid))
		return err_set(e, E_INVALID_PARAMS, "Invalid session_id "
		    "'%.120s': want a UUID or <realm>:<UUID>", raw);
	if (colon && (n != strlen(s->realm->id) ||
	    memcmp(raw, s->realm->id, n)))
		return err_set(e, E_INVALID_PARAMS, "Session locator realm "
		    "'%.*s' does not match active runtime realm '%s'",
		    (int)(n > 80 ? 80 : n), raw, s->realm->id);
	for (size_t i = 0; i <= UUID_LEN; i++)
		id[i] = (char)tolower((unsigned char)uuid[i]);
	return 0;
}

int
param_session(struct req *r, bool archived, struct session *s, struct err *e)
{
	char id[UUID_LEN + 1], *raw;
	int rc = param_needed(r->params, "session_id", &raw, e);

	if (rc == 0)
		rc = locator(r->s, raw, id, e);
	free(raw);
	if (rc < 0)
		return -1;
	rc = session_load(r->s->o.db, id, s, e);
	if (rc == 0 && s->archived && !archived) {
		session_free(s);
		rc = err_set(e, E_SESSION_NOT_FOUND, " ");
	}
	if (rc < 0 && e->code == E_SESSION_NOT_FOUND)
		err_set(e, E_SESSION_NOT_FOUND, "Session not found: %s", id);
	return rc;
}

void
put_session_ref(struct rpc *s, const char *session, struct buf *b)
{
	char *ref = xasprintf("%s:%s", s->realm->id, session);

	jput_kcstr(b, "session_id", session);
	jput_kcstr(b, "session_ref", ref);
	free(ref);
}
