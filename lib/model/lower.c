#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/jtree.h"
#include "model/lower.h"

#define ANTHROPIC_REFS_MAX 200
#define STRICT_DEPTH_MAX 10
#define STRICT_NAMES_MAX 5000

#define KEY(s) ((struct jtext){ "\"" s "\"", sizeof s + 1 })
#define RAW(s) ((struct jtext){ s, sizeof s - 1 })

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

static bool
leaf_is(const struct node *t, const char *name, const char *s)
{
	const struct node *kid = jtree_get(t, name);

	return kid && kid->kind == NODE_LEAF && json_str_is(kid->raw, s);
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
	/*
	 * $ref is inlined by now; additionalProperties goes everywhere, for
	 * the API answers 400 to it.
	 */
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
	jtree_each(t, lower_node, arg);
	drop_null(t, "oneOf");
	drop_null(t, "anyOf");
}

int
lower_parameters(struct jtext schema, struct buf *out, struct err *e)
{
	struct node *t = jtree_read(schema, true, e);

	if (!t)
		return -1;
	lower_node(t, NULL);
	jtree_emit(t, out);
	jtree_free(t);
	return 0;
}

/* ---- Anthropic output schemas ---- */

/* A reference, where it stands in the text and what it leads to. */
struct ref {
	struct jtext from, to;
};

struct refs {
	struct jtext root;
	struct ref v[ANTHROPIC_REFS_MAX];
	size_t n;
	bool full;
};

static void
collect_refs(struct node *t, void *arg)
{
	const struct node *ref = jtree_get(t, "$ref");
	struct refs *refs = arg;
	char *text = ref ? json_str(ref->raw, NULL) : NULL;

	if (text && refs->n == COUNT(refs->v))
		refs->full = true;
	else if (text)
		refs->v[refs->n++] = (struct ref){ ref->raw,
		    jtree_resolve(refs->root, text) };
	free(text);
	jtree_each(t, collect_refs, arg);
}

static bool
inside(struct jtext part, struct jtext whole)
{
	return part.p >= whole.p && part.p < whole.p + whole.n;
}

/* Does the schema at `to` hold, also through other references, a reference to itself? */
static bool
recursive(const struct refs *refs, struct jtext to)
{
	bool seen[ANTHROPIC_REFS_MAX] = { false };
	struct jtext todo[ANTHROPIC_REFS_MAX + 1] = { to };
	size_t n = 1;

	while (n) {
		struct jtext at = todo[--n];

		for (size_t i = 0; i < refs->n; i++) {
			if (seen[i] || !inside(refs->v[i].from, at))
				continue;
			if (refs->v[i].to.p == to.p)
				return true;
			seen[i] = true;
			todo[n++] = refs->v[i].to;
		}
	}
	return false;
}

/* A reference that leads out of the document, nowhere, or in a circle. */
static bool
bad_ref(const struct refs *refs, struct jtext ref)
{
	for (size_t i = 0; i < refs->n; i++)
		if (refs->v[i].from.p == ref.p)
			return !refs->v[i].to.p ||
			    recursive(refs, refs->v[i].to);
	return false;
}

/* What it does not check itself, the model still reads in the description. */
static bool
unknown_to_anthropic(const struct node *kid, const struct refs *refs)
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
	if (json_str_is(kid->key, "$ref"))
		return bad_ref(refs, kid->raw);
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
move_to_description(struct node *t, const struct refs *refs)
{
	struct node *old = jtree_get(t, "description");
	struct buf note = BUF_INIT, text = BUF_INIT;
	char *was;

	for (size_t i = 0; i < t->n; ) {
		struct node *kid = t->kids[i];

		if (!unknown_to_anthropic(kid, refs)) {
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
	move_to_description(t, arg);
	more = jtree_get(t, "additionalProperties");
	if (jtree_object_typed(t) && (more || jtree_get(t, "properties")))
		jtree_set(t, KEY("additionalProperties"),
		    jtree_leaf(RAW("false")));
	jtree_each(t, close_node, arg);
}

int
lower_closed(struct jtext schema, struct buf *out, struct err *e)
{
	struct node *t = jtree_read(schema, false, e);
	struct refs refs = { .root = schema };
	int rc = -1;

	if (!t)
		return -1;
	if (t->kind == NODE_OBJECT)
		collect_refs(t, &refs);
	if (refs.full) {
		err_set(e, E_INVALID_PARAMS, "schema has more than %d"
		    " references", ANTHROPIC_REFS_MAX);
		goto done;
	}
	close_node(t, &refs);
	jtree_emit(t, out);
	rc = 0;
done:
	jtree_free(t);
	return rc;
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

/* What strict mode counts, and whether it takes the schema. */
struct strictness {
	bool ok;
	int depth;		/* objects in objects */
	size_t properties;
};

/* Closes objects; not ok where strict mode would answer 400. */
static void
strict_node(struct node *t, void *arg)
{
	static const char *const refused[] = { "allOf", "not", "if", "then",
		"else", "dependentRequired", "dependentSchemas",
		"patternProperties" };
	struct strictness *s = arg;
	bool object = jtree_object_typed(t);
	const struct node *props, *more;

	if (t->kind != NODE_OBJECT)
		return;
	for (size_t i = 0; i < COUNT(refused); i++)
		if (jtree_get(t, refused[i]))
			s->ok = false;
	if (jtree_get(t, "$ref") && t->n > 1)
		s->ok = false;
	if (object) {
		more = jtree_get(t, "additionalProperties");
		if (!more)
			jtree_set(t, KEY("additionalProperties"),
			    jtree_leaf(RAW("false")));
		else if (!(more->kind == NODE_LEAF && json_is(more->raw, 't') &&
		    *more->raw.p == 'f'))
			s->ok = false;
		props = jtree_get(t, "properties");
		for (size_t i = 0; props && i < props->n; i++)
			if (!required(t, props->kids[i]->key))
				s->ok = false;
		s->properties += props ? props->n : 0;
	}
	s->depth += object;
	if (s->depth > STRICT_DEPTH_MAX || s->properties > STRICT_NAMES_MAX)
		s->ok = false;
	jtree_each(t, strict_node, arg);
	s->depth -= object;
}

int
lower_strict(struct jtext schema, bool *strict, struct buf *out,
    struct err *e)
{
	struct node *t = *strict ? jtree_read(schema, false, e) : NULL;
	struct strictness s = { .depth = 0 };

	if (*strict && !t)
		return -1;
	if (t) {
		s.ok = jtree_object_typed(t) && !jtree_get(t, "anyOf");
		strict_node(t, &s);
		*strict = s.ok;
	}
	if (*strict)
		jtree_emit(t, out);
	else
		jput_raw(out, schema.p, schema.n);
	jtree_free(t);
	return 0;
}
