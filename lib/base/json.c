/* Looking into JSON text: slices of the original bytes, nothing copied. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_text.h"

struct jtext
json_text(const char *s)
{
	return s ? json_slice(s, strlen(s)) : JTEXT_NONE;
}

char
json_kind(struct jtext v)
{
	const char *p;

	if (!v.p)
		return 0;
	p = skip_ws(v.p, v.p + v.n);
	if (p == v.p + v.n)
		return 0;
	switch (*p) {
	case '{': case '[': case '"': case 'n': return *p;
	case 't': case 'f': return 't';
	default: return *p == '-' || is_digit(*p) ? '0' : 0;
	}
}

struct jiter
json_iter(struct jtext v)
{
	struct jiter it = { .p = NULL };
	char kind = json_kind(v);

	if (kind != '{' && kind != '[')
		return it;
	it.end = v.p + v.n;
	it.p = skip_ws(v.p, it.end) + 1;
	it.object = kind == '{';
	return it;
}

bool
json_next(struct jiter *it)
{
	const char *p = it->p, *q;

	if (!p)
		return false;
	while (p < it->end && (is_ws(*p) || *p == ','))
		p++;
	if (p >= it->end || *p == '}' || *p == ']')
		goto over;
	if (it->object) {
		if (*p != '"')
			goto over;
		q = string_end(p, it->end);
		it->key = json_slice(p, (size_t)(q - p));
		p = skip_ws(q, it->end);
		if (p >= it->end || *p != ':')
			goto over;
		p = skip_ws(p + 1, it->end);
	}
	q = value_end(p, it->end);
	if (q == p)
		goto over;
	it->value = json_slice(p, (size_t)(q - p));
	it->p = q;
	return true;
over:
	it->p = NULL;
	return false;
}

size_t
json_count(struct jtext v)
{
	struct jiter it = json_iter(v);
	size_t n = 0;

	while (json_next(&it))
		n++;
	return n;
}

bool
json_str_is(struct jtext v, const char *s)
{
	size_t n = strlen(s);
	bool same;
	char *d;
	size_t dn;

	if (json_kind(v) != '"' || v.n < 2)
		return false;
	if (!memchr(v.p, '\\', v.n) && *v.p == '"')
		return v.n == n + 2 && !memcmp(v.p + 1, s, n);
	d = json_str(v, &dn);
	same = dn == n && !memcmp(d, s, n);
	free(d);
	return same;
}

struct jtext
json_get(struct jtext obj, const char *key)
{
	struct jtext found = JTEXT_NONE;
	struct jiter it = json_iter(obj);

	if (!it.object)
		return found;
	while (json_next(&it))
		if (json_str_is(it.key, key))
			found = it.value;
	return found;
}

static struct jtext
json_at(struct jtext arr, size_t i)
{
	struct jiter it = json_iter(arr);

	while (json_next(&it))
		if (i-- == 0)
			return it.value;
	return JTEXT_NONE;
}

struct jtext
json_path(struct jtext v, const char *path)
{
	char name[256];

	while (*path && v.p) {
		size_t n = strcspn(path, "/");

		if (n >= sizeof name)
			return JTEXT_NONE;
		memcpy(name, path, n);
		name[n] = '\0';
		if (json_kind(v) == '[' && is_digit(*name))
			v = json_at(v, strtoul(name, NULL, 10));
		else
			v = json_get(v, name);
		path += n;
		if (*path == '/')
			path++;
	}
	return v;
}
