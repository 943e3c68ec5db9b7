/*
 * The keywords that apply other schemas (JSON Schema core 2020-12, sections 10 and 11),
 * and the book of what they have evaluated.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/schema_impl.h"
#include "base/util.h"

/* ---- what was evaluated ---- */

struct seen {
	size_t n;
	unsigned char bits[];
};

struct seen *
seen_new(const struct run *r, uint32_t at)
{
	size_t n = r->v->nodes[at].count;
	struct seen *s = xcalloc(1, sizeof *s + (n + 7) / 8);

	s->n = n;
	return s;
}

void
seen_mark(struct seen *s, size_t i)
{
	if (s)
		s->bits[i / 8] |= (unsigned char)(1u << i % 8);
}

void
seen_mark_all(struct seen *s)
{
	if (s && s->n)
		memset(s->bits, 0xff, (s->n + 7) / 8);
}

bool
seen_has(const struct seen *s, size_t i)
{
	return s->bits[i / 8] >> i % 8 & 1;
}

void
seen_add(struct seen *s, const struct seen *more)
{
	for (size_t i = 0; i < (s->n + 7) / 8; i++)
		s->bits[i] |= more->bits[i];
}

/*
 * Try a schema whose failure is no failure yet.  What it evaluated counts only if it
 * holds (core 10.2), so it gets a book of its own.
 */
static bool
attempt(struct run *r, uint32_t sub, uint32_t at, struct seen *seen)
{
	struct seen *own = seen ? seen_new(r, at) : NULL;
	bool ok;

	if (own)
		run_spend(r, own->n / 64);
	r->quiet++;
	ok = run_check(r, sub, at, own);
	r->quiet--;
	if (own && ok)
		seen_add(seen, own);
	free(own);
	return ok;
}

/* ---- references ---- */

/* Core 8.2.3.2: the outermost resource in the dynamic scope that has the anchor decides. */
static uint32_t
dynamic_target(struct run *r, const struct kw *k)
{
	const struct schema *s = r->s;
	uint32_t target = k->u.ref.sub;

	for (const struct scope *f = r->scope; f; f = f->up) {
		if (!run_spend(r, 1 + s->n_anchors / 4))
			break;
		for (size_t i = 0; i < s->n_anchors; i++)
			if (s->anchors[i].res == f->res &&
			    s->anchors[i].dynamic &&
			    !strcmp(s->anchors[i].name, k->u.ref.dynamic))
				target = s->anchors[i].sub;
	}
	return target;
}

bool
apply_ref(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	(void)sub;
	return run_check(r, k->u.ref.dynamic ? dynamic_target(r, k) :
	    k->u.ref.sub, at, seen);
}

/* ---- logic ---- */

bool
apply_all(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	(void)sub;
	for (size_t i = 0; i < k->u.subs.n; i++)
		if (!run_check(r, k->u.subs.v[i], at, seen))
			return false;
	return true;
}

bool
apply_any(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	bool any = false;

	(void)sub;
	for (size_t i = 0; i < k->u.subs.n && (seen || !any); i++)
		any |= attempt(r, k->u.subs.v[i], at, seen);
	return any || run_fail(r, at, k->name,
	    "matches none of the %zu alternatives", k->u.subs.n);
}

bool
apply_one(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	size_t hits = 0, which = 0;

	(void)sub;
	for (size_t i = 0; i < k->u.subs.n; i++) {
		if (!attempt(r, k->u.subs.v[i], at, seen))
			continue;
		if (++hits == 2)
			return run_fail(r, at, k->name,
			    "matches alternatives %zu and %zu, want exactly"
			    " one", which, i);
		which = i;
	}
	return hits == 1 || run_fail(r, at, k->name,
	    "matches none of the %zu alternatives", k->u.subs.n);
}

bool
apply_not(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	(void)sub, (void)seen;
	return !attempt(r, k->u.sub, at, NULL) ||
	    run_fail(r, at, k->name, "matches what it must not");
}

bool
apply_choice(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	uint32_t next = attempt(r, k->u.choice.test, at, seen) ?
	    k->u.choice.yes : k->u.choice.no;

	(void)sub;
	return next == NO_SUB || run_check(r, next, at, seen);
}

bool
apply_dependent(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	const struct entries *es = &k->u.names;

	if (r->v->nodes[at].kind != '{')
		return true;
	for (size_t i = 0; i < es->n; i++) {
		const struct entry *d = &es->v[i];

		if (!run_spend(r, 1 + r->v->nodes[at].count / 8))
			return false;
		if (d->sub != NO_SUB && tree_get(r->v, at, d->p, d->n) &&
		    !run_check(r, d->sub, at, seen))
			return false;
	}
	return check_dependencies(r, sub, k, at, seen);
}

/* ---- members ---- */

/* A name is no value of the instance: it gets the spare node. */
static bool
check_name(struct run *r, uint32_t sub, uint32_t of, uint32_t member)
{
	struct node *nodes = r->v->nodes;
	uint32_t spare = r->v->n;

	nodes[spare] = (struct node){ .kind = '"', .end = spare + 1,
	    .p = nodes[member].key, .n = nodes[member].key_n,
	    .hash = tree_hash_string(nodes[member].key,
	    nodes[member].key_n) };
	r->name_of = of;
	return run_check(r, sub, spare, NULL);
}

bool
apply_names(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	(void)sub, (void)seen;
	if (r->v->nodes[at].kind != '{')
		return true;
	EACH_CHILD(r->v, at, c)
		if (!check_name(r, k->u.sub, at, c))
			return false;
	return true;
}

/* 1: some property or pattern took the member, 0: none, -1: it fails. */
static int
check_member(struct run *r, const struct kw *k, uint32_t member)
{
	const struct node *v = &r->v->nodes[member];
	const struct entries *patterns = &k->u.members.patterns;
	const struct entry *named = run_find(&k->u.members.named, v->key,
	    v->key_n);
	int taken = named != NULL;

	if (named && !run_check(r, named->sub, member, NULL))
		return -1;
	for (size_t i = 0; i < patterns->n; i++) {
		const struct entry *p = &patterns->v[i];

		if (!run_match(r, p->re, v->key, v->key_n))
			continue;
		taken = 1;
		if (!run_check(r, p->sub, member, NULL))
			return -1;
	}
	return r->stop ? -1 : taken;
}

bool
apply_members(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	uint32_t others = k->u.members.others;
	size_t i = 0;

	(void)sub;
	if (r->v->nodes[at].kind != '{')
		return true;
	EACH_CHILD(r->v, at, c) {
		int taken = check_member(r, k, c);

		if (taken < 0)
			return false;
		if (!taken && others != NO_SUB) {
			if (r->s->subs[others]->always == 'f')
				return run_fail(r, c, "additionalProperties",
				    "this property is not allowed");
			if (!run_check(r, others, c, NULL))
				return false;
			taken = 1;
		}
		if (taken)
			seen_mark(seen, i);
		i++;
	}
	return run_spend(r, i);
}

/* ---- elements ---- */

bool
apply_elements(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	size_t n = k->u.elements.n, i = 0;
	uint32_t others = k->u.elements.others;

	(void)sub;
	if (r->v->nodes[at].kind != '[')
		return true;
	EACH_CHILD(r->v, at, c) {
		uint32_t id = i < n ? k->u.elements.v[i] : others;

		if (id == NO_SUB)
			break;
		if (i >= n && r->s->subs[id]->always == 'f')
			return run_fail(r, c, k->u.elements.others_name,
			    "this item is not allowed");
		if (!run_check(r, id, c, NULL))
			return false;
		seen_mark(seen, i++);
	}
	return true;
}

bool
apply_contains(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen)
{
	uint64_t hits = 0;
	size_t i = 0;

	(void)sub;
	if (r->v->nodes[at].kind != '[')
		return true;
	EACH_CHILD(r->v, at, c) {
		if (attempt(r, k->u.contains.sub, c, NULL)) {
			hits++;
			seen_mark(seen, i);
		}
		i++;
	}
	if (hits < k->u.contains.min)
		return run_fail(r, at, k->name, "%" PRIu64 " items match, at"
		    " least %" PRIu64 " must", hits, k->u.contains.min);
	return hits <= k->u.contains.max || run_fail(r, at, k->name,
	    "%" PRIu64 " items match, at most %" PRIu64 " may", hits,
	    k->u.contains.max);
}

/* ---- what nothing else has evaluated (core 11) ---- */

static bool
apply_rest(struct run *r, const struct kw *k, uint32_t at, struct seen *seen,
    const char *what)
{
	size_t i = 0;

	EACH_CHILD(r->v, at, c) {
		if (!seen_has(seen, i++)) {
			if (r->s->subs[k->u.sub]->always == 'f')
				return run_fail(r, c, k->name,
				    "this %s is not allowed", what);
			if (!run_check(r, k->u.sub, c, NULL))
				return false;
		}
	}
	seen_mark_all(seen);
	return run_spend(r, i);
}

bool
apply_unevaluated_items(struct run *r, const struct sub *sub,
    const struct kw *k, uint32_t at, struct seen *seen)
{
	(void)sub;
	return r->v->nodes[at].kind != '[' ||
	    apply_rest(r, k, at, seen, "item");
}

bool
apply_unevaluated_properties(struct run *r, const struct sub *sub,
    const struct kw *k, uint32_t at, struct seen *seen)
{
	(void)sub;
	return r->v->nodes[at].kind != '{' ||
	    apply_rest(r, k, at, seen, "property");
}
