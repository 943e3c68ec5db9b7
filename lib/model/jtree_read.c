#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/jtree.h"

#define DEPTH_MAX 128
#define NODES_MAX 100000	/* references may multiply */
#define REFS_MAX 64		/* providers sheet 6: nesting limit */

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

struct jtext
jtree_resolve(struct jtext v, const char *ref)
{
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
	struct jtext to = jtree_resolve(r->root, ref);
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

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
refuse_refs(struct reading *r)
{
	struct buf b = BUF_INIT;

	qsort(r->bad, r->n_bad, sizeof *r->bad, by_name);
	for (size_t i = 0; i < r->n_bad; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", r->bad[i]);
	err_set(r->e, E_INVALID_PARAMS, "Gemini function parameters schema "
	    "contains unresolved $ref values: %s. Only local refs "
	    "(e.g. '#/$defs/...') are supported for inlining.", buf_str(&b));
	buf_free(&b);
}

struct node *
jtree_read(struct jtext schema, bool inline_refs, struct err *e)
{
	struct reading r = { .root = schema, .inline_refs = inline_refs,
	    .e = e };
	struct node *t = read_schema(&r, schema);

	if (t && r.n_bad) {
		refuse_refs(&r);
		jtree_free(t);
		t = NULL;
	}
	for (size_t i = 0; i < r.n_bad; i++)
		free(r.bad[i]);
	free(r.bad);
	return t;
}
