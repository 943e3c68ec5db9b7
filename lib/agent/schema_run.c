/*
 * The validator: the walk and its limits.
 */
#include <stdlib.h>

#include "agent/schema_impl.h"
#include "base/util.h"

/*
 * Limits.  A level costs a few hundred bytes of stack; a step some ten nanoseconds;
 * patterns have a time limit of their own, because one step of them can be long.
 */
#define DEPTH_MAX 1000
#define STEPS_BASE 10000000
#define STEPS_PER_VALUE 200
#define PATTERN_MS 2000

#define TOO_MUCH "the schema asks for too much work"

bool
run_fail(struct run *r, uint32_t at, const char *keyword, const char *fmt, ...)
{
	struct buf where = BUF_INIT, what = BUF_INIT;
	va_list ap;

	if (r->quiet || r->stop)
		return false;
	va_start(ap, fmt);
	buf_vprintf(&what, fmt, ap);
	va_end(ap);
	tree_path(r->v, at == r->v->n ? r->name_of : at, &where);
	err_set(r->e, E_INVALID_PARAMS, "%s: %s: %s%s", where.p, keyword,
	    at == r->v->n ? "a property name: " : "", buf_str(&what));
	buf_free(&where);
	buf_free(&what);
	return false;
}

static bool
stop(struct run *r, const char *why)
{
	if (!r->stop)
		err_set(r->e, E_INVALID_PARAMS, "cannot validate: %s", why);
	r->stop = true;
	return false;
}

bool
run_spend(struct run *r, uint64_t n)
{
	if (r->stop)
		return false;
	if (n > (uint64_t)r->steps)
		return stop(r, TOO_MUCH);
	r->steps -= (int64_t)n;
	return true;
}

bool
run_equal(struct run *r, const struct tree *t, uint32_t i, uint32_t at)
{
	bool same = tree_equal(t, i, r->v, at, &r->steps);

	if (r->steps >= 0)
		return same;
	r->steps = 0;
	return stop(r, TOO_MUCH);
}

bool
run_match(struct run *r, const struct regex *re, const char *p, size_t n)
{
	int m;

	if (!run_spend(r, 1 + n / 8))
		return false;
	m = regex_search(re, p, n);
	if (m < 0 || time_mono_ms() > r->deadline)
		return stop(r, "a pattern takes too long");
	return m == 1;
}

const struct entry *
run_find(const struct entries *es, const char *p, size_t n)
{
	struct entry key = { .p = p, .n = n };

	return es->n ? bsearch(&key, es->v, es->n, sizeof key, entry_cmp) :
	    NULL;
}

static bool
check_keywords(struct run *r, const struct sub *sub, uint32_t at,
    struct seen *seen)
{
	for (size_t i = 0; i < sub->n_kws; i++) {
		const struct kw *k = &sub->kws[i];

		if (!k->check(r, sub, k, at, seen) || r->stop)
			return false;
	}
	return true;
}

bool
run_check(struct run *r, uint32_t id, uint32_t at, struct seen *seen)
{
	const struct sub *sub = r->s->subs[id];
	struct scope scope = { r->scope, sub->res };
	struct seen *own;
	bool ok;

	if (!run_spend(r, 1))
		return false;
	if (sub->always)
		return sub->always == 't' ||
		    run_fail(r, at, "false", "nothing is allowed here");
	if (r->depth >= DEPTH_MAX)
		return stop(r, "schema and value nest deeper than 1000 levels");
	r->depth++;
	r->scope = &scope;
	own = sub->unevaluated ? seen_new(r, at) : NULL;
	ok = check_keywords(r, sub, at, own ? own : seen);
	if (own && seen && ok)
		seen_add(seen, own);
	free(own);
	r->scope = scope.up;
	r->depth--;
	return ok;
}

int
schema_check(const struct schema *s, struct jtext value, struct err *e)
{
	struct run r = { .s = s, .e = e,
	    .deadline = time_mono_ms() + PATTERN_MS };
	struct tree t;
	bool ok;

	if (tree_init(&t, value, e) < 0)
		return -1;
	tree_hash(&t);
	r.v = &t;
	r.steps = STEPS_BASE + (int64_t)t.n * STEPS_PER_VALUE;
	ok = run_check(&r, 0, 0, NULL);
	tree_free(&t);
	return ok && !r.stop ? 0 : -1;
}
