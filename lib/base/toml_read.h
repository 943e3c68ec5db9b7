#ifndef BASE_TOML_READ_H
#define BASE_TOML_READ_H

#include "base/toml.h"

/*
 * What the files of the TOML module share: the reader's position, and trees under
 * construction.
 */
#define TOML_DEPTH 200

struct toml_reader {
	const char *start, *p, *end;
	struct err *e;
	struct toml **slots;	/* hash over (table, key) of all members so far */
	struct toml **owners;
	size_t n_slots, n_used;
};

/* INVALID_PARAMS with the line and column of `at`.  Always -1. */
int toml_fail(struct toml_reader *r, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A string at the cursor, any of the four kinds (or only the one-line kinds), appended to b. */
int toml_read_string(struct toml_reader *r, struct buf *b, bool multiline);
/* A boolean, number or date at the cursor. */
struct toml *toml_read_scalar(struct toml_reader *r);

struct toml *toml_new(enum toml_kind kind);
void toml_push(struct toml *parent, struct toml *kid);	/* takes kid */
void toml_set_key(struct toml *t, const char *key, size_t n);
struct toml *toml_find(const struct toml *table, const char *key, size_t n);
/* By the reader's hash: the member of a table; another one, which takes kid. */
struct toml *toml_member(const struct toml_reader *r, const struct toml *table,
    const struct buf *key);
void toml_add(struct toml_reader *r, struct toml *table, const struct buf *key,
    struct toml *kid);

#endif
