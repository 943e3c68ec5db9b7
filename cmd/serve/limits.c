#include <stddef.h>
#include <string.h>

#include "base/fs.h"
#include "base/toml.h"
#include "base/util.h"
#include "serve/limits.h"

#define FILE_MAX 65536

#define SIZE(member) offsetof(struct http_limits, member), true
#define SECONDS(member) offsetof(struct http_limits, member), false

static const struct key {
	const char *name;
	size_t offset;
	bool is_size;		/* else an int */
	int64_t min, max;
} keys[] = {
	{ "connections", SIZE(connections), 1, 1000000 },
	{ "in_flight", SIZE(in_flight), 1, 1000000 },
	{ "subscribers", SIZE(subscribers), 0, 1000000 },
	{ "body_bytes", SIZE(body), 1024, 1 << 30 },
	{ "header_bytes", SIZE(headers), 1024, 1 << 20 },
	{ "buffered_bytes", SIZE(buffered), 4096, 1 << 30 },
	{ "idle_seconds", SECONDS(idle_s), 1, 86400 },
	{ "stall_seconds", SECONDS(stall_s), 1, 86400 },
	{ "keep_alive_seconds", SECONDS(keep_alive_s), 1, 86400 },
};

static const struct key *
find(const char *name)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int
set(struct http_limits *l, const struct toml *v, struct err *e)
{
	const struct key *k = find(v->key);
	char *to = (char *)l;

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
limits_load(const char *path, struct http_limits *l, struct err *e)
{
	struct http_limits new = HTTP_LIMITS;
	struct buf text = BUF_INIT;
	struct toml *t = NULL;
	int rc = -1;

	if (fs_read(path, FILE_MAX, &text, e) < 0 ||
	    !(t = toml_parse(buf_str(&text), text.n, e)))
		goto done;
	for (size_t i = 0; i < t->n; i++)
		if (set(&new, t->kids[i], e) < 0)
			goto done;
	*l = new;
	rc = 0;
done:
	if (rc < 0)
		err_wrap(e, "--limits %.200s", path);
	toml_free(t);
	buf_free(&text);
	return rc;
}
