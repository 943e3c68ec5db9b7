#ifndef MODEL_JTREE_H
#define MODEL_JTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/*
 * A JSON Schema as a tree that can be changed without losing order or digits.  Leaves
 * are slices of the schema's text (or static text), so the text must outlive the tree.
 */
enum node_kind { NODE_LEAF, NODE_OBJECT, NODE_ARRAY };

struct node {
	enum node_kind kind;
	struct jtext key;	/* raw string token, in an object */
	struct jtext raw;	/* leaf */
	char *own;		/* leaf whose text was made here */
	struct node **kids;
	size_t n;
};

/* What a keyword of a schema holds. */
enum place { PLACE_DATA, PLACE_SCHEMA, PLACE_LIST, PLACE_MAP };
enum place jtree_place(struct jtext key, struct jtext value);

/*
 * Read a schema.  With inline_refs every local $ref is replaced by what it points to
 * and definitions go; one that cannot be is an error.  NULL: that, too deep or too big.
 */
struct node *jtree_read(struct jtext schema, bool inline_refs, struct err *e);

/* "#/a~1b/0" in the root schema; absent text if it leads nowhere, or out of it. */
struct jtext jtree_resolve(struct jtext root, const char *ref);

struct node *jtree_leaf(struct jtext raw);
struct node *jtree_own(char *text);	/* takes the text */
struct node *jtree_new(enum node_kind kind);
void jtree_free(struct node *t);
void jtree_emit(const struct node *t, struct buf *b);

/* Members of an object by decoded name. */
struct node *jtree_get(const struct node *t, const char *name);
/* Replace or add; takes kid.  key is a raw token: "\"type\"". */
void jtree_set(struct node *t, struct jtext key, struct node *kid);
void jtree_del(struct node *t, const char *name);
void jtree_push(struct node *t, struct node *kid);	/* array */
void jtree_remove(struct node *t, size_t i);

/* Call each(schema, arg) for every schema right below t. */
void jtree_each(struct node *t, void (*each)(struct node *, void *),
    void *arg);
/* Object typed: says so, or says nothing and has properties. */
bool jtree_object_typed(const struct node *t);

#endif
