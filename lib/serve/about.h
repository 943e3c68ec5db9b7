#ifndef SERVE_ABOUT_H
#define SERVE_ABOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct realm;

/* What every surface tells of the realm and what is installed: JSON objects into b. */

int about_capabilities(const struct realm *r, struct buf *b, struct err *e);
int about_models(const struct realm *r, struct buf *b, struct err *e);
/* The config envelope, with resolved_paths if asked. */
int about_config(const struct realm *r, bool paths, struct buf *b,
    struct err *e);

/* With config_set or config_patch; a generation conflict in the contract's words. */
int about_change_config(const struct realm *r,
    int (*apply)(const struct realm *, struct jtext, int64_t, int64_t *,
    struct err *), struct jtext v, int64_t expected, struct err *e);

#endif
