#ifndef STORE_INPUTS_IMPL_H
#define STORE_INPUTS_IMPL_H

#include <stdint.h>

#include "base/buf.h"

/* One entry of an input's history (rpc sheet section 10.4); reason may be NULL. */
void input_step(struct buf *b, int64_t ms, const char *from, const char *to,
    const char *reason);

#endif
