#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "sim/answer.h"

/* Error bodies in each provider's words: providers sheet 7.2. */

static const struct usual {
	int status;
	const char *anthropic, *openai, *openai_code, *gemini, *message;
} usuals[] = {
	{ 400, "invalid_request_error", "invalid_request_error", NULL,
	    "INVALID_ARGUMENT", "invalid request" },
	{ 401, "authentication_error", "invalid_request_error",
	    "invalid_api_key", "UNAUTHENTICATED", "invalid API key" },
	{ 402, "billing_error", "invalid_request_error", NULL,
	    "FAILED_PRECONDITION", "billing problem" },
	{ 403, "permission_error", "invalid_request_error", NULL,
	    "PERMISSION_DENIED", "permission denied" },
	{ 404, "not_found_error", "invalid_request_error", "model_not_found",
	    "NOT_FOUND", "not found" },
	{ 405, "invalid_request_error", "invalid_request_error", NULL,
	    "UNIMPLEMENTED", "method not allowed" },
	{ 408, "timeout_error", "invalid_request_error", NULL,
	    "DEADLINE_EXCEEDED", "request timeout" },
	{ 413, "request_too_large", "invalid_request_error", NULL,
	    "INVALID_ARGUMENT", "request too large" },
	{ 429, "rate_limit_error", "requests", "rate_limit_exceeded",
	    "RESOURCE_EXHAUSTED", "rate limit reached" },
	{ 500, "api_error", "server_error", NULL, "INTERNAL",
	    "internal server error" },
	{ 502, "api_error", "server_error", NULL, "UNAVAILABLE", "bad gateway" },
	{ 503, "api_error", "server_error", NULL, "UNAVAILABLE",
	    "the service is unavailable" },
	{ 504, "timeout_error", "server_error", NULL, "DEADLINE_EXCEEDED",
	    "timeout" },
	{ 529, "overloaded_error", "server_error", NULL, "UNAVAILABLE",
	    "Overloaded" },
};

static const struct usual *
usual(int status)
{
	for (size_t i = 0; i < COUNT(usuals); i++)
		if (usuals[i].status == status)
			return &usuals[i];
	return usual(status >= 500 ? 500 : 400);
}

static const char *
or(const char *a, const char *b)
{
	return a ? a : b;
}

static void
put_anthropic(struct buf *b, const struct failure *f, int64_t n)
{
	const struct usual *u = usual(f->status);
	char id[48];

	snprintf(id, sizeof id, "req_sim%" PRId64, n);
	jput_kcstr(b, "type", "error");
	jput_key(b, "error");
	jput_open(b, '{');
	jput_kcstr(b, "type", or(f->type, u->anthropic));
	jput_kcstr(b, "message", or(f->message, u->message));
	jput_close(b, '}');
	jput_kcstr(b, "request_id", id);
}

static void
put_openai(struct buf *b, const struct failure *f)
{
	const struct usual *u = usual(f->status);

	jput_key(b, "error");
	jput_open(b, '{');
	jput_kcstr(b, "message", or(f->message, u->message));
	jput_kcstr(b, "type", or(f->type, u->openai));
	jput_kcstr(b, "param", f->param);
	jput_kcstr(b, "code", f->code || f->type ? f->code : u->openai_code);
	jput_close(b, '}');
}

/* Retry hints are a detail here, not a header. */
static void
put_gemini(struct buf *b, const struct failure *f)
{
	const struct usual *u = usual(f->status);

	jput_key(b, "error");
	jput_open(b, '{');
	jput_ki64(b, "code", f->status);
	jput_kcstr(b, "message", or(f->message, u->message));
	jput_kcstr(b, "status", or(f->type, u->gemini));
	if (f->retry_after || f->code) {
		jput_key(b, "details");
		jput_open(b, '[');
	}
	if (f->code) {
		jput_open(b, '{');
		jput_kcstr(b, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
		jput_kcstr(b, "reason", f->code);
		jput_kcstr(b, "domain", "googleapis.com");
		jput_close(b, '}');
	}
	if (f->retry_after) {
		char delay[64];

		snprintf(delay, sizeof delay, "%ss", f->retry_after);
		jput_open(b, '{');
		jput_kcstr(b, "@type", "type.googleapis.com/google.rpc.RetryInfo");
		jput_kcstr(b, "retryDelay", delay);
		jput_close(b, '}');
	}
	if (f->retry_after || f->code)
		jput_close(b, ']');
	jput_close(b, '}');
}

void
error_put(struct buf *b, enum format format, const struct failure *f,
    int64_t n)
{
	jput_open(b, '{');
	switch (format) {
	case F_ANTHROPIC:
		put_anthropic(b, f, n);
		break;
	case F_GEMINI:
		put_gemini(b, f);
		break;
	case F_OPENAI:
	case F_CHAT:
	case F_MODELS:
	case F_OTHER:
		put_openai(b, f);
		break;
	}
	jput_close(b, '}');
}

void
error_fields(struct buf *b, enum format format, const struct failure *f)
{
	if (f->retry_after && format != F_GEMINI)
		buf_printf(b, "retry-after: %s\r\n", f->retry_after);
}
