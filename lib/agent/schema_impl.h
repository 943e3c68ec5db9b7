#ifndef AGENT_SCHEMA_IMPL_H
#define AGENT_SCHEMA_IMPL_H

#include "agent/schema.h"
#include "agent/schema_regex.h"
#include "agent/schema_tree.h"

/*
 * What the compiler (schema.c, schema_keywords.c) hands to the validator
 * (schema_run.c).  A schema object becomes a `sub`, known by its number; a keyword
 * that asserts or applies something becomes a `kw` with the function that does it.
 */
#define NO_SUB UINT32_MAX

struct sub;
struct kw;
struct run;
struct seen;

/* Does the instance node satisfy the keyword?  Evaluated children are marked in seen (NULL: nobody asks). */
typedef bool kw_check(struct run *r, const struct sub *sub, const struct kw *k,
    uint32_t at, struct seen *seen);

/* A name or pattern and what belongs to it. */
struct entry {
	const char *p;
	size_t n;
	struct regex *re;	/* of patternProperties */
	uint32_t sub;		/* schema, or NO_SUB */
	uint32_t value;		/* node in the schema's tree */
};

struct entries {
	struct entry *v;	/* names: sorted by entry_cmp */
	size_t n;
};

struct kw {
	const char *name;
	kw_check *check;
	uint32_t value;			/* node in the schema's tree */
	union {
		uint64_t limit;		/* maxLength ..., or the bits of type */
		struct decimal number;
		struct regex *re;
		uint32_t sub;
		struct {
			uint32_t *v;
			size_t n;
		} subs;
		struct entries names;
		struct {
			struct entries named, patterns;
			uint32_t others;
		} members;
		struct {
			uint32_t *v;
			size_t n;
			uint32_t others;
			const char *others_name;
		} elements;
		struct {
			uint32_t sub;
			uint64_t min, max;
		} contains;
		struct {
			uint32_t test, yes, no;
		} choice;
		struct {
			uint32_t sub;
			const char *dynamic;	/* anchor to look for, or NULL */
		} ref;
	} u;
};

struct sub {
	uint32_t doc, at;	/* where it stands */
	uint32_t res;		/* schema resource: base URI, dialect, anchors */
	char always;		/* 't' or 'f': a boolean schema */
	bool unevaluated;	/* has unevaluatedItems or unevaluatedProperties */
	struct kw *kws;
	size_t n_kws;
};

struct doc {
	char *uri;
	struct tree tree;
	uint32_t *sub_at;	/* by node: its sub + 1 */
};

/* Vocabularies of 2020-12; draft-07 has them all. */
enum { VOCAB_CORE = 1, VOCAB_APPLICATOR = 2, VOCAB_UNEVALUATED = 4,
	VOCAB_VALIDATION = 8, VOCAB_ALL = 15 };
enum { DRAFT_07 = 1, DRAFT_2020 = 2, DRAFT_ANY = 3 };

struct dialect {
	unsigned draft, vocab;
};

struct res {
	char *uri;		/* without fragment */
	uint32_t doc, at;
	struct dialect dialect;
};

struct anchor {
	uint32_t res, sub;
	const char *name;	/* may hold no NUL */
	bool dynamic;
};

/* A $ref or $dynamicRef that waits for its target. */
struct ref {
	uint32_t from;		/* sub */
	size_t kw;
	uint32_t value;
	bool dynamic;
};

struct block;

struct schema {
	struct doc *docs;
	struct res *res;
	struct anchor *anchors;
	struct sub **subs;
	struct ref *refs;
	size_t n_docs, n_res, n_anchors, n_subs, n_refs;
	struct regex **regexes;
	size_t n_regexes;
	int64_t lookups;	/* work done for JSON pointers */
	struct block *blocks;	/* memory that lives as long as the schema */
	schema_fetch *fetch;
	void *arg;
};

/* Zeroed memory, freed with the schema. */
void *schema_keep(struct schema *s, size_t n);
/* Room for one more element: `a` has n of `size` bytes. */
void *schema_grow(void *a, size_t n, size_t size);
const struct tree *schema_tree(const struct schema *s, const struct sub *sub);
/* The number of the schema at a node (made if it is new), in the resource of `from`. */
uint32_t schema_sub(struct schema *s, const struct sub *from, uint32_t at);
/* "<where>: <text>"; -1. */
int schema_bad(const struct schema *s, uint32_t doc, uint32_t at, struct err *e,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A member that must be a string without NUL, kept with the schema; *text NULL if there is none. */
int schema_string(struct schema *s, uint32_t doc, uint32_t at, const char *key,
    const char **text, struct err *e);

/* schema_dialect.c */
extern const struct dialect schema_draft_2020;
/* The dialect that "$schema" names; unchanged if there is none. */
int schema_dialect(struct schema *s, uint32_t doc, uint32_t at,
    struct dialect *d, struct err *e);
/* Text of a document that is not part of the schema yet; absent if nobody has it. */
struct jtext schema_text(struct schema *s, const char *uri);

/* schema_keywords.c: the keywords of a schema object. */
#define SCHEMA_TYPES 7
extern const char *const schema_types[SCHEMA_TYPES];	/* bit i of a type keyword is type i */
int keywords_compile(struct schema *s, uint32_t id, struct err *e);
int entry_cmp(const void *a, const void *b);

/* schema_meta.c: the standard's own schemas; absent if the URI is none of them. */
struct jtext schema_meta(const char *uri);

/* schema_uri.c: new strings. */
char *uri_resolve(const char *base, const char *ref);	/* without fragment */
char *uri_fragment(const char *ref, size_t *n);		/* percent-decoded; "" if there is none */

/* schema_check.c */
kw_check check_type, check_enum, check_const, check_multiple, check_maximum,
    check_exclusive_maximum, check_minimum, check_exclusive_minimum,
    check_max_length, check_min_length, check_pattern, check_max_items,
    check_min_items, check_unique, check_max_properties,
    check_min_properties, check_required, check_dependencies;
/* schema_apply.c */
kw_check apply_ref, apply_all, apply_any, apply_one, apply_not, apply_choice,
    apply_dependent, apply_names, apply_members, apply_elements,
    apply_contains, apply_unevaluated_items, apply_unevaluated_properties;

/* ---- schema_run.c: the walk ---- */

struct scope {
	const struct scope *up;
	uint32_t res;
};

struct run {
	const struct schema *s;
	struct tree *v;			/* the instance; v->nodes[v->n]: a property name */
	uint32_t name_of;		/* whose property name that is */
	const struct scope *scope;	/* the schema resources entered, innermost first */
	unsigned depth;
	unsigned quiet;			/* failing here is no failure of the whole */
	int64_t steps;			/* left */
	int64_t deadline;		/* for patterns */
	bool stop;			/* a limit was hit: no answer means anything */
	struct err *e;
};

/* Evaluate a sub; false also if a limit stopped it. */
bool run_check(struct run *r, uint32_t id, uint32_t at, struct seen *seen);
/* Say why; false. */
bool run_fail(struct run *r, uint32_t at, const char *keyword,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Take work from the budget; false if nothing is left. */
bool run_spend(struct run *r, uint64_t n);
/* Is node i of t the same value as node `at` of the instance? */
bool run_equal(struct run *r, const struct tree *t, uint32_t i, uint32_t at);
bool run_match(struct run *r, const struct regex *re, const char *p, size_t n);
const struct entry *run_find(const struct entries *es, const char *p, size_t n);

/* Which children of one instance node have been evaluated. */
struct seen *seen_new(const struct run *r, uint32_t at);
void seen_mark(struct seen *s, size_t i);		/* s may be NULL */
void seen_mark_all(struct seen *s);
bool seen_has(const struct seen *s, size_t i);
void seen_add(struct seen *s, const struct seen *more);

#endif
