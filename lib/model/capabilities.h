#ifndef MODEL_CAPABILITIES_H
#define MODEL_CAPABILITIES_H

#include "base/buf.h"

struct config;

/* What this build can do and this configuration allows: rpc sheet section 10.1, compact JSON. */
void capabilities_emit(const struct config *c, struct buf *b);

#endif
