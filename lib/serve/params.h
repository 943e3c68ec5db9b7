#ifndef SERVE_PARAMS_H
#define SERVE_PARAMS_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

/* Members of what a client sent; null counts as absent. */

struct jtext param_get(struct jtext params, const char *key);
/* A string member: new, NULL if it is null or absent; a wrong kind is an error. */
int param_str(struct jtext params, const char *key, char **out, struct err *e);
int param_needed(struct jtext params, const char *key, char **out,
    struct err *e);
/* A whole number from 0 on; *out is left alone if it is null or absent. */
int param_count(struct jtext params, const char *key, int64_t *out,
    struct err *e);

#endif
