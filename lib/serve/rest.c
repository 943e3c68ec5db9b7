#include <stdlib.h>

#include "serve/rest_impl.h"
#include "serve/sse.h"
#include "store/db.h"

const struct http_route rest_routes[] = {
	{ "GET", "/health", rest_health, HTTP_OPEN },
	{ "GET", "/healthz", rest_healthz, HTTP_OPEN },
	{ "GET", "/readyz", rest_readyz, HTTP_OPEN },
	{ "GET", "/metrics", rest_metrics, 0 },
	{ "GET", "/openapi.json", rest_openapi, HTTP_OPEN },
	{ "POST", "/sessions", rest_session_create, HTTP_JSON },
	{ "GET", "/sessions", rest_session_list, 0 },
	{ "GET", "/sessions/{sid}", rest_session_read, 0 },
	{ "DELETE", "/sessions/{sid}", rest_session_delete, 0 },
	{ "GET", "/sessions/{sid}/history", rest_session_history, 0 },
	{ "GET", "/sessions/{sid}/events", rest_session_events, 0 },
	{ "POST", "/sessions/{sid}/messages", rest_session_message, HTTP_JSON },
	{ "POST", "/sessions/{sid}/interrupt", rest_session_interrupt, 0 },
	{ "POST", "/sessions/{sid}/system_context", rest_session_context,
	    HTTP_JSON },
	{ "POST", "/sessions/{sid}/external-events", rest_session_event, 0 },
	{ "POST", "/requests/{request_id}/cancel", rest_request_cancel, 0 },
	{ "GET", "/runtime/{id}/state", rest_runtime_state, 0 },
	{ "POST", "/runtime/{id}/accept", rest_runtime_accept, HTTP_JSON },
	{ "POST", "/runtime/{id}/retire", rest_runtime_retire, 0 },
	{ "POST", "/runtime/{id}/reset", rest_runtime_reset, 0 },
	{ "GET", "/input/{id}/list", rest_input_list, 0 },
	{ "GET", "/input/{id}/{input_id}", rest_input_read, 0 },
	{ "GET", "/config", rest_config_get, 0 },
	{ "PUT", "/config", rest_config_put, HTTP_JSON },
	{ "PATCH", "/config", rest_config_patch, HTTP_JSON },
	{ "GET", "/skills", rest_skills, 0 },
	{ "GET", "/skills/{id}", rest_skills, 0 },
	{ "GET", "/capabilities", rest_capabilities, 0 },
	{ "GET", "/models/catalog", rest_models, 0 },
	{ "GET", "/blobs/{id}", rest_blob, 0 },
	{ "POST", "/comms/send", rest_comms_send, HTTP_JSON },
	{ "GET", "/comms/peers", rest_comms_peers, 0 },
};
const size_t rest_n_routes = COUNT(rest_routes);

struct rest *
rest_new(const struct rest_opts *o)
{
	struct rest *s = xcalloc(1, sizeof *s);
	const char *secret = getenv("RKAT_WEBHOOK_SECRET");

	s->o = *o;
	s->realm = db_realm(o->db);
	s->secret = secret && *secret ? xstrdup(secret) : NULL;
	s->since = time_mono_ms();
	s->sse = sse_new(o->base, o->feeds);
	TAILQ_INIT(&s->calls);
	return s;
}

void
rest_served_by(struct rest *s, const struct http *h)
{
	s->http = h;
	sse_served_by(s->sse, h);
}

void
rest_end_streams(struct rest *s)
{
	sse_end_all(s->sse);
}

void
rest_free(struct rest *s)
{
	if (!s)
		return;
	rest_forget_calls(s);
	sse_free(s->sse);
	free(s->secret);
	free(s);
}
