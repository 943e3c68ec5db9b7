#include "serve/params.h"

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
