/*
 * The schema compiler: documents, schema resources ($id), anchors and references
 * (JSON Schema core 2020-12 sections 8 and 9; draft-07 core section 8).  What is left
 * to do stands in two lists, schemas and references, so nothing recurses.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/schema_impl.h"
#include "base/util.h"

/* What a schema may ask of us; far more than any honest one needs. */
#define DOCS_MAX 256
#define SUBS_MAX 100000
#define NAMES_MAX 4096			/* $id, and anchors */
#define LOOKUPS_MAX INT64_C(500000000)	/* for JSON pointers */

/* ---- memory ---- */

struct block {
	struct block *next;
	max_align_t data[];
};

void *
schema_keep(struct schema *s, size_t n)
{
	struct block *b = xcalloc(1, sizeof *b + n);

	b->next = s->blocks;
	s->blocks = b;
	return b->data;
}

void *
schema_grow(void *a, size_t n, size_t size)
{
	if (n & (n - 1))	/* doubles at every power of two */
		return a;
	return xrealloc(a, (n ? 2 * n : 1) * size);
}

/* ---- pieces ---- */

const struct tree *
schema_tree(const struct schema *s, const struct sub *sub)
{
	return &s->docs[sub->doc].tree;
}

int
schema_bad(const struct schema *s, uint32_t doc, uint32_t at, struct err *e,
    const char *fmt, ...)
{
	struct buf where = BUF_INIT, what = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&what, fmt, ap);
	va_end(ap);
	if (doc)
		buf_printf(&where, "%s#", s->docs[doc].uri);
	tree_path(&s->docs[doc].tree, at, &where);
	err_set(e, E_INVALID_PARAMS, "%s: %s", where.p, buf_str(&what));
	buf_free(&where);
	buf_free(&what);
	return -1;
}

static uint32_t
new_sub(struct schema *s, uint32_t doc, uint32_t at, uint32_t res)
{
	struct sub *sub;

	if (s->docs[doc].sub_at[at])
		return s->docs[doc].sub_at[at] - 1;
	sub = schema_keep(s, sizeof *sub);
	sub->doc = doc;
	sub->at = at;
	sub->res = res;
	s->subs = schema_grow(s->subs, s->n_subs, sizeof *s->subs);
	s->subs[s->n_subs++] = sub;
	s->docs[doc].sub_at[at] = (uint32_t)s->n_subs;
	return (uint32_t)s->n_subs - 1;
}

uint32_t
schema_sub(struct schema *s, const struct sub *from, uint32_t at)
{
	return new_sub(s, from->doc, at, from->res);
}

/* Did it grow beyond what is allowed? */
static int
check_size(const struct schema *s, struct err *e)
{
	if (s->n_subs > SUBS_MAX)
		return err_set(e, E_INVALID_PARAMS,
		    "schema: more than %d subschemas", SUBS_MAX);
	if (s->n_res > NAMES_MAX || s->n_anchors > NAMES_MAX)
		return err_set(e, E_INVALID_PARAMS,
		    "schema: more than %d identifiers", NAMES_MAX);
	if (s->lookups > LOOKUPS_MAX)
		return err_set(e, E_INVALID_PARAMS,
		    "schema: its references take too long");
	return 0;
}

/* The uri is taken over. */
static uint32_t
new_res(struct schema *s, char *uri, uint32_t doc, uint32_t at,
    struct dialect dialect)
{
	s->res = schema_grow(s->res, s->n_res, sizeof *s->res);
	s->res[s->n_res] = (struct res){ uri, doc, at, dialect };
	return (uint32_t)s->n_res++;
}

static bool
find_res(const struct schema *s, const char *uri, uint32_t *res)
{
	for (size_t i = 0; i < s->n_res; i++)
		if (!strcmp(s->res[i].uri, uri)) {
			*res = (uint32_t)i;
			return true;
		}
	return false;
}

static const struct anchor *
find_anchor(const struct schema *s, uint32_t res, const char *name)
{
	for (size_t i = 0; i < s->n_anchors; i++)
		if (s->anchors[i].res == res &&
		    !strcmp(s->anchors[i].name, name))
			return &s->anchors[i];
	return NULL;
}

int
schema_string(struct schema *s, uint32_t doc, uint32_t at, const char *key,
    const char **text, struct err *e)
{
	const struct tree *t = &s->docs[doc].tree;
	uint32_t i = tree_get(t, at, key, strlen(key));
	const struct node *v = &t->nodes[i];
	char *copy;

	*text = NULL;
	if (!i)
		return 0;
	if (v->kind != '"' || memchr(v->p, '\0', v->n))
		return schema_bad(s, doc, i, e, "want a string");
	copy = schema_keep(s, v->n + 1);
	memcpy(copy, v->p, v->n);
	*text = copy;
	return 0;
}

/* ---- one schema object ---- */

static void
add_anchor(struct schema *s, uint32_t id, const char *name, bool dynamic)
{
	s->anchors = schema_grow(s->anchors, s->n_anchors, sizeof *s->anchors);
	s->anchors[s->n_anchors++] = (struct anchor){ s->subs[id]->res, id,
	    name, dynamic };
}

/* $id begins a resource; in draft-07 its fragment is an anchor. */
static int
read_id(struct schema *s, uint32_t id, struct err *e)
{
	struct sub *sub = s->subs[id];
	const char *text, *hash;
	struct dialect d = s->res[sub->res].dialect;
	uint32_t known;
	char *uri;

	if (schema_string(s, sub->doc, sub->at, "$id", &text, e) < 0)
		return -1;
	if (!text)
		return 0;
	hash = strchr(text, '#');
	if (hash && hash[1] && d.draft != DRAFT_07)
		return schema_bad(s, sub->doc, sub->at, e,
		    "$id: a fragment is not allowed; use $anchor");
	if (hash != text) {
		uri = uri_resolve(s->res[sub->res].uri, text);
		if (schema_dialect(s, sub->doc, sub->at, &d, e) < 0) {
			free(uri);
			return -1;
		}
		if (!find_res(s, uri, &known) || s->res[known].at != sub->at ||
		    s->res[known].doc != sub->doc)
			sub->res = new_res(s, uri, sub->doc, sub->at, d);
		else
			free(uri);
	}
	if (hash && hash[1])
		add_anchor(s, id, hash + 1, false);
	return 0;
}

static int
read_anchors(struct schema *s, uint32_t id, struct err *e)
{
	static const char *const keys[] = { "$anchor", "$dynamicAnchor" };
	const struct sub *sub = s->subs[id];
	const char *name;

	for (size_t i = 0; i < COUNT(keys); i++) {
		if (schema_string(s, sub->doc, sub->at, keys[i], &name, e) < 0)
			return -1;
		if (name)
			add_anchor(s, id, name, i == 1);
	}
	return 0;
}

static int
compile_sub(struct schema *s, uint32_t id, struct err *e)
{
	struct sub *sub = s->subs[id];
	const struct tree *t = schema_tree(s, sub);
	const struct node *v = &t->nodes[sub->at];

	if (v->kind == 't') {
		sub->always = *v->p;
		return 0;
	}
	if (v->kind != '{')
		return schema_bad(s, sub->doc, sub->at, e,
		    "want a schema: an object, true or false");
	/* draft-07 8.3: $ref makes everything beside it void. */
	if (s->res[sub->res].dialect.draft == DRAFT_2020 ||
	    !tree_get(t, sub->at, "$ref", 4)) {
		if (read_id(s, id, e) < 0)
			return -1;
		if (s->res[sub->res].dialect.draft == DRAFT_2020 &&
		    read_anchors(s, id, e) < 0)
			return -1;
	}
	return keywords_compile(s, id, e);
}

/* ---- documents ---- */

static int
compile_from(struct schema *s, size_t id, struct err *e)
{
	for (; id < s->n_subs; id++)
		if (compile_sub(s, (uint32_t)id, e) < 0 ||
		    check_size(s, e) < 0)
			return -1;
	return 0;
}

/* Take a document in; every schema in it is compiled, its references wait. */
static int
add_doc(struct schema *s, const char *uri, struct jtext text,
    struct dialect dialect, struct err *e)
{
	uint32_t doc = (uint32_t)s->n_docs;
	size_t first = s->n_subs;
	struct tree t;

	if (doc >= DOCS_MAX)
		return err_set(e, E_INVALID_PARAMS,
		    "schema: more than %d documents", DOCS_MAX);
	if (tree_init(&t, text, e) < 0)
		return err_wrap(e, "schema%s%s", *uri ? " " : "", uri);
	tree_hash(&t);
	s->docs = schema_grow(s->docs, s->n_docs, sizeof *s->docs);
	s->docs[s->n_docs++] = (struct doc){ xstrdup(uri), t,
	    xcalloc(t.n, sizeof(uint32_t)) };
	if (t.nodes[0].kind == '{' &&
	    schema_dialect(s, doc, 0, &dialect, e) < 0)
		return -1;
	new_sub(s, doc, 0, new_res(s, xstrdup(uri), doc, 0, dialect));
	return compile_from(s, first, e);
}

/* ---- references ---- */

/* Follow a JSON pointer below a resource's root; *at 0 with -1 if it leads nowhere. */
static int
follow(struct schema *s, uint32_t res, const char *pointer, size_t n,
    uint32_t *id, struct err *e)
{
	uint32_t doc = s->res[res].doc, at = s->res[res].at;
	const struct tree *t = &s->docs[doc].tree;
	const char *p = pointer, *end = pointer + n;
	struct buf token = BUF_INIT;
	size_t first = s->n_subs;

	while (p < end) {
		buf_trunc(&token, 0);
		for (p++; p < end && *p != '/'; p++)
			if (*p == '~' && end - p > 1 &&
			    (p[1] == '0' || p[1] == '1'))
				buf_putc(&token, *++p == '0' ? '~' : '/');
			else
				buf_putc(&token, *p);
		s->lookups += t->nodes[at].count;
		at = tree_step(t, at, buf_str(&token), token.n);
		if (!at)
			break;
		if (s->docs[doc].sub_at[at])
			res = s->subs[s->docs[doc].sub_at[at] - 1]->res;
	}
	buf_free(&token);
	if (!at && n)
		return -1;
	*id = new_sub(s, doc, at, res);
	return compile_from(s, first, e);
}

/* The resource of a reference; its document is fetched if it is new. */
static int
target_res(struct schema *s, const struct sub *from, const char *ref,
    uint32_t *res, struct err *e)
{
	char *uri = uri_resolve(s->res[from->res].uri, ref);
	struct jtext text;
	int rc = 0;

	if (find_res(s, uri, res))
		goto done;
	text = schema_text(s, uri);
	if (!text.p)
		rc = err_set(e, E_INVALID_PARAMS, "no document at %s", uri);
	else
		rc = add_doc(s, uri, text, s->res[from->res].dialect, e);
	if (!rc)
		find_res(s, uri, res);
done:
	free(uri);
	return rc;
}

static int
find_target(struct schema *s, const struct ref *ref, const char *text,
    const char *fragment, size_t n, struct err *e)
{
	struct kw *kw = &s->subs[ref->from]->kws[ref->kw];
	const struct anchor *a;
	uint32_t res = 0, root;

	if (target_res(s, s->subs[ref->from], text, &res, e) < 0)
		return -1;
	if (!n || *fragment == '/') {
		err_set(e, E_INVALID_PARAMS, "nothing at %s", text);
		return follow(s, res, fragment, n, &kw->u.ref.sub, e);
	}
	root = s->docs[s->res[res].doc].sub_at[s->res[res].at];
	a = find_anchor(s, s->subs[root - 1]->res, fragment);
	if (!a)
		return err_set(e, E_INVALID_PARAMS, "no anchor at %s", text);
	kw->u.ref.sub = a->sub;
	if (ref->dynamic && a->dynamic)
		kw->u.ref.dynamic = a->name;
	return 0;
}

static int
resolve(struct schema *s, const struct ref *ref, struct err *e)
{
	const struct sub *from = s->subs[ref->from];
	const struct node *v = &schema_tree(s, from)->nodes[ref->value];
	struct err why = ERR_NONE;
	char *text, *fragment;
	size_t n;
	int rc;

	if (v->kind != '"' || memchr(v->p, '\0', v->n))
		return schema_bad(s, from->doc, ref->value, e,
		    "want a URI reference as a string");
	text = xstrndup(v->p, v->n);
	fragment = uri_fragment(text, &n);
	rc = find_target(s, ref, text, fragment, n, &why);
	if (rc < 0)
		schema_bad(s, from->doc, ref->value, e, "%s", why.text);
	free(fragment);
	free(text);
	return rc;
}

/* ---- the whole ---- */

struct schema *
schema_new(struct jtext text, schema_fetch *fn, void *arg, struct err *e)
{
	struct schema *s = xcalloc(1, sizeof *s);

	s->fetch = fn;
	s->arg = arg;
	if (add_doc(s, "", text, schema_draft_2020, e) < 0)
		goto fail;
	for (size_t i = 0; i < s->n_refs; i++) {
		struct ref ref = s->refs[i];	/* the list may move */

		if (resolve(s, &ref, e) < 0 || check_size(s, e) < 0)
			goto fail;
	}
	return s;
fail:
	schema_free(s);
	return NULL;
}

void
schema_free(struct schema *s)
{
	struct block *next;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_docs; i++) {
		tree_free(&s->docs[i].tree);
		free(s->docs[i].uri);
		free(s->docs[i].sub_at);
	}
	for (size_t i = 0; i < s->n_res; i++)
		free(s->res[i].uri);
	for (size_t i = 0; i < s->n_regexes; i++)
		regex_free(s->regexes[i]);
	for (struct block *b = s->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(s->docs);
	free(s->res);
	free(s->anchors);
	free(s->subs);
	free(s->refs);
	free(s->regexes);
	free(s);
}
