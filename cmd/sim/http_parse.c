#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/http.h"

bool
http_is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) &&
		    (!s[i] || !strchr("!#$%&'*+-.^_`|~", s[i])))
			return false;
	return n > 0;
}

/* "POST /v1/messages?beta=true HTTP/1.1"; a target with scheme and host loses them. */
static int
parse_request_line(const char *p, size_t n, struct http_request *rq)
{
	const char *sp = memchr(p, ' ', n), *end = p + n, *target, *q;

	if (!sp || !http_is_token(p, (size_t)(sp - p)))
		return -1;
	target = sp + 1;
	sp = memchr(target, ' ', (size_t)(end - target));
	if (!sp || end - sp != 9 || memcmp(sp, " HTTP/1.", 8) ||
	    (sp[8] != '0' && sp[8] != '1'))
		return -1;
	rq->method = xstrndup(p, (size_t)(target - 1 - p));
	rq->http10 = sp[8] == '0';
	rq->close = rq->http10;
	if ((size_t)(sp - target) > 7 && !memcmp(target, "http://", 7)) {
		target = memchr(target + 7, '/', (size_t)(sp - target - 7));
		if (!target)
			return -1;
	}
	if (*target != '/')
		return -1;
	q = memchr(target, '?', (size_t)(sp - target));
	rq->path = xstrndup(target, (size_t)((q ? q : sp) - target));
	rq->query = q ? xstrndup(q + 1, (size_t)(sp - q - 1)) : xstrdup("");
	return 0;
}

static int
parse_field(const char *p, size_t n, struct http_request *rq)
{
	const char *colon = memchr(p, ':', n), *v, *end = p + n;
	struct header *h;

	if (!colon || !http_is_token(p, (size_t)(colon - p)))
		return -1;
	for (v = colon + 1; v < end && (*v == ' ' || *v == '\t'); v++)
		;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	rq->headers = xrealloc(rq->headers,
	    (rq->n_headers + 1) * sizeof *rq->headers);
	h = &rq->headers[rq->n_headers++];
	h->name = xstrndup(p, (size_t)(colon - p));
	h->value = xstrndup(v, (size_t)(end - v));
	for (char *c = h->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

/* How the body comes (RFC 9112 section 6).  Both ways at once is how requests are smuggled. */
static int
parse_framing(struct http_request *rq, const char **why)
{
	const char *length = http_header(rq, "content-length");
	const char *coding = http_header(rq, "transfer-encoding");
	const char *s;

	*why = "a body with two lengths or an unknown transfer-encoding";
	for (size_t i = 0; length && i < rq->n_headers; i++)
		if (!strcmp(rq->headers[i].name, "content-length") &&
		    strcmp(rq->headers[i].value, length))
			return 400;
	if (coding && (length || strcasecmp(coding, "chunked")))
		return 400;
	rq->chunked = coding != NULL;
	*why = "content-length is not a number";
	for (s = length; s && *s; s++)
		if (!isdigit((unsigned char)*s))
			return 400;
	if (length && !*length)
		return 400;
	*why = "the body is larger than 64 MiB";
	if (length && (strlen(length) > 12 || strtoull(length, NULL, 10) > HTTP_BODY_MAX))
		return 413;
	rq->length = length ? strtoull(length, NULL, 10) : 0;
	s = http_header(rq, "connection");
	if (s && !strcasecmp(s, "close"))
		rq->close = true;
	s = http_header(rq, "expect");
	rq->expects = s && !strcasecmp(s, "100-continue");
	return 0;
}

int
http_parse_head(const char *p, size_t n, struct http_request *rq,
    const char **why)
{
	const char *end = p + n, *eol;
	bool first = true;

	*why = "this is not an HTTP/1.1 request";
	if (memchr(p, '\0', n))
		return 400;
	for (; p < end; p = eol + 2, first = false) {
		eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (!eol)
			return 400;
		if (eol == p)
			break;
		if ((first ? parse_request_line : parse_field)(p,
		    (size_t)(eol - p), rq) < 0)
			return 400;
	}
	if (!rq->path)
		return 400;
	return parse_framing(rq, why);
}

const char *
http_header(const struct http_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (!strcmp(rq->headers[i].name, name))
			return rq->headers[i].value;
	return NULL;
}

void
http_request_free(struct http_request *rq)
{
	for (size_t i = 0; i < rq->n_headers; i++) {
		free(rq->headers[i].name);
		free(rq->headers[i].value);
	}
	free(rq->headers);
	free(rq->method);
	free(rq->path);
	free(rq->query);
	buf_free(&rq->body);
	*rq = (struct http_request){ .path = NULL };
}
