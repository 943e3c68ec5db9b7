#include <string.h>

#include "base/fs.h"
#include "base/toml.h"
#include "base/util.h"
#include "serve/limits.h"

#define FILE_MAX 65536

static const struct limit *
find(const struct limit *keys, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int
set(const struct limit *k, const struct toml *v, char *to, struct err *e)
{
	if (!k)
		return err_set(e, E_INVALID_PARAMS, "unknown limit '%.80s'",
		    v->key);
	if (v->kind != TOML_INTEGER || v->i < k->min || v->i > k->max)
		return err_set(e, E_INVALID_PARAMS, "%s: want a whole number "
		    "from %lld to %lld", k->name, (long long)k->min,
		    (long long)k->max);
	if (k->is_size)
		*(size_t *)(void *)(to + k->offset) = (size_t)v->i;
	else
		*(int *)(void *)(to + k->offset) = (int)v->i;
	return 0;
}

int
limits_load(const char *path, const struct limit *keys, size_t n, void *to,
    struct err *e)
{
	struct buf text = BUF_INIT;
	struct toml *t = NULL;
	int rc = -1;

	if (fs_read(path, FILE_MAX, &text, e) < 0 ||
	    !(t = toml_parse(buf_str(&text), text.n, e)))
		goto done;
	for (size_t i = 0; i < t->n; i++)
		if (set(find(keys, n, t->kids[i]->key), t->kids[i], to, e) < 0)
			goto done;
	rc = 0;
done:
	if (rc < 0)
		err_wrap(e, "--limits %.200s", path);
	toml_free(t);
	buf_free(&text);
	return rc;
}
