/*
 * The keywords of a schema object, in the order in which they are checked: the table
 * says where each belongs and how it is read (JSON Schema core and validation, drafts
 * 2020-12 and 07).  Annotations (title, format, ...) need no row.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/schema_impl.h"
#include "base/util.h"

struct keyword;

/* One schema object being read. */
struct reader {
	struct schema *s;
	struct sub *sub;
	uint32_t id;
	const struct tree *t;
	struct dialect d;
	const struct keyword *row;
	struct err *e;
};

typedef int reader_fn(struct reader *c, uint32_t at);

struct keyword {
	const char *name;
	unsigned draft, vocab;
	reader_fn *read;
	kw_check *check;
};

/* ---- helpers ---- */

int
entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->n ? memcmp(x->p, y->p, x->n) : 0;
}

/* One more kw for the row's keyword; pointers to those before it may be void then. */
static struct kw *
add(struct reader *c, uint32_t at)
{
	struct sub *sub = c->sub;
	struct kw *k, *more;

	if (!(sub->n_kws & (sub->n_kws - 1))) {
		more = schema_keep(c->s, (sub->n_kws ? 2 * sub->n_kws : 1) *
		    sizeof *more);
		if (sub->n_kws)
			memcpy(more, sub->kws, sub->n_kws * sizeof *more);
		sub->kws = more;
	}
	k = &sub->kws[sub->n_kws++];
	*k = (struct kw){ .name = c->row->name, .check = c->row->check,
	    .value = at };
	return k;
}

static int
bad(struct reader *c, uint32_t at, const char *what)
{
	return schema_bad(c->s, c->sub->doc, at, c->e, "%s", what);
}

/* A sibling of the keyword that is being read; 0 if there is none. */
static uint32_t
sibling(const struct reader *c, const char *name)
{
	return tree_get(c->t, c->sub->at, name, strlen(name));
}

static uint32_t
child(struct reader *c, uint32_t at)
{
	return schema_sub(c->s, c->sub, at);
}

static uint32_t
child_or_none(struct reader *c, const char *name)
{
	uint32_t at = sibling(c, name);

	return at ? child(c, at) : NO_SUB;
}

static int
want_strings(struct reader *c, uint32_t at)
{
	if (c->t->nodes[at].kind != '[')
		return bad(c, at, "want an array of strings");
	EACH_CHILD(c->t, at, i)
		if (c->t->nodes[i].kind != '"')
			return bad(c, i, "want a string");
	return 0;
}

static int
compile_regex(struct reader *c, uint32_t at, const char *p, size_t n,
    struct regex **re)
{
	struct schema *s = c->s;
	struct err why = ERR_NONE;

	*re = regex_new(p, n, &why);
	if (!*re)
		return schema_bad(s, c->sub->doc, at, c->e, "pattern: %s",
		    why.text);
	s->regexes = schema_grow(s->regexes, s->n_regexes, sizeof *s->regexes);
	s->regexes[s->n_regexes++] = *re;
	return 0;
}

/* A non-negative integer, at: its node. */
static int
read_u64(struct reader *c, uint32_t at, uint64_t *out)
{
	const struct node *v = &c->t->nodes[at];
	struct decimal d;

	if (v->kind == '0') {
		d = decimal_parse(v->p, v->n);
		if (decimal_u64(&d, out))
			return 0;
	}
	return bad(c, at, "want an integer that is not negative");
}

/* The members of an object as entries; sorted by name unless they are patterns. */
static int
read_entries(struct reader *c, uint32_t at, struct entries *es)
{
	const struct node *v = &c->t->nodes[at];

	if (v->kind != '{')
		return bad(c, at, "want an object");
	es->v = schema_keep(c->s, (size_t)v->count * sizeof *es->v);
	EACH_CHILD(c->t, at, i)
		es->v[es->n++] = (struct entry){ .p = c->t->nodes[i].key,
		    .n = c->t->nodes[i].key_n, .sub = NO_SUB, .value = i };
	return 0;
}

/* ---- assertions ---- */

const char *const schema_types[] = { "null", "boolean", "integer", "number",
	"string", "array", "object" };

static int
type_bit(struct reader *c, uint32_t at, uint64_t *bits)
{
	const struct node *v = &c->t->nodes[at];

	for (unsigned i = 0; v->kind == '"' && i < SCHEMA_TYPES; i++)
		if (v->n == strlen(schema_types[i]) && !memcmp(v->p, schema_types[i], v->n)) {
			*bits |= UINT64_C(1) << i;
			return 0;
		}
	return bad(c, at, "not a type name");
}

static int
read_type(struct reader *c, uint32_t at)
{
	struct kw *k = add(c, at);

	if (c->t->nodes[at].kind != '[')
		return type_bit(c, at, &k->u.limit);
	EACH_CHILD(c->t, at, i)
		if (type_bit(c, i, &k->u.limit) < 0)
			return -1;
	return 0;
}

static int
read_any(struct reader *c, uint32_t at)
{
	add(c, at);
	return 0;
}

static int
read_enum(struct reader *c, uint32_t at)
{
	if (c->t->nodes[at].kind != '[')
		return bad(c, at, "want an array");
	return read_any(c, at);
}

static int
read_number(struct reader *c, uint32_t at)
{
	const struct node *v = &c->t->nodes[at];

	if (v->kind != '0')
		return bad(c, at, "want a number");
	add(c, at)->u.number = decimal_parse(v->p, v->n);
	return 0;
}

static int
read_multiple(struct reader *c, uint32_t at)
{
	struct decimal *d;

	if (read_number(c, at) < 0)
		return -1;
	d = &c->sub->kws[c->sub->n_kws - 1].u.number;
	if (!d->n || d->neg)
		return bad(c, at, "want a number above 0");
	if (d->n > DECIMAL_DIVISOR)
		return bad(c, at, "more than 18 digits are not supported");
	return 0;
}

static int
read_limit(struct reader *c, uint32_t at)
{
	return read_u64(c, at, &add(c, at)->u.limit);
}

static int
read_unique(struct reader *c, uint32_t at)
{
	const struct node *v = &c->t->nodes[at];

	if (v->kind != 't')
		return bad(c, at, "want true or false");
	if (*v->p == 't')
		add(c, at);
	return 0;
}

static int
read_pattern(struct reader *c, uint32_t at)
{
	const struct node *v = &c->t->nodes[at];

	if (v->kind != '"')
		return bad(c, at, "want a string");
	return compile_regex(c, at, v->p, v->n, &add(c, at)->u.re);
}

/* The names are sorted and each is there once, so that one pass over an instance can count them. */
static int
read_required(struct reader *c, uint32_t at)
{
	struct entries es = { .n = 0 };
	size_t n = 0;

	if (want_strings(c, at) < 0)
		return -1;
	es.v = schema_keep(c->s, c->t->nodes[at].count * sizeof *es.v);
	EACH_CHILD(c->t, at, i)
		es.v[es.n++] = (struct entry){ .p = c->t->nodes[i].p,
		    .n = c->t->nodes[i].n, .sub = NO_SUB, .value = i };
	if (es.n)
		qsort(es.v, es.n, sizeof *es.v, entry_cmp);
	for (size_t i = 0; i < es.n; i++)
		if (!n || entry_cmp(&es.v[n - 1], &es.v[i]))
			es.v[n++] = es.v[i];
	es.n = n;
	add(c, at)->u.names = es;
	return 0;
}

/* ---- applicators ---- */

static int
read_sub(struct reader *c, uint32_t at)
{
	uint32_t sub = child(c, at);

	add(c, at)->u.sub = sub;
	return 0;
}

static int
read_subs(struct reader *c, uint32_t at)
{
	const struct node *v = &c->t->nodes[at];
	struct kw *k;

	if (v->kind != '[' || !v->count)
		return bad(c, at, "want an array of schemas");
	k = add(c, at);
	k->u.subs.v = schema_keep(c->s, v->count * sizeof(uint32_t));
	EACH_CHILD(c->t, at, i)
		k->u.subs.v[k->u.subs.n++] = child(c, i);
	return 0;
}

/* Schemas that only stand there to be referred to. */
static int
read_defs(struct reader *c, uint32_t at)
{
	if (c->t->nodes[at].kind != '{')
		return bad(c, at, "want an object");
	EACH_CHILD(c->t, at, i)
		child(c, i);
	return 0;
}

static int
read_def(struct reader *c, uint32_t at)
{
	child(c, at);
	return 0;
}

static int
read_if(struct reader *c, uint32_t at)
{
	uint32_t test = child(c, at);
	uint32_t yes = child_or_none(c, "then"), no = child_or_none(c, "else");
	struct kw *k = add(c, at);

	k->u.choice.test = test;
	k->u.choice.yes = yes;
	k->u.choice.no = no;
	return 0;
}

/* dependentSchemas, dependentRequired and what was both of them: dependencies. */
static int
read_dependent(struct reader *c, uint32_t at)
{
	bool schemas = strcmp(c->row->name, "dependentRequired") != 0;
	bool lists = strcmp(c->row->name, "dependentSchemas") != 0;
	struct entries es = { .n = 0 };

	if (read_entries(c, at, &es) < 0)
		return -1;
	for (size_t i = 0; i < es.n; i++) {
		uint32_t v = es.v[i].value;

		if (lists && (!schemas || c->t->nodes[v].kind == '[')) {
			if (want_strings(c, v) < 0)
				return -1;
		} else {
			es.v[i].sub = child(c, v);
		}
	}
	add(c, at)->u.names = es;
	return 0;
}

static bool
added(const struct reader *c, kw_check *check)
{
	for (size_t i = 0; i < c->sub->n_kws; i++)
		if (c->sub->kws[i].check == check)
			return true;
	return false;
}

/* properties, patternProperties and additionalProperties depend on each other: one kw for all. */
static int
read_members(struct reader *c, uint32_t at)
{
	uint32_t named = sibling(c, "properties");
	uint32_t patterns = sibling(c, "patternProperties");
	struct kw k = { .check = apply_members };

	if (added(c, apply_members))
		return 0;
	if (named) {
		if (read_entries(c, named, &k.u.members.named) < 0)
			return -1;
		for (size_t i = 0; i < k.u.members.named.n; i++)
			k.u.members.named.v[i].sub =
			    child(c, k.u.members.named.v[i].value);
		if (k.u.members.named.n)
			qsort(k.u.members.named.v, k.u.members.named.n,
			    sizeof(struct entry), entry_cmp);
	}
	if (patterns && read_entries(c, patterns, &k.u.members.patterns) < 0)
		return -1;
	for (size_t i = 0; i < k.u.members.patterns.n; i++) {
		struct entry *p = &k.u.members.patterns.v[i];

		p->sub = child(c, p->value);
		if (compile_regex(c, p->value, p->p, p->n, &p->re) < 0)
			return -1;
	}
	k.u.members.others = child_or_none(c, "additionalProperties");
	add(c, at)->u.members = k.u.members;
	return 0;
}

/* prefixItems and items; in draft-07 items (an array) and additionalItems. */
static int
read_elements(struct reader *c, uint32_t at)
{
	bool old = c->d.draft == DRAFT_07;
	uint32_t prefix = sibling(c, old ? "items" : "prefixItems");
	const char *others = "items";
	struct kw *k;

	if (added(c, apply_elements))
		return 0;
	if (old && prefix && c->t->nodes[prefix].kind != '[')
		prefix = 0;
	else if (old)
		others = prefix ? "additionalItems" : NULL;
	if (prefix && c->t->nodes[prefix].kind != '[')
		return bad(c, prefix, "want an array of schemas");
	k = add(c, at);
	k->u.elements.others_name = others;
	k->u.elements.others = others ? child_or_none(c, others) : NO_SUB;
	if (!prefix)
		return 0;
	k->u.elements.v = schema_keep(c->s,
	    (size_t)c->t->nodes[prefix].count * sizeof(uint32_t));
	EACH_CHILD(c->t, prefix, i)
		k->u.elements.v[k->u.elements.n++] = child(c, i);
	return 0;
}

static int
read_additional_items(struct reader *c, uint32_t at)
{
	child(c, at);		/* may be referred to, also where it has no effect */
	return read_elements(c, at);
}

static int
read_contains(struct reader *c, uint32_t at)
{
	bool counts = c->d.draft == DRAFT_2020 && c->d.vocab & VOCAB_VALIDATION;
	uint32_t min = counts ? sibling(c, "minContains") : 0;
	uint32_t max = counts ? sibling(c, "maxContains") : 0;
	struct kw *k = add(c, at);

	k->u.contains.sub = child(c, at);
	k->u.contains.min = 1;
	k->u.contains.max = UINT64_MAX;
	if (min && read_u64(c, min, &k->u.contains.min) < 0)
		return -1;
	return max ? read_u64(c, max, &k->u.contains.max) : 0;
}

static int
read_unevaluated(struct reader *c, uint32_t at)
{
	c->sub->unevaluated = true;
	return read_sub(c, at);
}

static int
read_ref(struct reader *c, uint32_t at)
{
	struct schema *s = c->s;

	s->refs = schema_grow(s->refs, s->n_refs, sizeof *s->refs);
	s->refs[s->n_refs++] = (struct ref){ .from = c->id,
	    .kw = c->sub->n_kws, .value = at,
	    .dynamic = !strcmp(c->row->name, "$dynamicRef") };
	add(c, at)->u.ref.sub = NO_SUB;
	return 0;
}

static int
read_unsupported(struct reader *c, uint32_t at)
{
	return bad(c, at, "this keyword is of draft 2019-09 and not supported");
}

/* ---- the table ---- */

#define APPLICATOR VOCAB_APPLICATOR
#define VALIDATION VOCAB_VALIDATION
#define UNEVALUATED VOCAB_UNEVALUATED

static const struct keyword keywords[] = {
	{ "type", DRAFT_ANY, VALIDATION, read_type, check_type },
	{ "const", DRAFT_ANY, VALIDATION, read_any, check_const },
	{ "enum", DRAFT_ANY, VALIDATION, read_enum, check_enum },

	{ "multipleOf", DRAFT_ANY, VALIDATION, read_multiple, check_multiple },
	{ "maximum", DRAFT_ANY, VALIDATION, read_number, check_maximum },
	{ "exclusiveMaximum", DRAFT_ANY, VALIDATION, read_number,
	    check_exclusive_maximum },
	{ "minimum", DRAFT_ANY, VALIDATION, read_number, check_minimum },
	{ "exclusiveMinimum", DRAFT_ANY, VALIDATION, read_number,
	    check_exclusive_minimum },

	{ "maxLength", DRAFT_ANY, VALIDATION, read_limit, check_max_length },
	{ "minLength", DRAFT_ANY, VALIDATION, read_limit, check_min_length },
	{ "pattern", DRAFT_ANY, VALIDATION, read_pattern, check_pattern },

	{ "maxItems", DRAFT_ANY, VALIDATION, read_limit, check_max_items },
	{ "minItems", DRAFT_ANY, VALIDATION, read_limit, check_min_items },
	{ "uniqueItems", DRAFT_ANY, VALIDATION, read_unique, check_unique },

	{ "maxProperties", DRAFT_ANY, VALIDATION, read_limit,
	    check_max_properties },
	{ "minProperties", DRAFT_ANY, VALIDATION, read_limit,
	    check_min_properties },
	{ "required", DRAFT_ANY, VALIDATION, read_required, check_required },
	{ "dependentRequired", DRAFT_2020, VALIDATION, read_dependent,
	    check_dependencies },

	{ "properties", DRAFT_ANY, APPLICATOR, read_members, apply_members },
	{ "patternProperties", DRAFT_ANY, APPLICATOR, read_members,
	    apply_members },
	{ "additionalProperties", DRAFT_ANY, APPLICATOR, read_members,
	    apply_members },
	{ "propertyNames", DRAFT_ANY, APPLICATOR, read_sub, apply_names },
	{ "prefixItems", DRAFT_2020, APPLICATOR, read_elements,
	    apply_elements },
	{ "items", DRAFT_ANY, APPLICATOR, read_elements, apply_elements },
	{ "additionalItems", DRAFT_07, APPLICATOR, read_additional_items,
	    apply_elements },
	{ "contains", DRAFT_ANY, APPLICATOR, read_contains, apply_contains },

	{ "$ref", DRAFT_ANY, VOCAB_CORE, read_ref, apply_ref },
	{ "$dynamicRef", DRAFT_2020, VOCAB_CORE, read_ref, apply_ref },
	{ "$recursiveRef", DRAFT_2020, VOCAB_CORE, read_unsupported, NULL },
	{ "$recursiveAnchor", DRAFT_2020, VOCAB_CORE, read_unsupported, NULL },
	{ "allOf", DRAFT_ANY, APPLICATOR, read_subs, apply_all },
	{ "anyOf", DRAFT_ANY, APPLICATOR, read_subs, apply_any },
	{ "oneOf", DRAFT_ANY, APPLICATOR, read_subs, apply_one },
	{ "not", DRAFT_ANY, APPLICATOR, read_sub, apply_not },
	{ "if", DRAFT_ANY, APPLICATOR, read_if, apply_choice },
	{ "then", DRAFT_ANY, APPLICATOR, read_def, NULL },
	{ "else", DRAFT_ANY, APPLICATOR, read_def, NULL },
	{ "dependentSchemas", DRAFT_2020, APPLICATOR, read_dependent,
	    apply_dependent },
	/* Of draft-07; 2020-12 keeps the name for it, so that none gives it another meaning. */
	{ "dependencies", DRAFT_ANY, APPLICATOR, read_dependent,
	    apply_dependent },

	{ "$defs", DRAFT_2020, VOCAB_CORE, read_defs, NULL },
	{ "definitions", DRAFT_ANY, VOCAB_CORE, read_defs, NULL },
	{ "contentSchema", DRAFT_2020, VOCAB_CORE, read_def, NULL },

	/* Behind everything that evaluates. */
	{ "unevaluatedItems", DRAFT_2020, UNEVALUATED, read_unevaluated,
	    apply_unevaluated_items },
	{ "unevaluatedProperties", DRAFT_2020, UNEVALUATED, read_unevaluated,
	    apply_unevaluated_properties },
};

static int
read_row(struct reader *c, const struct keyword *row)
{
	uint32_t at;

	if (!(row->draft & c->d.draft) || !(row->vocab & c->d.vocab))
		return 0;
	at = sibling(c, row->name);
	c->row = row;
	return at ? row->read(c, at) : 0;
}

int
keywords_compile(struct schema *s, uint32_t id, struct err *e)
{
	struct reader c = { .s = s, .sub = s->subs[id], .id = id, .e = e,
	    .t = schema_tree(s, s->subs[id]),
	    .d = s->res[s->subs[id]->res].dialect };
	/* draft-07 8.3; definitions beside it can still be referred to. */
	bool alone = c.d.draft == DRAFT_07 && sibling(&c, "$ref");

	for (size_t i = 0; i < COUNT(keywords); i++)
		if ((!alone || keywords[i].read == read_ref ||
		    keywords[i].read == read_defs) &&
		    read_row(&c, &keywords[i]) < 0)
			return -1;
	return 0;
}
