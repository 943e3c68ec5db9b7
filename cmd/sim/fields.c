#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sim/fields.h"

static int
wrong(const struct field *f, const char *where, struct err *e)
{
	static const char *const wants[] = {
		"a string without NUL", "an integer from 0 on", "true or false"
	};
	const char *want = f->type != FIELD_RAW ? wants[f->type] :
	    f->kind == '"' ? "a string" : f->kind == '{' ? "an object" :
	    f->kind == '[' ? "an array" : "a number";

	return err_set(e, E_INVALID_PARAMS, "%s/%s: want %s", where, f->key, want);
}

static int
read_one(const struct field *f, struct jtext v, char *to, const char *where,
    struct err *e)
{
	char *s;
	int64_t i;
	bool flag;

	switch (f->type) {
	case FIELD_STR:
		if (!(s = json_cstr(v)))
			return wrong(f, where, e);
		memcpy(to, &s, sizeof s);
		return 0;
	case FIELD_I64:
		if (!json_i64(v, &i) || i < 0)
			return wrong(f, where, e);
		memcpy(to, &i, sizeof i);
		return 0;
	case FIELD_FLAG:
		if (!json_bool(v, &flag))
			return wrong(f, where, e);
		*(int *)(void *)to = flag;
		return 0;
	case FIELD_RAW:
		if (f->kind && !json_is(v, f->kind))
			return wrong(f, where, e);
		memcpy(to, &v, sizeof v);
		return 0;
	}
	return 0;
}

int
fields_read(struct jtext obj, const struct field *fields, size_t n, void *into,
    const char *where, struct err *e)
{
	uint64_t seen = 0;
	struct jiter it;
	size_t i;

	if (!json_is(obj, '{'))
		return err_set(e, E_INVALID_PARAMS, "%s: want an object",
		    *where ? where : "/");
	for (it = json_iter(obj); json_next(&it);) {
		for (i = 0; i < n && !json_str_is(it.key, fields[i].key); i++)
			;
		if (i == n)
			return err_set(e, E_INVALID_PARAMS, "%s: unknown key %.*s",
			    *where ? where : "/", it.key.n > 60 ? 60 :
			    (int)it.key.n, it.key.p);
		if (seen & (uint64_t)1 << i)
			return err_set(e, E_INVALID_PARAMS, "%s/%s: given twice",
			    where, fields[i].key);
		seen |= (uint64_t)1 << i;
		if (read_one(&fields[i], it.value, (char *)into + fields[i].at,
		    where, e) < 0)
			return -1;
	}
	return 0;
}
