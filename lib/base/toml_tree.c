#include <stdlib.h>
#include <string.h>

#include "base/toml_read.h"

/* ---- trees ---- */

struct toml *
toml_new(enum toml_kind kind)
{
	struct toml *t = xcalloc(1, sizeof *t);

	t->kind = kind;
	return t;
}

void
toml_free(struct toml *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		toml_free(t->kids[i]);
	free(t->kids);
	free(t->key);
	free(t->s);
	free(t);
}

void
toml_push(struct toml *parent, struct toml *kid)
{
	if (parent->n == parent->cap) {
		parent->cap = parent->cap ? 2 * parent->cap : 4;
		parent->kids = xrealloc(parent->kids,
		    parent->cap * sizeof *parent->kids);
	}
	parent->kids[parent->n++] = kid;
}

void
toml_set_key(struct toml *t, const char *key, size_t n)
{
	free(t->key);
	t->key = xstrndup(key, n);
	t->key_len = n;
}

struct toml *
toml_find(const struct toml *table, const char *key, size_t n)
{
	if (!table || table->kind != TOML_TABLE)
		return NULL;
	for (size_t i = 0; i < table->n; i++)
		if (table->kids[i]->key_len == n &&
		    !memcmp(table->kids[i]->key, key, n))
			return table->kids[i];
	return NULL;
}

struct toml *
toml_get(const struct toml *table, const char *key)
{
	return toml_find(table, key, strlen(key));
}

/* ---- members by name: a hash, so that no document takes quadratic time ---- */

static size_t
hash(const struct toml *table, const char *key, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull ^ ((uintptr_t)table >> 4);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3ull;
	return (size_t)(h ^ h >> 29);
}

static size_t
slot_of(const struct toml_reader *r, const struct toml *table, const char *key,
    size_t n)
{
	size_t i = hash(table, key, n) & (r->n_slots - 1);

	while (r->slots[i] && !(r->owners[i] == table &&
	    r->slots[i]->key_len == n && !memcmp(r->slots[i]->key, key, n)))
		i = (i + 1) & (r->n_slots - 1);
	return i;
}

static void
grow(struct toml_reader *r)
{
	struct toml_reader old = *r;

	r->n_slots = old.n_slots ? 2 * old.n_slots : 64;
	r->slots = xcalloc(r->n_slots, sizeof *r->slots);
	r->owners = xcalloc(r->n_slots, sizeof *r->owners);
	for (size_t i = 0; i < old.n_slots; i++) {
		size_t to;

		if (!old.slots[i])
			continue;
		to = slot_of(r, old.owners[i], old.slots[i]->key,
		    old.slots[i]->key_len);
		r->slots[to] = old.slots[i];
		r->owners[to] = old.owners[i];
	}
	free(old.slots);
	free(old.owners);
}

struct toml *
toml_member(const struct toml_reader *r, const struct toml *table,
    const struct buf *key)
{
	return r->n_slots ? r->slots[slot_of(r, table, buf_str(key), key->n)] :
	    NULL;
}

void
toml_add(struct toml_reader *r, struct toml *table, const struct buf *key,
    struct toml *kid)
{
	size_t i;

	if (2 * ++r->n_used > r->n_slots)
		grow(r);
	toml_set_key(kid, buf_str(key), key->n);
	toml_push(table, kid);
	i = slot_of(r, table, kid->key, kid->key_len);
	r->slots[i] = kid;
	r->owners[i] = table;
}
