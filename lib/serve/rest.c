#include <stdlib.h>

#include "serve/rest_impl.h"

const struct http_route rest_routes[] = {
	{ "GET", "/health", rest_health, HTTP_OPEN },
	{ "GET", "/healthz", rest_healthz, HTTP_OPEN },
	{ "GET", "/readyz", rest_readyz, HTTP_OPEN },
	{ "GET", "/metrics", rest_metrics, 0 },
};
const size_t rest_n_routes = COUNT(rest_routes);

struct rest *
rest_new(const struct rest_opts *o)
{
	struct rest *s = xcalloc(1, sizeof *s);

	s->o = *o;
	s->since = time_mono_ms();
	return s;
}

void
rest_served_by(struct rest *s, const struct http *h)
{
	s->http = h;
}

void
rest_free(struct rest *s)
{
	free(s);
}
