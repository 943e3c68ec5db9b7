#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/jtree.h"

enum place
jtree_place(struct jtext key, struct jtext value)
{
	static const struct { const char *name; enum place place; } keywords[] = {
		{ "properties", PLACE_MAP }, { "patternProperties", PLACE_MAP },
		{ "$defs", PLACE_MAP }, { "definitions", PLACE_MAP },
		{ "defs", PLACE_MAP }, { "dependentSchemas", PLACE_MAP },
		{ "anyOf", PLACE_LIST }, { "oneOf", PLACE_LIST },
		{ "allOf", PLACE_LIST }, { "prefixItems", PLACE_LIST },
		{ "items", PLACE_SCHEMA }, { "additionalItems", PLACE_SCHEMA },
		{ "additionalProperties", PLACE_SCHEMA },
		{ "not", PLACE_SCHEMA }, { "if", PLACE_SCHEMA },
		{ "then", PLACE_SCHEMA }, { "else", PLACE_SCHEMA },
		{ "contains", PLACE_SCHEMA }, { "propertyNames", PLACE_SCHEMA },
		{ "contentSchema", PLACE_SCHEMA },
		{ "unevaluatedItems", PLACE_SCHEMA },
		{ "unevaluatedProperties", PLACE_SCHEMA },
	};

	for (size_t i = 0; i < COUNT(keywords); i++) {
		if (!json_str_is(key, keywords[i].name))
			continue;
		/* items of draft-07 may be a list. */
		if (keywords[i].place == PLACE_SCHEMA && json_is(value, '['))
			return PLACE_LIST;
		return keywords[i].place;
	}
	return PLACE_DATA;
}

struct node *
jtree_new(enum node_kind kind)
{
	struct node *t = xcalloc(1, sizeof *t);

	t->kind = kind;
	return t;
}

struct node *
jtree_leaf(struct jtext raw)
{
	struct node *t = jtree_new(NODE_LEAF);

	t->raw = raw;
	return t;
}

struct node *
jtree_own(char *text)
{
	struct node *t = jtree_leaf(json_text(text));

	t->own = text;
	return t;
}

void
jtree_free(struct node *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		jtree_free(t->kids[i]);
	free(t->kids);
	free(t->own);
	free(t);
}

void
jtree_emit(const struct node *t, struct buf *b)
{
	if (t->kind == NODE_LEAF) {
		jput_raw(b, t->raw.p, t->raw.n);
		return;
	}
	jput_open(b, t->kind == NODE_OBJECT ? '{' : '[');
	for (size_t i = 0; i < t->n; i++) {
		if (t->kind == NODE_OBJECT) {
			jput_raw(b, t->kids[i]->key.p, t->kids[i]->key.n);
			buf_putc(b, ':');
		}
		jtree_emit(t->kids[i], b);
	}
	jput_close(b, t->kind == NODE_OBJECT ? '}' : ']');
}

void
jtree_push(struct node *t, struct node *kid)
{
	t->kids = xrealloc(t->kids, (t->n + 1) * sizeof(struct node *));
	t->kids[t->n++] = kid;
}

void
jtree_remove(struct node *t, size_t i)
{
	jtree_free(t->kids[i]);
	memmove(t->kids + i, t->kids + i + 1,
	    (t->n - i - 1) * sizeof(struct node *));
	t->n--;
}

/* Index of a member, or t->n. */
static size_t
find(const struct node *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (json_str_is(t->kids[i]->key, name))
			break;
	return i;
}

struct node *
jtree_get(const struct node *t, const char *name)
{
	size_t i = t->kind == NODE_OBJECT ? find(t, name) : t->n;

	return i < t->n ? t->kids[i] : NULL;
}

void
jtree_set(struct node *t, struct jtext key, struct node *kid)
{
	char *name = json_str(key, NULL);
	size_t i = find(t, name ? name : "");

	free(name);
	kid->key = key;
	if (i == t->n) {
		jtree_push(t, kid);
		return;
	}
	jtree_free(t->kids[i]);
	t->kids[i] = kid;
}

void
jtree_del(struct node *t, const char *name)
{
	size_t i = find(t, name);

	if (i < t->n)
		jtree_remove(t, i);
}

void
jtree_each(struct node *t, void (*each)(struct node *, void *), void *arg)
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

bool
jtree_object_typed(const struct node *t)
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
