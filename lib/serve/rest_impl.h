#ifndef SERVE_REST_IMPL_H
#define SERVE_REST_IMPL_H

#include <stdint.h>

#include "base/util.h"
#include "serve/rest.h"

/* What the rest*.c files share. */

struct rest {
	struct rest_opts o;
	const struct http *http;
	int64_t since;		/* monotonic ms */
};

#define ROUTE(name) void name(void *arg, struct http_req *r)

/* ---- rest_ops.c ---- */

ROUTE(rest_health);
ROUTE(rest_healthz);
ROUTE(rest_readyz);
ROUTE(rest_metrics);

#endif
