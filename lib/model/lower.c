#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/jtree.h"
#include "model/lower.h"

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
	if (jtree_object_typed(t) && (more || jtree_get(t, "properties")))
		jtree_set(t, KEY("additionalProperties"),
		    jtree_leaf(RAW("false")));
	jtree_each(t, close_node, arg);
}

int
lower_closed(struct jtext schema, struct buf *out, struct err *e)
{
	struct node *t = jtree_read(schema, false, e);

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
	if (jtree_object_typed(t)) {
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
	jtree_each(t, strict_node, arg);
}

int
lower_strict(struct jtext schema, bool *strict, struct buf *out,
    struct err *e)
{
	struct node *t = *strict ? jtree_read(schema, false, e) : NULL;

	if (*strict && !t)
		return -1;
	if (t) {
		if (!jtree_object_typed(t) || jtree_get(t, "anyOf"))
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
