#ifndef AGENT_SCHEMA_TREE_H
#define AGENT_SCHEMA_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * JSON text with an index, for the schema compiler and validator: every value is a
 * node, in the order of the text, so that the nodes of a value stand side by side
 * (node i, then all below it, up to nodes[i].end).  Node 0 is the root.  Building and
 * walking need no recursion, so any depth is fine.
 */
struct node {
	char kind;		/* as json_kind */
	bool shadowed;		/* a later member of the same name counts instead */
	uint32_t end;		/* behind the last node of this value */
	uint32_t count;		/* elements or members */
	const char *p;		/* string: decoded bytes; else the text of the value */
	size_t n;
	const char *key;	/* decoded; members only */
	size_t key_n;
	uint64_t hash;		/* equal values have equal hashes; after tree_hash */
};

struct tree {
	struct node *nodes;	/* n, and one spare for a string from outside */
	uint32_t n;
	bool hashed;
	char *decoded;		/* strings with escapes */
};

/* Checks the text, which must outlive the tree.  INVALID_PARAMS if it is not JSON or has too many values. */
int tree_init(struct tree *t, struct jtext text, struct err *e);
void tree_free(struct tree *t);

/* Children of node i; 0 when there are no more. */
uint32_t tree_first(const struct tree *t, uint32_t i);
uint32_t tree_next(const struct tree *t, uint32_t parent, uint32_t child);
#define EACH_CHILD(t, i, c) \
	for (uint32_t c = tree_first(t, i); c; c = tree_next(t, i, c))

/* A member by name; 0 if there is none. */
uint32_t tree_get(const struct tree *t, uint32_t i, const char *key, size_t n);
/* The node a token of a JSON pointer leads to; 0 if there is none. */
uint32_t tree_step(const struct tree *t, uint32_t i, const char *token,
    size_t n);

void tree_hash(struct tree *t);
uint64_t tree_hash_string(const char *p, size_t n);
/* Deep equality, both hashed.  Work is taken from *steps; below 0 the answer means nothing. */
bool tree_equal(const struct tree *a, uint32_t i, const struct tree *b,
    uint32_t j, int64_t *steps);

/* The JSON pointer of a node, "(root)" for the root; a long one is cut in the middle. */
void tree_path(const struct tree *t, uint32_t i, struct buf *b);

/*
 * A number as written: 0.d1d2d3... * 10^exp, without leading and trailing zeros.  The
 * digits are in the text (skip the '.').  Zero has n 0.  Exponents beyond 10^17 are
 * taken as 10^17.
 */
struct decimal {
	bool neg;
	const char *p;
	size_t n;		/* digits */
	int64_t exp;
};
struct decimal decimal_parse(const char *p, size_t n);
int decimal_cmp(const struct decimal *a, const struct decimal *b);
bool decimal_integer(const struct decimal *d);
/* A non-negative integer, UINT64_MAX if larger; false for anything else. */
bool decimal_u64(const struct decimal *d, uint64_t *out);
/* Is a an integer multiple of b, exactly?  b has at most DECIMAL_DIVISOR digits. */
#define DECIMAL_DIVISOR 18
bool decimal_multiple(const struct decimal *a, const struct decimal *b);

#endif
