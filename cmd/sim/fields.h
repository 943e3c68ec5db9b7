#ifndef SIM_FIELDS_H
#define SIM_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

/*
 * A JSON object into a struct by a table; what is not in the table is an error.
 */
struct field {
	const char *key;
	enum {
		FIELD_STR,	/* char *: string without NUL, new */
		FIELD_I64,	/* int64_t: an integer from 0 on */
		FIELD_FLAG,	/* int: 0 or 1 */
		FIELD_RAW	/* struct jtext of this kind of value (json_kind) */
	} type;
	size_t at;		/* offset in the struct */
	char kind;
};

/* where: for messages, "/reply".  A key that comes twice is an error too. */
int fields_read(struct jtext obj, const struct field *fields, size_t n,
    void *into, const char *where, struct err *e);

#endif
