#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "serve/http_head.h"

#define TARGET_MAX 8192		/* bytes of a request's path and query */
#define LENGTH_DIGITS 18
#define CHUNK_DIGITS 8
#define CHUNK_EXTRA 16384	/* bytes of extensions and trailers of a body */

/* RFC 9110 section 5.6.2 */
static bool
is_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool
is_control(unsigned char c)
{
	return (c < 32 && c != '\t') || c == 127;
}

ssize_t
http_head_find(const char *p, size_t n, size_t *seen)
{
	size_t i;

	for (i = *seen; i < n; i++) {
		if (p[i] == '\r' && i + 1 == n)
			break;	/* what follows decides */
		if (p[i] == '\r' && p[i + 1] == '\n') {
			i++;
			if (i >= 3 && p[i - 3] == '\r' && p[i - 2] == '\n')
				return (ssize_t)i + 1;
		} else if (is_control((unsigned char)p[i])) {
			return -1;
		}
	}
	*seen = i;
	return 0;
}

/* ---- the request line ---- */

/* The next word of a line, which ends at the only space behind it. */
static char *
word(char **p)
{
	char *start = *p, *space = strchr(start, ' ');

	if (!space)
		return NULL;
	*space = '\0';
	*p = space + 1;
	return start;
}

static bool
all_tokens(const char *s)
{
	if (!*s)
		return false;
	while (*s && is_token((unsigned char)*s))
		s++;
	return !*s;
}

/* Origin form, "*" of OPTIONS, or absolute form (RFC 9112 section 3.2). */
static bool
split_target(struct http_head *h, char *t)
{
	size_t n;
	char *q;

	for (const char *s = t; *s; s++)
		if (*s <= ' ' || *s == '#' || (unsigned char)*s > 126)
			return false;
	if (!strncasecmp(t, "http://", 7)) {
		h->authority = t + 7;
		t += 7 + strcspn(t + 7, "/?");
		if (*t == '?' || t == h->authority)
			return false;
		/* The authority becomes a string of its own in front of the path. */
		n = (size_t)(t - h->authority);
		h->authority = memmove(t - n - 1, h->authority, n);
		t[-1] = '\0';
	}
	if ((q = strchr(t, '?'))) {
		*q = '\0';
		h->query = q + 1;
	}
	h->path = *t ? t : "/";
	return *h->path == '/' || (!strcmp(h->path, "*") && !h->query &&
	    !strcmp(h->method, "OPTIONS"));
}

static int
request_line(struct http_head *h, char *line, const char **why)
{
	char *target;

	*why = "malformed request line";
	h->method = word(&line);
	if (!h->method || !all_tokens(h->method))
		return 400;
	target = word(&line);
	if (!target || strncmp(line, "HTTP/", 5))
		return 400;
	if (strlen(target) > TARGET_MAX) {
		*why = "the request's target is too long";
		return 414;
	}
	h->one_zero = !strcmp(line, "HTTP/1.0");
	if (!h->one_zero && strcmp(line, "HTTP/1.1")) {
		*why = "only HTTP/1.0 and HTTP/1.1 are spoken here";
		return 505;
	}
	h->keep_alive = !h->one_zero;
	return split_target(h, target) ? 0 : 400;
}

/* ---- header fields ---- */

const char *
http_head_get(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (!strcasecmp(h->fields[i].name, name))
			return h->fields[i].value;
	return NULL;
}

static bool
has_item(const char *list, const char *item)
{
	size_t n = strlen(item), len;

	for (; *list; list += len + (list[len] == ',')) {
		list += strspn(list, " \t");
		len = strcspn(list, ",");
		if (len >= n && !strncasecmp(list, item, n) &&
		    strspn(list + n, " \t") == len - n)
			return true;
	}
	return false;
}

static bool
set_length(struct http_head *h, const char *v)
{
	size_t n = strspn(v, "0123456789");

	if (h->length >= 0 || !n || v[n] || n > LENGTH_DIGITS)
		return false;
	h->length = strtoll(v, NULL, 10);
	return true;
}

/* What a field says about the framing; why it cannot be trusted, or NULL. */
static const char *
look_at(struct http_head *h, const char *name, const char *v)
{
	if (!strcasecmp(name, "content-length") && !set_length(h, v))
		return "Content-Length must be one number, once";
	if (!strcasecmp(name, "transfer-encoding")) {
		if (h->chunked || strcasecmp(v, "chunked"))
			return "Transfer-Encoding must be chunked, once";
		h->chunked = true;
	} else if (!strcasecmp(name, "host")) {
		if (h->host || !*v)
			return "Host must be there once";
		h->host = v;
	} else if (!strcasecmp(name, "connection")) {
		if (has_item(v, "close"))
			h->keep_alive = false;
		else if (h->one_zero && has_item(v, "keep-alive"))
			h->keep_alive = true;
	}
	return NULL;
}

static const char *
field_line(struct http_head *h, char *line)
{
	char *colon = strchr(line, ':'), *v, *end;
	const char *why;

	if (*line == ' ' || *line == '\t')
		return "a header line is folded";
	if (!colon)
		return "a header line without a colon";
	*colon = '\0';
	if (!all_tokens(line))
		return "malformed header name";
	v = colon + 1 + strspn(colon + 1, " \t");
	for (end = v + strlen(v); end > v && strchr(" \t", end[-1]); end--)
		continue;
	*end = '\0';
	if ((why = look_at(h, line, v)))
		return why;
	h->fields[h->n_fields].name = line;
	h->fields[h->n_fields++].value = v;
	return NULL;
}

static int
check_all(struct http_head *h, const char **why)
{
	const char *expect = http_head_get(h, "expect");
	const char *origins = NULL;

	if (h->chunked && (h->length >= 0 || h->one_zero)) {
		*why = h->one_zero ? "no Transfer-Encoding in HTTP/1.0" :
		    "both Content-Length and Transfer-Encoding";
		return 400;
	}
	if (!h->host && !h->one_zero) {
		*why = "Host is missing";
		return 400;
	}
	if (h->authority && h->host && strcasecmp(h->authority, h->host)) {
		*why = "Host is not the host of the request's target";
		return 400;
	}
	/* What lets somebody in must not be said twice. */
	for (size_t i = 0; i < h->n_fields; i++)
		if (!strcasecmp(h->fields[i].name, "origin")) {
			*why = "Origin must be there once";
			if (origins)
				return 400;
			origins = h->fields[i].value;
		}
	if (expect && strcasecmp(expect, "100-continue")) {
		*why = "the only expectation that is met is 100-continue";
		return 417;
	}
	h->expects = expect && !h->one_zero;
	return 0;
}

int
http_head_parse(struct http_head *h, const char *p, size_t n, const char **why)
{
	char *line, *next;
	int status;

	*why = "malformed request";
	*h = (struct http_head){ .length = -1 };
	h->text = xstrndup(p, n);
	h->fields = xcalloc(HTTP_FIELDS, sizeof *h->fields);
	line = h->text;
	if (!(next = strstr(line, "\r\n")))
		return 400;
	*next = '\0';
	if ((status = request_line(h, line, why)))
		return status;
	for (line = next + 2; (next = strstr(line, "\r\n")) && next != line;
	    line = next + 2) {
		*next = '\0';
		if (h->n_fields == HTTP_FIELDS) {
			*why = "too many header lines";
			return 431;
		}
		if ((*why = field_line(h, line)))
			return 400;
	}
	return check_all(h, why);
}

void
http_head_free(struct http_head *h)
{
	free(h->text);
	free(h->fields);
	h->text = NULL;
	h->fields = NULL;
}

/* ---- chunks ---- */

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF };

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of the framing; false: malformed. */
static bool
step(struct http_chunks *c, char ch)
{
	int digit = hex(ch);

	switch (c->state) {
	case SIZE:
		if (digit >= 0) {
			c->left = c->left << 4 | (uint64_t)digit;
			return ++c->line <= CHUNK_DIGITS;
		}
		c->state = ch == '\r' ? SIZE_LF : EXTENSION;
		return c->line > 0 && (ch == '\r' || ch == ';');
	case EXTENSION:
		if (ch == '\r')
			c->state = SIZE_LF;
		else
			return !is_control((unsigned char)ch) &&
			    ++c->extra <= CHUNK_EXTRA;
		return true;
	case SIZE_LF:
		c->state = c->left ? DATA : TRAILER;
		c->line = 0;
		return ch == '\n';
	case DATA_CR:
		c->state = DATA_LF;
		return ch == '\r';
	case DATA_LF:
		c->state = SIZE;
		return ch == '\n';
	case TRAILER:
		if (ch == '\r')
			c->state = TRAILER_LF;
		else
			return !is_control((unsigned char)ch) && ++c->line &&
			    ++c->extra <= CHUNK_EXTRA;
		return true;
	default:	/* TRAILER_LF: an empty line is the end */
		c->done = c->line == 0;
		c->line = 0;
		c->state = TRAILER;
		return ch == '\n';
	}
}

ssize_t
http_chunks_take(struct http_chunks *c, const char *p, size_t n,
    struct buf *body, size_t max)
{
	size_t i = 0, some;

	while (i < n && !c->done) {
		if (c->state != DATA) {
			if (!step(c, p[i++]))
				return -1;
			if (c->state == DATA && c->left > max - body->n)
				return -2;
			continue;
		}
		some = n - i < c->left ? n - i : (size_t)c->left;
		buf_put(body, p + i, some);
		i += some;
		c->left -= some;
		if (!c->left)
			c->state = DATA_CR;
	}
	return (ssize_t)i;
}
