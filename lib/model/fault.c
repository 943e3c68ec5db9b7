#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/util.h"
#include "model/fault.h"

#define MESSAGE_MAX 2048	/* bytes of a provider's message that we repeat */

/* Sheet 7.1: the words in front, and whether the kind may be tried again. */
static const struct {
	const char *prefix;
	bool retryable;
} kinds[] = {
	[FAULT_NONE] = { "", false },
	[FAULT_RATE_LIMITED] = { "Rate limited", true },
	[FAULT_OVERLOADED] = { "Server overloaded", true },
	[FAULT_NETWORK_TIMEOUT] = { "Network timeout", true },
	[FAULT_CONNECTION_RESET] = { "Connection reset", true },
	[FAULT_SERVER_ERROR] = { "Server error: ", true },
	[FAULT_INVALID_REQUEST] = { "Invalid request: ", false },
	[FAULT_AUTH] = { "Authentication failed: ", false },
	[FAULT_INVALID_KEY] = { "Invalid API key", false },
	[FAULT_MODEL_NOT_FOUND] = { "Model not found: ", false },
	[FAULT_CONTENT_FILTERED] = { "Content filtered: ", false },
	[FAULT_CONTEXT_LENGTH] = { "Context length exceeded: ", false },
	[FAULT_PARSE] = { "Stream parsing error: ", false },
	[FAULT_INCOMPLETE] = { "Incomplete response: ", true },
	[FAULT_UNKNOWN] = { "Unknown error: ", false },
	[FAULT_CALL_TIMEOUT] = { "LLM call timed out", true },
	[FAULT_CANCELLED] = { "Cancelled", false },
};

/* One clean line of valid UTF-8 that fits. */
static void
set_text(struct model_error *me, const char *s, size_t n)
{
	size_t max = sizeof me->text - 1, k = 0, len;

	for (size_t i = 0; i < n && k < max; i += len) {
		len = utf8_next(s + i, n - i);
		if (k + (len ? len : 1) > max)
			break;
		if (!len) {
			me->text[k++] = '?';
			len = 1;
		} else if (len == 1 && iscntrl((unsigned char)s[i])) {
			me->text[k++] = ' ';
		} else {
			memcpy(me->text + k, s + i, len);
			k += len;
		}
	}
	me->text[k] = '\0';
}

int
fault_set(struct model_error *me, enum model_fault fault, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	buf_puts(&b, kinds[fault].prefix);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	me->fault = fault;
	me->retryable = kinds[fault].retryable;
	set_text(me, b.p, b.n);
	buf_free(&b);
	return -1;
}

void
fault_redact(struct model_error *me, const char *secret)
{
	static const char word[] = "[redacted]";
	size_t n = secret ? strlen(secret) : 0;
	struct buf b = BUF_INIT;
	const char *p = me->text, *hit;

	if (n < 4 || !strstr(p, secret))
		return;
	for (; (hit = strstr(p, secret)); p = hit + n) {
		buf_put(&b, p, (size_t)(hit - p));
		buf_puts(&b, word);
	}
	buf_puts(&b, p);
	set_text(me, b.p, b.n);
	explicit_bzero(b.p, b.cap);
	buf_free(&b);
}

/* ---- looking into error documents ---- */

struct jtext
fault_find(struct jtext doc)
{
	struct jtext error;

	if (json_is(doc, '['))
		doc = json_path(doc, "0");
	error = json_get(doc, "error");
	if (json_is(error, '{') || json_is(error, '"'))
		return error;
	if (json_str_is(json_get(doc, "type"), "error") ||
	    json_str_is(json_get(doc, "object"), "error"))
		return doc;
	return JTEXT_NONE;
}

/* What an inner error object says of itself. */
struct said {
	char *message;		/* never NULL */
	char *code, *type, *status;	/* "" if absent; code also when it is a number */
	struct jtext error;
};

static char *
word_of(struct jtext v)
{
	char *s = json_str(v, NULL);

	if (s)
		return s;
	return json_is(v, '0') ? xstrndup(v.p, v.n) : xstrdup("");
}

static void
said_read(struct said *s, struct jtext error)
{
	s->error = error;
	s->message = json_is(error, '"') ? json_str(error, NULL) :
	    word_of(json_get(error, "message"));
	s->code = word_of(json_get(error, "code"));
	s->type = word_of(json_get(error, "type"));
	s->status = word_of(json_get(error, "status"));
	if (strlen(s->message) > MESSAGE_MAX)
		s->message[utf8_cut(s->message, strlen(s->message),
		    MESSAGE_MAX)] = '\0';
}

static void
said_free(struct said *s)
{
	free(s->message);
	free(s->code);
	free(s->type);
	free(s->status);
}

/* Is one of its names this word? */
static bool
named(const struct said *s, const char *word)
{
	return !strcmp(s->code, word) || !strcmp(s->type, word) ||
	    !strcmp(s->status, word);
}

/* ---- context overflow, sheet 7.3 ---- */

static int64_t
number_at(const char *p)
{
	while (*p && !isdigit((unsigned char)*p))
		p++;
	return *p ? strtoll(p, NULL, 10) % 1000000000000 : 0;
}

/* The first number in front of p. */
static int64_t
number_before(const char *from, const char *p)
{
	while (p > from && !isdigit((unsigned char)p[-1]))
		p--;
	while (p > from && isdigit((unsigned char)p[-1]))
		p--;
	return number_at(p);
}

/* True and both numbers (0: unknown) if it says that the prompt is too long. */
static bool
overflow(const struct said *s, int64_t *max, int64_t *asked)
{
	const char *m = s->message, *at, *end = m + strlen(m);

	*max = json_get_i64(s->error, "n_ctx", 0);
	*asked = json_get_i64(s->error, "n_prompt_tokens", 0);
	if (named(s, "exceed_context_size_error"))
		return true;
	if ((at = strcasestr(m, "prompt is too long")) ||
	    strcasestr(m, "exceed context limit")) {
		at = strchr(m, '>');
		*max = at ? number_at(at) : 0;
		*asked = at ? number_before(m, at) : 0;
		if (at && strchr(m, '+'))	/* A + B > C */
			*asked += number_before(m, strchr(m, '+'));
		return true;
	}
	if ((at = strcasestr(m, "maximum context length"))) {
		*max = number_at(at);
		at += strcspn(at, "0123456789");
		at += strspn(at, "0123456789");
		at += strcspn(at, ".,;");
		*asked = number_at(at);
		return true;
	}
	if ((at = strcasestr(m, "input token count"))) {
		*asked = number_at(at);
		*max = number_before(m, end);
		return strcasestr(m, "exceeds the maximum") != NULL;
	}
	return named(s, "context_length_exceeded");
}

static bool
set_overflow(struct model_error *me, const struct said *s)
{
	int64_t max, asked;

	if (!overflow(s, &max, &asked))
		return false;
	fault_set(me, FAULT_CONTEXT_LENGTH, "%" PRId64 " > %" PRId64, asked,
	    max);
	return true;
}

/* ---- how long to wait ---- */

static void
set_hint(struct model_error *me, double ms)
{
	if (ms >= 0 && ms < 1e15)
		me->retry_after_ms = (int64_t)(ms + 0.999);
}

/* "22s", "1.5s". */
static bool
seconds(const char *s, double *out)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	if (!isdigit((unsigned char)*s))
		return false;
	*out = strtod(s, &end);
	while (isspace((unsigned char)*end) || *end == 's')
		end++;
	return !*end;
}

static void
read_hints(struct model_error *me, const struct fault_headers *h,
    const struct said *s)
{
	struct jiter it;
	double v;
	time_t date;
	char *delay;

	if (seconds(h->retry_after_ms, &v)) {
		set_hint(me, v);
	} else if (seconds(h->retry_after, &v)) {
		set_hint(me, v * 1000);
	} else if (*h->retry_after &&
	    (date = curl_getdate(h->retry_after, NULL)) >= 0) {
		v = (double)date * 1000 - (double)time_ms();
		set_hint(me, v < 0 ? 0 : v);
	} else {
		/* Gemini says it in the body. */
		for (it = json_iter(json_get(s->error, "details"));
		    json_next(&it); ) {
			delay = json_get_str(it.value, "retryDelay");
			if (delay && seconds(delay, &v))
				set_hint(me, v * 1000);
			free(delay);
		}
	}
}

static bool
daily_quota(struct jtext error)
{
	struct jtext details = json_get(error, "details");

	return details.p && memmem(details.p, details.n, "PerDay", 6);
}

static void
set_rate_limited(struct model_error *me, const struct said *s)
{
	if (me->retry_after_ms >= 0)
		fault_set(me, FAULT_RATE_LIMITED,
		    ", retry after %" PRId64 "ms%s%s", me->retry_after_ms,
		    *s->message ? ": " : "", s->message);
	else
		fault_set(me, FAULT_RATE_LIMITED, "%s%s",
		    *s->message ? ": " : "", s->message);
	/* No waiting helps against an empty purse or a used-up day. */
	if (named(s, "insufficient_quota") || daily_quota(s->error))
		me->retryable = false;
}

/* ---- by status ---- */

static void
set_client_error(struct model_error *me, int status, const struct said *s)
{
	if (set_overflow(me, s))
		return;
	if (strstr(s->message, "API key not valid") ||
	    memmem(s->error.p ? s->error.p : "", s->error.n,
	    "API_KEY_INVALID", 15))
		fault_set(me, FAULT_AUTH, "%s", s->message);
	else if (*s->code && *s->message && strlen(s->code) > 3)
		fault_set(me, FAULT_INVALID_REQUEST, "%s (%s)", s->message,
		    s->code);
	else if (*s->message)
		fault_set(me, FAULT_INVALID_REQUEST, "%s", s->message);
	else
		fault_set(me, FAULT_INVALID_REQUEST, "HTTP %d", status);
}

/* A wrong address answers 404, too; that is no word about the model. */
static void
set_not_found(struct model_error *me, const struct said *s)
{
	if (named(s, "model_not_found") || named(s, "not_found_error") ||
	    named(s, "NOT_FOUND") || strcasestr(s->message, "model"))
		fault_set(me, FAULT_MODEL_NOT_FOUND, "%s", s->message);
	else
		fault_set(me, FAULT_INVALID_REQUEST,
		    "HTTP 404, is the base URL right? %s", s->message);
}

static void
set_status(struct model_error *me, int status, const struct said *s)
{
	switch (status) {
	case 401:
		fault_set(me, FAULT_AUTH, "%s",
		    *s->message ? s->message : "the server refused the key");
		break;
	case 403:
		fault_set(me, FAULT_INVALID_KEY, "%s%s",
		    *s->message ? ": " : "", s->message);
		break;
	case 404:
		set_not_found(me, s);
		break;
	case 429:
		set_rate_limited(me, s);
		break;
	case 503:
	case 529:
		fault_set(me, FAULT_OVERLOADED, " (%d)%s%s", status,
		    *s->message ? ": " : "", s->message);
		break;
	case 408:
	case 409:
	case 425:
		fault_set(me, FAULT_SERVER_ERROR, "%d - %s", status,
		    s->message);
		me->max_retries = status == 409 ? 1 : 0;
		break;
	default:
		if (status >= 500)
			fault_set(me, FAULT_SERVER_ERROR, "%d - %s", status,
			    s->message);
		else if (status >= 400)
			set_client_error(me, status, s);
		else if (status >= 300)
			fault_set(me, FAULT_UNKNOWN, "HTTP %d: the server "
			    "sends us elsewhere; redirects are not followed, "
			    "the key would go with them", status);
		else
			fault_set(me, FAULT_UNKNOWN, "HTTP %d %s", status,
			    s->message);
	}
}

void
fault_http(struct model_error *me, int status, const struct fault_headers *h,
    const char *body, size_t n)
{
	struct jtext doc = JTEXT_NONE, error;
	struct said s;

	if (json_parse(body, n, &doc, NULL) < 0)
		doc = JTEXT_NONE;
	error = fault_find(doc);
	/* Some servers put the message at the top, some send no JSON. */
	said_read(&s, error.p ? error : doc);
	if (!*s.message) {
		free(s.message);
		s.message = xstrndup(body ? body : "",
		    n < MESSAGE_MAX ? n : MESSAGE_MAX);
	}
	me->status = status;
	me->retry_after_ms = -1;
	snprintf(me->request_id, sizeof me->request_id, "%s", h->request_id);
	read_hints(me, h, &s);
	set_status(me, status, &s);
	if (!strcasecmp(h->should_retry, "true"))
		me->retryable = true;
	else if (!strcasecmp(h->should_retry, "false"))
		me->retryable = false;
	said_free(&s);
}

/* ---- in the stream ---- */

void
fault_stream(struct model_error *me, struct jtext error)
{
	static const struct {
		const char *name;
		int status;
	} names[] = {
		{ "overloaded_error", 529 }, { "unavailable_error", 503 },
		{ "UNAVAILABLE", 503 }, { "server_is_overloaded", 503 },
		{ "rate_limit_error", 429 }, { "rate_limit_exceeded", 429 },
		{ "RESOURCE_EXHAUSTED", 429 }, { "insufficient_quota", 429 },
		{ "api_error", 500 }, { "server_error", 500 },
		{ "internal_server_error", 500 }, { "INTERNAL", 500 },
		{ "timeout_error", 504 }, { "DEADLINE_EXCEEDED", 504 },
		{ "authentication_error", 401 }, { "permission_error", 401 },
		{ "PERMISSION_DENIED", 403 }, { "invalid_api_key", 401 },
		{ "context_length_exceeded", 400 },
		{ "exceed_context_size_error", 400 },
		{ "invalid_request_error", 400 }, { "invalid_prompt", 400 },
		{ "BadRequestError", 400 }, { "INVALID_ARGUMENT", 400 },
		{ "FAILED_PRECONDITION", 400 }, { "request_too_large", 400 },
		{ "model_not_found", 404 }, { "not_found_error", 404 },
	};
	static const struct fault_headers no_headers = { .request_id = "" };
	struct said s;
	int status = 0;
	long code;
	char *end;

	said_read(&s, error);
	me->retry_after_ms = -1;
	read_hints(me, &no_headers, &s);
	for (size_t i = 0; !status && i < COUNT(names); i++)
		if (named(&s, names[i].name))
			status = names[i].status;
	code = strtol(s.code, &end, 10);
	if (!status && *s.code && !*end && code >= 400 && code < 600)
		status = (int)code;
	if (!status && !strncmp(s.code, "image_", 6))
		status = 400;
	me->status = status;
	if (status)
		set_status(me, status, &s);
	else if (!set_overflow(me, &s))
		fault_set(me, FAULT_UNKNOWN, "%s: %s", *s.code ? s.code :
		    *s.type ? s.type : *s.status ? s.status : "unknown",
		    *s.message ? s.message : "unknown streaming error");
	said_free(&s);
}
