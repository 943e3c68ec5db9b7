/*
 * Structured output.  Schemas are rewritten as text: members keep their order and
 * numbers their spelling; what stands in default, enum or const is data and stays.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/output.h"
#include "agent/schema.h"
#include "base/jput.h"
#include "base/util.h"
#include "model/jtree.h"

/* ---- normalization (agent sheet 12.1) ---- */

static int
too_deep(struct err *e)
{
	return err_set(e, E_INVALID_PARAMS,
	    "it nests deeper than %d levels", OUTPUT_DEPTH_MAX);
}

static bool
holds(struct jtext list, const char *s)
{
	struct jiter it = json_iter(list);

	while (json_next(&it))
		if (json_str_is(it.value, s))
			return true;
	return false;
}

static bool
object_node(struct jtext schema)
{
	struct jtext type = json_get(schema, "type");

	if (!type.p)
		return json_get(schema, "properties").p ||
		    json_get(schema, "required").p;
	return json_is(type, '[') ? holds(type, "object") :
	    json_str_is(type, "object");
}

static int normalize(struct jtext schema, int depth, struct buf *b,
    struct err *e);

static void
put_key(struct buf *b, struct jtext key)
{
	jput_raw(b, key.p, key.n);
	buf_putc(b, ':');
}

static void
put_data(struct buf *b, struct jtext v)
{
	struct buf c = BUF_INIT;

	jput_compact(&c, v.p, v.n);
	jput_raw(b, c.p, c.n);
	buf_free(&c);
}

/* The schemas in a map or list; other values in there are copied. */
static int
normalize_each(struct jtext v, int depth, struct buf *b, struct err *e)
{
	struct jiter it = json_iter(v);

	if (!json_is(v, '{') && !json_is(v, '[')) {
		put_data(b, v);
		return 0;
	}
	jput_open(b, it.object ? '{' : '[');
	while (json_next(&it)) {
		if (it.object)
			put_key(b, it.key);
		if (normalize(it.value, depth + 1, b, e) < 0)
			return -1;
	}
	jput_close(b, it.object ? '}' : ']');
	return 0;
}

static int
normalize(struct jtext schema, int depth, struct buf *b, struct err *e)
{
	struct jiter it = json_iter(schema);
	int rc = 0;

	if (!json_is(schema, '{')) {
		put_data(b, schema);
		return 0;
	}
	if (depth > OUTPUT_DEPTH_MAX)
		return too_deep(e);
	jput_open(b, '{');
	while (!rc && json_next(&it)) {
		put_key(b, it.key);
		switch (jtree_place(it.key, it.value)) {
		case PLACE_SCHEMA:
			rc = normalize(it.value, depth + 1, b, e);
			break;
		case PLACE_MAP: case PLACE_LIST:
			rc = normalize_each(it.value, depth, b, e);
			break;
		case PLACE_DATA:
			put_data(b, it.value);
		}
	}
	if (object_node(schema) && !json_get(schema, "properties").p)
		jput_kraw(b, "properties", "{}", 2);
	if (object_node(schema) && !json_get(schema, "required").p)
		jput_kraw(b, "required", "[]", 2);
	jput_close(b, '}');
	return rc;
}

/* ---- the wrapper ---- */

static bool
is_wrapper(struct jtext in)
{
	static const char *const keys[] = { "schema", "name", "strict",
		"compat", "format" };
	struct jiter it = json_iter(in);

	if (!json_get(in, "schema").p)
		return false;
	if (json_str_is(json_get(in, "format"), "meerkat_v1"))
		return true;
	while (json_next(&it)) {
		bool known = false;

		for (size_t i = 0; i < COUNT(keys); i++)
			known |= json_str_is(it.key, keys[i]);
		if (!known)
			return false;
	}
	return true;
}

static int
check_wrapper(struct jtext w, struct err *e)
{
	struct jtext name = json_get(w, "name"), strict = json_get(w, "strict");
	struct jtext compat = json_get(w, "compat");
	struct jtext format = json_get(w, "format");

	if (name.p && !json_is(name, '"') && !json_is(name, 'n'))
		return err_set(e, E_INVALID_PARAMS,
		    "name: want a string");
	if (strict.p && !json_is(strict, 't'))
		return err_set(e, E_INVALID_PARAMS,
		    "strict: want true or false");
	if (compat.p && !json_str_is(compat, "lossy") &&
	    !json_str_is(compat, "strict"))
		return err_set(e, E_INVALID_PARAMS,
		    "compat: want \"lossy\" or \"strict\"");
	if (format.p && !json_str_is(format, "meerkat_v1"))
		return err_set(e, E_INVALID_PARAMS,
		    "format: want \"meerkat_v1\"");
	return 0;
}

static int
check_schema(struct jtext schema, struct err *e)
{
	struct schema *s = schema_new(schema, NULL, NULL, e);

	schema_free(s);
	return s ? 0 : -1;
}

int
output_wrap(struct jtext in, struct buf *wrapper, struct err *e)
{
	bool wrapped = json_is(in, '{') && is_wrapper(in);
	struct jtext w = wrapped ? in : JTEXT_NONE;
	struct jtext schema = wrapped ? json_get(in, "schema") : in;
	struct jtext compat = json_get(w, "compat"), name = json_get(w, "name");
	struct buf plain = BUF_INIT;
	int rc = -1;

	if (!json_is(schema, '{')) {
		err_set(e, E_INVALID_PARAMS,
		    "Schema must be a JSON object at the root");
		goto done;
	}
	if ((wrapped && check_wrapper(w, e) < 0) ||
	    check_schema(schema, e) < 0 ||
	    normalize(schema, 0, &plain, e) < 0)
		goto done;
	jput_open(wrapper, '{');
	jput_kcstr(wrapper, "compat",
	    json_str_is(compat, "strict") ? "strict" : "lossy");
	jput_kcstr(wrapper, "format", "meerkat_v1");
	if (json_is(name, '"'))
		jput_kraw(wrapper, "name", name.p, name.n);
	jput_kraw(wrapper, "schema", plain.p, plain.n);
	jput_kbool(wrapper, "strict", json_get_bool(w, "strict", false));
	jput_close(wrapper, '}');
	rc = 0;
done:
	buf_free(&plain);
	return rc < 0 ? err_wrap(e, "Invalid output schema") : 0;
}

/* ---- the answer ---- */

static void
trim(const char **p, size_t *n)
{
	while (*n && strchr(" \t\r\n", **p) && **p) {
		++*p;
		--*n;
	}
	while (*n && strchr(" \t\r\n", (*p)[*n - 1]) && (*p)[*n - 1])
		--*n;
}

/* Models like to put JSON into a Markdown fence. */
static void
strip_fence(const char **p, size_t *n)
{
	static const char *const opens[] = { "```json", "```" };

	trim(p, n);
	for (size_t i = 0; i < COUNT(opens); i++) {
		size_t len = strlen(opens[i]);

		if (*n >= len && !memcmp(*p, opens[i], len)) {
			*p += len;
			*n -= len;
			break;
		}
	}
	if (*n >= 3 && !memcmp(*p + *n - 3, "```", 3))
		*n -= 3;
	trim(p, n);
}

static bool
has_all_required(struct jtext v, struct jtext schema)
{
	struct jiter it = json_iter(json_get(schema, "required"));

	while (json_next(&it)) {
		char *name = json_str(it.value, NULL);
		bool has = name && json_get(v, name).p;

		free(name);
		if (!has)
			return false;
	}
	return true;
}

static bool
has_some_property(struct jtext v, struct jtext schema)
{
	struct jiter it = json_iter(json_get(schema, "properties"));

	while (json_next(&it)) {
		char *name = json_str(it.key, NULL);
		bool has = json_get(v, name).p != NULL;

		free(name);
		if (has)
			return true;
	}
	return false;
}

/* {"<schema name>":{...}} stands for its inner object, if that is what the schema describes (12.3). */
static struct jtext
unwrap(struct jtext v, struct jtext wrapper)
{
	struct jtext schema = json_get(wrapper, "schema"), inner;
	char *name = json_get_str(wrapper, "name");
	bool yes = false;

	if (!name || json_count(v) != 1)
		goto done;
	inner = json_get(v, name);
	if (!json_is(inner, '{') ||
	    holds(json_get(schema, "required"), name) ||
	    json_get(json_get(schema, "properties"), name).p)
		goto done;
	yes = (has_all_required(inner, schema) &&
	    !has_all_required(v, schema)) ||
	    (has_some_property(inner, schema) &&
	    !has_some_property(v, schema));
	if (yes)
		v = inner;
done:
	free(name);
	return v;
}

int
output_read(struct jtext wrapper, const char *text, size_t n,
    struct buf *value, struct err *e)
{
	static const char prefix[] = "not JSON: ";
	struct err why = ERR_NONE;
	struct schema *s;
	struct jtext v;
	int rc;

	strip_fence(&text, &n);
	if (json_parse(text, n, &v, &why) < 0)
		return err_set(e, E_INVALID_PARAMS, "Invalid JSON: %s",
		    why.text + (strncmp(why.text, prefix, sizeof prefix - 1) ?
		    0 : sizeof prefix - 1));
	v = unwrap(v, wrapper);
	s = schema_new(json_get(wrapper, "schema"), NULL, NULL, e);
	if (!s)
		return err_wrap(e, "Invalid output schema");
	rc = schema_check(s, v, &why);
	schema_free(s);
	if (rc < 0)
		return err_set(e, E_INVALID_PARAMS,
		    "Schema validation failed: %s", why.text);
	jput_compact(value, v.p, v.n);
	return 0;
}
