#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/jtree.h"
#include "model/lower.h"

#define DEPTH_MAX 128
#define NODES_MAX 100000	/* references may multiply */
#define REFS_MAX 64		/* providers sheet 6: nesting limit */

#define KEY(s) ((struct jtext){ "\"" s "\"", sizeof s + 1 })
#define RAW(s) ((struct jtext){ s, sizeof s - 1 })

/* ---- reading ---- */

struct reading {
	struct jtext root;
	bool inline_refs;
	struct jtext refs[REFS_MAX];	/* being inlined right now */
	size_t n_refs, nodes;
	int depth;
	char **bad;			/* references that cannot be inlined */
	size_t n_bad;
	struct err *e;
};

static struct node *read_schema(struct reading *r, struct jtext v);

/* "#/a~1b/0" in the root; NULL text if it leads nowhere. */
static struct jtext
resolve(const struct reading *r, const char *ref)
{
	struct jtext v = r->root;

	if (*ref++ != '#')
		return JTEXT_NONE;
	while (v.p && *ref == '/') {
		struct buf name = BUF_INIT;

		for (ref++; *ref && *ref != '/'; ref++) {
			char c = *ref;

			if (c == '~' && (ref[1] == '0' || ref[1] == '1'))
				c = *++ref == '1' ? '/' : '~';
			buf_putc(&name, c);
		}
		v = json_is(v, '[') ? json_path(v, buf_str(&name)) :
		    json_get(v, buf_str(&name));
		buf_free(&name);
	}
	return *ref ? JTEXT_NONE : v;
}

static void
unresolved(struct reading *r, char *ref)
{
	for (size_t i = 0; i < r->n_bad; i++) {
		if (!strcmp(r->bad[i], ref)) {
			free(ref);
			return;
		}
	}
	r->bad = xrealloc(r->bad, (r->n_bad + 1) * sizeof *r->bad);
	r->bad[r->n_bad++] = ref;
}

/* The schema that v refers to, or an empty one after noting that there is none. */
static struct node *
read_ref(struct reading *r, struct jtext ref_token)
{
	char *ref = json_str(ref_token, NULL);
	struct jtext to = resolve(r, ref);
	bool cyclic = r->n_refs == REFS_MAX;
	struct node *t;

	for (size_t i = 0; i < r->n_refs; i++)
		cyclic |= r->refs[i].p == to.p;
	if (!to.p || cyclic) {
		unresolved(r, ref);
		return jtree_new(NODE_OBJECT);
	}
	free(ref);
	r->refs[r->n_refs++] = to;
	t = read_schema(r, to);
	r->n_refs--;
	if (t && t->kind != NODE_OBJECT) {	/* true or false */
		jtree_free(t);
		t = jtree_new(NODE_OBJECT);
	}
	return t;
}

/* A list or map of schemas. */
static struct node *
read_group(struct reading *r, struct jtext v)
{
	struct node *t = jtree_new(json_is(v, '{') ? NODE_OBJECT : NODE_ARRAY);
	struct jiter it;

	for (it = json_iter(v); json_next(&it); ) {
		struct node *kid = read_schema(r, it.value);

		if (!kid) {
			jtree_free(t);
			return NULL;
		}
		if (t->kind == NODE_OBJECT)
			jtree_set(t, it.key, kid);
		else
			jtree_push(t, kid);
	}
	return t;
}

static struct node *
read_member(struct reading *r, struct jtext key, struct jtext v)
{
	enum place place = jtree_place(key, v);

	if (place == PLACE_SCHEMA)
		return read_schema(r, v);
	if ((place == PLACE_LIST && json_is(v, '[')) ||
	    (place == PLACE_MAP && json_is(v, '{')))
		return read_group(r, v);
	return jtree_leaf(v);
}

/* Definitions are of no use once every reference is inlined. */
static bool
definition(struct jtext key)
{
	return json_str_is(key, "$defs") || json_str_is(key, "defs") ||
	    json_str_is(key, "definitions");
}

static struct node *
read_object(struct reading *r, struct jtext v)
{
	struct jtext ref = json_get(v, "$ref");
	bool inlined = r->inline_refs && json_is(ref, '"');
	struct node *t = inlined ? read_ref(r, ref) : jtree_new(NODE_OBJECT);
	struct jiter it;

	for (it = json_iter(v); t && json_next(&it); ) {
		struct node *kid;

		if (r->inline_refs && (definition(it.key) ||
		    (inlined && json_str_is(it.key, "$ref"))))
			continue;
		kid = read_member(r, it.key, it.value);
		if (!kid) {
			jtree_free(t);
			return NULL;
		}
		jtree_set(t, it.key, kid);
	}
	return t;
}

/* NULL: too deep or too big. */
static struct node *
read_schema(struct reading *r, struct jtext v)
{
	struct node *t;

	if (++r->nodes > NODES_MAX || r->depth == DEPTH_MAX) {
		err_set(r->e, E_INVALID_PARAMS, r->depth == DEPTH_MAX ?
		    "schema nests deeper than %d levels" :
		    "schema has more than %d nodes",
		    r->depth == DEPTH_MAX ? DEPTH_MAX : NODES_MAX);
		return NULL;
	}
	if (!json_is(v, '{'))
		return jtree_leaf(v);
	r->depth++;
	t = read_object(r, v);
	r->depth--;
	return t;
}

/* ---- walking ---- */

/* Call each(schema, arg) for every schema right below t. */
static void
each_below(struct node *t, void (*each)(struct node *, void *), void *arg)
{
	for (size_t i = 0; t->kind == NODE_OBJECT && i < t->n; i++) {
		struct node *kid = t->kids[i];
		bool group = kid->kind == NODE_ARRAY ||
		    jtree_place(kid->key, JTEXT_NONE) == PLACE_MAP;

		if (kid->kind == NODE_LEAF)
			continue;
		if (!group)
			each(kid, arg);
		for (size_t k = 0; group && k < kid->n; k++)
			each(kid->kids[k], arg);
	}
}

static bool
leaf_is(const struct node *t, const char *name, const char *s)
{
	const struct node *kid = jtree_get(t, name);

	return kid && kid->kind == NODE_LEAF && json_str_is(kid->raw, s);
}

/* Object typed: says so, or says nothing and has properties. */
static bool
object_typed(const struct node *t)
{
	const struct node *type = jtree_get(t, "type");
	struct jiter it;

	if (t->kind != NODE_OBJECT)
		return false;
	if (!type)
		return jtree_get(t, "properties") != NULL;
	if (json_is(type->raw, '['))
		for (it = json_iter(type->raw); json_next(&it); )
			if (json_str_is(it.value, "object"))
				return true;
	return json_str_is(type->raw, "object");
}

/* ---- Gemini function parameters ---- */

static const char *
type_of(struct jtext v)
{
	switch (json_kind(v)) {
	case '"': return "\"string\"";
	case '0':
		for (size_t i = 0; i < v.n; i++)
			if (strchr(".eE", v.p[i]))
				return "\"number\"";
		return "\"integer\"";
	case 't': return "\"boolean\"";
	case '[': return "\"array\"";
	case '{': return "\"object\"";
	default: return NULL;
	}
}

static void
set_type(struct node *t, const char *type)
{
	if (type && !jtree_get(t, "type"))
		jtree_set(t, KEY("type"), jtree_leaf(json_text(type)));
}

static void
set_nullable(struct node *t)
{
	jtree_set(t, KEY("nullable"), jtree_leaf(RAW("true")));
}

/* Is every variant exactly {const, title?, description?}? */
static bool
all_const(const struct node *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct node *v = list->kids[i];

		if (v->kind != NODE_OBJECT || !jtree_get(v, "const"))
			return false;
		for (size_t k = 0; k < v->n; k++)
			if (!json_str_is(v->kids[k]->key, "const") &&
			    !json_str_is(v->kids[k]->key, "title") &&
			    !json_str_is(v->kids[k]->key, "description"))
				return false;
	}
	return list->n > 0;
}

static void
consts_to_enum(struct node *t, const char *name)
{
	struct node *list = jtree_get(t, name), *values;
	const char *type = NULL;
	bool same = true;

	if (!list || list->kind != NODE_ARRAY || !all_const(list))
		return;
	values = jtree_new(NODE_ARRAY);
	for (size_t i = 0; i < list->n; i++) {
		struct jtext v = jtree_get(list->kids[i], "const")->raw;
		const char *its = type_of(v);

		same = same && its && (!i || !strcmp(its, type));
		type = its;
		jtree_push(values, jtree_leaf(v));
	}
	jtree_del(t, name);
	jtree_set(t, KEY("enum"), values);
	set_type(t, same ? type : NULL);
}

static void
const_to_enum(struct node *t)
{
	struct node *c = jtree_get(t, "const"), *values;
	struct jtext v;

	if (!c)
		return;
	v = c->raw;
	values = jtree_new(NODE_ARRAY);
	jtree_push(values, jtree_leaf(v));
	jtree_del(t, "const");
	jtree_set(t, KEY("enum"), values);
	set_type(t, type_of(v));
	if (json_is(v, 'n'))
		set_nullable(t);
}

/* ["string","null"] -> "string" and nullable; several types -> anyOf. */
static void
split_types(struct node *t)
{
	struct node *type = jtree_get(t, "type"), *any;
	struct jtext list, one = JTEXT_NONE;
	struct jiter it;
	size_t real = 0;

	if (!type || !json_is(type->raw, '['))
		return;
	list = type->raw;
	for (it = json_iter(list); json_next(&it); ) {
		if (json_str_is(it.value, "null"))
			continue;
		one = it.value;
		real++;
	}
	if (real < json_count(list))
		set_nullable(t);
	if (real == 1) {
		jtree_set(t, KEY("type"), jtree_leaf(one));
		return;
	}
	jtree_del(t, "type");
	if (!real)
		return;
	any = jtree_get(t, "anyOf");
	if (!any || any->kind != NODE_ARRAY) {
		any = jtree_new(NODE_ARRAY);
		jtree_set(t, KEY("anyOf"), any);
	}
	for (it = json_iter(list); json_next(&it); ) {
		struct node *v;

		if (json_str_is(it.value, "null"))
			continue;
		v = jtree_new(NODE_OBJECT);
		jtree_set(v, KEY("type"), jtree_leaf(it.value));
		jtree_push(any, v);
	}
}

/* A variant that admits nothing but null. */
static bool
only_null(const struct node *v)
{
	const struct node *values;

	if (v->kind != NODE_OBJECT)
		return false;
	if (leaf_is(v, "type", "null"))
		return true;
	values = jtree_get(v, "enum");
	if (values && values->kind == NODE_ARRAY)
		return values->n == 1 && json_is(values->kids[0]->raw, 'n');
	return values && json_count(values->raw) == 1 &&
	    json_is(json_path(values->raw, "0"), 'n');
}

static void
drop_null(struct node *t, const char *name)
{
	struct node *list = jtree_get(t, name);

	if (!list || list->kind != NODE_ARRAY)
		return;
	for (size_t i = list->n; i-- > 0; ) {
		if (only_null(list->kids[i])) {
			jtree_remove(list, i);
			set_nullable(t);
		}
	}
	if (!list->n)
		jtree_del(t, name);
}

static void
lower_node(struct node *t, void *arg)
{
	/* $ref is gone by now; additionalProperties goes everywhere, for the API answers 400 to it. */
	static const char *const strip[] = { "$schema", "$defs", "defs",
		"definitions", "$ref", "$id", "$anchor", "const", "title",
		"additionalProperties" };

	if (t->kind != NODE_OBJECT)
		return;
	consts_to_enum(t, "oneOf");
	consts_to_enum(t, "anyOf");
	const_to_enum(t);
	split_types(t);
	for (size_t i = 0; i < COUNT(strip); i++)
		jtree_del(t, strip[i]);
	each_below(t, lower_node, arg);
	drop_null(t, "oneOf");
	drop_null(t, "anyOf");
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
refuse_refs(struct reading *r)
{
	struct buf b = BUF_INIT;

	qsort(r->bad, r->n_bad, sizeof *r->bad, by_name);
	for (size_t i = 0; i < r->n_bad; i++) {
		buf_printf(&b, "%s%s", i ? ", " : "", r->bad[i]);
		free(r->bad[i]);
	}
	free(r->bad);
	err_set(r->e, E_INVALID_PARAMS, "Gemini function parameters schema "
	    "contains unresolved $ref values: %s. Only local refs "
	    "(e.g. '#/$defs/...') are supported for inlining.", buf_str(&b));
	buf_free(&b);
	return -1;
}

int
lower_parameters(struct jtext schema, struct buf *out, struct err *e)
{
	struct reading r = { .root = schema, .inline_refs = true, .e = e };
	struct node *t = read_schema(&r, schema);
	int rc = -1;

	if (r.n_bad) {
		refuse_refs(&r);
	} else if (t) {
		lower_node(t, NULL);
		jtree_emit(t, out);
		rc = 0;
	}
	jtree_free(t);
	return rc;
}

/* ---- Anthropic output schemas ---- */

/* What it does not check itself, the model still reads in the description. */
static bool
unknown_to_anthropic(const struct node *kid)
{
	static const char *const keywords[] = { "minimum", "maximum",
		"exclusiveMinimum", "exclusiveMaximum", "multipleOf",
		"minLength", "maxLength", "maxItems", "uniqueItems",
		"patternProperties" };
	static const char *const formats[] = { "date-time", "time", "date",
		"duration", "email", "hostname", "uri", "ipv4", "ipv6",
		"uuid" };
	int64_t min;

	for (size_t i = 0; i < COUNT(keywords); i++)
		if (json_str_is(kid->key, keywords[i]))
			return true;
	if (json_str_is(kid->key, "minItems"))
		return !json_i64(kid->raw, &min) || min > 1;
	if (!json_str_is(kid->key, "format") || !json_is(kid->raw, '"'))
		return false;
	for (size_t i = 0; i < COUNT(formats); i++)
		if (json_str_is(kid->raw, formats[i]))
			return false;
	return true;
}

static void
move_to_description(struct node *t)
{
	struct node *old = jtree_get(t, "description");
	struct buf note = BUF_INIT, text = BUF_INIT;
	char *was;

	for (size_t i = 0; i < t->n; ) {
		struct node *kid = t->kids[i];

		if (!unknown_to_anthropic(kid)) {
			i++;
			continue;
		}
		buf_puts(&note, note.n ? ", " : "{");
		buf_put(&note, kid->key.p + 1, kid->key.n - 2);
		buf_puts(&note, ": ");
		jtree_emit(kid, &text);
		buf_put(&note, text.p, text.n);
		buf_trunc(&text, 0);
		jtree_remove(t, i);
	}
	if (note.n) {
		buf_putc(&note, '}');
		was = old ? json_str(old->raw, NULL) : NULL;
		if (was)
			buf_printf(&text, "%s\n\n", was);
		free(was);
		buf_put(&text, note.p, note.n);
		buf_trunc(&note, 0);
		jput_str(&note, text.p, text.n);
		jtree_set(t, KEY("description"), jtree_own(buf_steal(&note)));
	}
	buf_free(&note);
	buf_free(&text);
}

static void
close_node(struct node *t, void *arg)
{
	struct node *one = jtree_get(t, "oneOf");
	const struct node *more;

	if (t->kind != NODE_OBJECT)
		return;
	if (one && !jtree_get(t, "anyOf"))
		one->key = KEY("anyOf");
	move_to_description(t);
	more = jtree_get(t, "additionalProperties");
	if (object_typed(t) && (more || jtree_get(t, "properties")))
		jtree_set(t, KEY("additionalProperties"),
		    jtree_leaf(RAW("false")));
	each_below(t, close_node, arg);
}

int
lower_closed(struct jtext schema, struct buf *out, struct err *e)
{
	struct reading r = { .root = schema, .e = e };
	struct node *t = read_schema(&r, schema);

	if (!t)
		return -1;
	close_node(t, NULL);
	jtree_emit(t, out);
	jtree_free(t);
	return 0;
}

/* ---- OpenAI strict mode ---- */

static bool
required(const struct node *t, struct jtext key)
{
	const struct node *list = jtree_get(t, "required");
	char *name = json_str(key, NULL);
	bool found = false;
	struct jiter it;

	if (list)
		for (it = json_iter(list->raw); !found && json_next(&it); )
			found = json_str_is(it.value, name);
	free(name);
	return found;
}

/* Closes objects; *arg becomes false where strict mode would answer 400. */
static void
strict_node(struct node *t, void *arg)
{
	static const char *const refused[] = { "allOf", "not", "if", "then",
		"else", "dependentRequired", "dependentSchemas",
		"patternProperties" };
	bool *strict = arg;
	const struct node *props, *more;

	if (t->kind != NODE_OBJECT)
		return;
	for (size_t i = 0; i < COUNT(refused); i++)
		if (jtree_get(t, refused[i]))
			*strict = false;
	if (object_typed(t)) {
		more = jtree_get(t, "additionalProperties");
		if (!more)
			jtree_set(t, KEY("additionalProperties"),
			    jtree_leaf(RAW("false")));
		else if (!(more->kind == NODE_LEAF && json_is(more->raw, 't') &&
		    *more->raw.p == 'f'))
			*strict = false;
		props = jtree_get(t, "properties");
		for (size_t i = 0; props && i < props->n; i++)
			if (!required(t, props->kids[i]->key))
				*strict = false;
	}
	each_below(t, strict_node, arg);
}

int
lower_strict(struct jtext schema, bool *strict, struct buf *out,
    struct err *e)
{
	struct reading r = { .root = schema, .e = e };
	struct node *t = *strict ? read_schema(&r, schema) : NULL;

	if (*strict && !t)
		return -1;
	if (t) {
		if (!object_typed(t) || jtree_get(t, "anyOf"))
			*strict = false;
		strict_node(t, strict);
	}
	if (*strict)
		jtree_emit(t, out);
	else
		jput_raw(out, schema.p, schema.n);
	jtree_free(t);
	return 0;
}
