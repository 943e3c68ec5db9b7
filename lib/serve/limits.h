#ifndef SERVE_LIMITS_H
#define SERVE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A limits file (rkat-serve(1), rkat-peerd(8)): TOML, whole numbers by name; what it
 * does not name stays as it is in *to.  An unknown name or a number out of its range is
 * an error.
 */
struct limit {
	const char *name;
	size_t offset;		/* in *to */
	bool is_size;		/* a size_t, else an int */
	int64_t min, max;
};
int limits_load(const char *path, const struct limit *keys, size_t n,
    void *to, struct err *e);

#endif
