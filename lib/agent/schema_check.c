/*
 * The keywords that look at one value (JSON Schema validation 2020-12, section 6).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "agent/schema_impl.h"
#include "base/util.h"

/* ---- any value ---- */

/* The bit of the value's type, as in schema_types. */
static uint64_t
type_bits(const struct node *v)
{
	struct decimal d;

	switch (v->kind) {
	case 'n': return 1;
	case 't': return 2;
	case '0':
		d = decimal_parse(v->p, v->n);
		return decimal_integer(&d) ? 4 | 8 : 8;
	case '"': return 16;
	case '[': return 32;
	default: return 64;
	}
}

bool
check_type(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	uint64_t is = type_bits(&r->v->nodes[at]);
	struct buf want = BUF_INIT;
	int have = 0;

	(void)sub, (void)seen;
	if (is & k->u.limit)
		return true;
	if (r->quiet)
		return false;
	for (unsigned i = 0; i < SCHEMA_TYPES; i++) {
		if (k->u.limit >> i & 1)
			buf_printf(&want, "%s%s", want.n ? " or " : "",
			    schema_types[i]);
		if (is >> i & 1 && !have)
			have = (int)i;
	}
	run_fail(r, at, k->name, "want %s, not %s", buf_str(&want),
	    is == 8 ? "number" : schema_types[have]);
	buf_free(&want);
	return false;
}

static bool
equal(struct run *r, const struct sub *sub, uint32_t value, uint32_t at)
{
	return run_equal(r, schema_tree(r->s, sub), value, at);
}

/* A value of the schema for a message: short. */
static int
shown(const struct node *v)
{
	return (int)utf8_cut(v->p, v->n, 60);
}

bool
check_const(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *want = &schema_tree(r->s, sub)->nodes[k->value];

	(void)seen;
	return equal(r, sub, k->value, at) ||
	    run_fail(r, at, k->name, "want %.*s%s", shown(want), want->p,
	    want->n > 60 ? "..." : "");
}

bool
check_enum(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct tree *t = schema_tree(r->s, sub);
	struct buf all = BUF_INIT;

	(void)seen;
	EACH_CHILD(t, k->value, c)
		if (equal(r, sub, c, at))
			return true;
	if (r->quiet || r->stop)
		return false;
	EACH_CHILD(t, k->value, c) {
		buf_printf(&all, "%s%.*s", all.n ? ", " : "",
		    shown(&t->nodes[c]), t->nodes[c].p);
		if (all.n > 200) {
			buf_puts(&all, ", ...");
			break;
		}
	}
	run_fail(r, at, k->name, "want one of: %s", buf_str(&all));
	buf_free(&all);
	return false;
}

/* ---- numbers ---- */

/* How the value compares with the limit; 0 and *applies false if it is no number. */
static int
compare(const struct run *r, const struct kw *k, uint32_t at, bool *applies)
{
	const struct node *v = &r->v->nodes[at];
	struct decimal d;

	*applies = v->kind == '0';
	if (!*applies)
		return 0;
	d = decimal_parse(v->p, v->n);
	return decimal_cmp(&d, &k->u.number);
}

static bool
fail_number(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, const char *must)
{
	const struct node *limit = &schema_tree(r->s, sub)->nodes[k->value];

	return run_fail(r, at, k->name, "must be %s %.*s", must, shown(limit),
	    limit->p);
}

bool
check_maximum(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	bool applies;
	int c = compare(r, k, at, &applies);

	(void)seen;
	return !applies || c <= 0 || fail_number(r, sub, k, at, "at most");
}

bool
check_exclusive_maximum(struct run *r, const struct sub *sub,
    const struct kw *k, uint32_t at, struct seen *seen)
{
	bool applies;
	int c = compare(r, k, at, &applies);

	(void)seen;
	return !applies || c < 0 || fail_number(r, sub, k, at, "below");
}

bool
check_minimum(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	bool applies;
	int c = compare(r, k, at, &applies);

	(void)seen;
	return !applies || c >= 0 || fail_number(r, sub, k, at, "at least");
}

bool
check_exclusive_minimum(struct run *r, const struct sub *sub,
    const struct kw *k, uint32_t at, struct seen *seen)
{
	bool applies;
	int c = compare(r, k, at, &applies);

	(void)seen;
	return !applies || c > 0 || fail_number(r, sub, k, at, "above");
}

bool
check_multiple(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];
	struct decimal d;

	(void)seen;
	if (v->kind != '0')
		return true;
	d = decimal_parse(v->p, v->n);
	return decimal_multiple(&d, &k->u.number) ||
	    fail_number(r, sub, k, at, "a multiple of");
}

/* ---- strings ---- */

static uint64_t
code_points(const struct node *v)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += ((unsigned char)v->p[i] & 0xc0) != 0x80;
	return n;
}

static bool
at_most(struct run *r, const struct kw *k, uint32_t at, uint64_t n,
    const char *what)
{
	return n <= k->u.limit || run_fail(r, at, k->name,
	    "has %" PRIu64 " %s, at most %" PRIu64 " are allowed", n, what,
	    k->u.limit);
}

static bool
at_least(struct run *r, const struct kw *k, uint32_t at, uint64_t n,
    const char *what)
{
	return n >= k->u.limit || run_fail(r, at, k->name,
	    "has %" PRIu64 " %s, at least %" PRIu64 " are wanted", n, what,
	    k->u.limit);
}

bool
check_max_length(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];

	(void)sub, (void)seen;
	return v->kind != '"' ||
	    at_most(r, k, at, code_points(v), "characters");
}

bool
check_min_length(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];

	(void)sub, (void)seen;
	return v->kind != '"' ||
	    at_least(r, k, at, code_points(v), "characters");
}

bool
check_pattern(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];
	const struct node *p = &schema_tree(r->s, sub)->nodes[k->value];

	(void)seen;
	return v->kind != '"' || run_match(r, k->u.re, v->p, v->n) ||
	    run_fail(r, at, k->name, "does not match %.*s", shown(p), p->p);
}

/* ---- arrays and objects as a whole ---- */

bool
check_max_items(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];

	(void)sub, (void)seen;
	return v->kind != '[' || at_most(r, k, at, v->count, "items");
}

bool
check_min_items(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];

	(void)sub, (void)seen;
	return v->kind != '[' || at_least(r, k, at, v->count, "items");
}

bool
check_max_properties(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];

	(void)sub, (void)seen;
	return v->kind != '{' || at_most(r, k, at, v->count, "properties");
}

bool
check_min_properties(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct node *v = &r->v->nodes[at];

	(void)sub, (void)seen;
	return v->kind != '{' || at_least(r, k, at, v->count, "properties");
}

struct item {
	uint64_t hash;
	uint32_t at, index;
};

static int
item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/* Are two of the n sorted items equal?  Only those of the same hash can be. */
static bool
unique(struct run *r, const struct kw *k, uint32_t at, const struct item *v,
    size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n && v[j].hash == v[i].hash; j++) {
			if (run_equal(r, r->v, v[i].at, v[j].at))
				return run_fail(r, at, k->name,
				    "items %u and %u are equal", v[i].index,
				    v[j].index);
			if (r->stop)
				return false;
		}
	return true;
}

bool
check_unique(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	uint32_t count = r->v->nodes[at].count, n = 0;
	struct item *items;
	bool ok;

	(void)sub, (void)seen;
	if (r->v->nodes[at].kind != '[' || count < 2)
		return true;
	if (!run_spend(r, count))
		return false;
	items = xmalloc(count * sizeof *items);
	EACH_CHILD(r->v, at, c) {
		items[n] = (struct item){ r->v->nodes[c].hash, c, n };
		n++;
	}
	qsort(items, n, sizeof *items, item_cmp);
	ok = unique(r, k, at, items, n);
	free(items);
	return ok;
}

/* Count instead of looking up: the names are sorted and every member is met once. */
bool
check_required(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct entries *want = &k->u.names;
	const struct node *v = &r->v->nodes[at];
	size_t found = 0;

	(void)sub, (void)seen;
	if (v->kind != '{' || !want->n)
		return true;
	if (!run_spend(r, v->count))
		return false;
	EACH_CHILD(r->v, at, c)
		found += run_find(want, r->v->nodes[c].key,
		    r->v->nodes[c].key_n) != NULL;
	if (found == want->n)
		return true;
	if (r->quiet)
		return false;
	for (size_t i = 0; i < want->n; i++)
		if (!tree_get(r->v, at, want->v[i].p, want->v[i].n))
			return run_fail(r, at, k->name,
			    "property \"%.*s\" is missing",
			    (int)utf8_cut(want->v[i].p, want->v[i].n, 100),
			    want->v[i].p);
	return false;
}

/* Every name of an array in the schema must be a member. */
static bool
has_all(struct run *r, const struct sub *sub, const struct kw *k,
    const struct entry *why, uint32_t at)
{
	const struct tree *t = schema_tree(r->s, sub);

	EACH_CHILD(t, why->value, c) {
		const struct node *name = &t->nodes[c];

		if (!run_spend(r, 1 + r->v->nodes[at].count / 8))
			return false;
		if (!tree_get(r->v, at, name->p, name->n))
			return run_fail(r, at, k->name,
			    "\"%.*s\" wants property \"%.*s\"",
			    (int)utf8_cut(why->p, why->n, 60), why->p,
			    shown(name), name->p);
	}
	return true;
}

bool
check_dependencies(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct entries *es = &k->u.names;

	(void)seen;
	if (r->v->nodes[at].kind != '{')
		return true;
	for (size_t i = 0; i < es->n; i++) {
		if (!run_spend(r, 1 + r->v->nodes[at].count / 8))
			return false;
		if (es->v[i].sub == NO_SUB &&
		    tree_get(r->v, at, es->v[i].p, es->v[i].n) &&
		    !has_all(r, sub, k, &es->v[i], at))
			return false;
	}
	return true;
}
