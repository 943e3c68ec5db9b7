#ifndef SERVE_LIMITS_H
#define SERVE_LIMITS_H

#include "base/err.h"
#include "serve/http.h"

/*
 * The limits file (rkat-serve(1)): TOML, whole numbers by name; what it does not name
 * has its default.  An unknown name or a number out of its range is an error, and *l
 * stays as it was.
 */
int limits_load(const char *path, struct http_limits *l, struct err *e);

#endif
