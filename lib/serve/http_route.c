#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "serve/auth.h"
#include "serve/http_impl.h"

/* Paths, queries and JSON bodies: rest sheet section 1.4. */

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded, new; what is no escape stays as it is.  NULL: a NUL, or no UTF-8. */
static char *
decode(const char *p, size_t n, bool plus)
{
	struct buf b = BUF_INIT;
	bool ok;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '%' && i + 2 < n && hex(p[i + 1]) >= 0 &&
		    hex(p[i + 2]) >= 0) {
			buf_putc(&b, (char)(hex(p[i + 1]) << 4 | hex(p[i + 2])));
			i += 2;
		} else {
			buf_putc(&b, plus && p[i] == '+' ? ' ' : p[i]);
		}
	}
	ok = utf8_valid(buf_str(&b), b.n) && !memchr(buf_str(&b), '\0', b.n);
	if (!ok) {
		buf_free(&b);
		return NULL;
	}
	return buf_steal(&b);
}

/* ---- routes ---- */

static bool
matches(const char *pattern, const char *path)
{
	size_t n, m;

	for (; *pattern == '/' && *path == '/'; pattern += n, path += m) {
		n = strcspn(++pattern, "/");
		m = strcspn(++path, "/");
		if (*pattern == '{' ? !m : n != m || memcmp(pattern, path, n))
			return false;
	}
	return !*pattern && !*path;
}

static bool
serves(const struct http_route *t, const char *method)
{
	return !strcmp(t->method, method) ||
	    (!strcmp(t->method, "GET") && !strcmp(method, "HEAD"));
}

/* 404, or 405 with the methods that there are. */
static void
no_route(struct http_req *r)
{
	const struct http_opts *o = &r->c->h->o;
	struct buf allow = BUF_INIT;

	for (size_t i = 0; i < o->n_routes; i++) {
		if (!matches(o->routes[i].path, r->head.path))
			continue;
		buf_puts(&allow, allow.n ? "," : "");
		buf_puts(&allow, o->routes[i].method);
		if (!strcmp(o->routes[i].method, "GET"))
			buf_puts(&allow, ",HEAD");
	}
	if (allow.n)
		http_add_header(r, "allow", allow.p);
	http_reply(r, allow.n ? 405 : 404, NULL, NULL, 0);
	buf_free(&allow);
}

static bool
bad_url(struct http_req *r)
{
	http_reply_text(r, 400, "Invalid URL: not UTF-8, or a NUL");
	return false;
}

static bool
take_segments(struct http_req *r)
{
	const char *pattern = r->route->path, *path = r->head.path;
	size_t n, m;

	for (; *pattern; pattern += n, path += m) {
		n = strcspn(++pattern, "/");
		m = strcspn(++path, "/");
		if (*pattern != '{')
			continue;
		if (!(r->segments[r->n_segments] = decode(path, m, false)))
			return bad_url(r);
		r->n_segments++;
	}
	return true;
}

static bool
take_query(struct http_req *r)
{
	const char *p = r->head.query;
	struct http_pair *q;
	size_t n, key;

	for (; p && *p; p += n + (p[n] == '&')) {
		n = strcspn(p, "&");
		if (!n)
			continue;
		key = strcspn(p, "=");
		if (key > n)
			key = n;
		r->query = xrealloc(r->query, (r->n_query + 1) * sizeof *q);
		q = &r->query[r->n_query++];
		q->key = decode(p, key, true);
		q->value = key < n ? decode(p + key + 1, n - key - 1, true) :
		    xstrdup("");
		if (!q->key || !q->value)
			return bad_url(r);
	}
	return true;
}

static bool
has_token(struct http_req *r)
{
	const struct auth *a = r->c->h->o.auth;

	if (!a || auth_header(a, http_head_get(&r->head, "authorization")))
		return true;
	http_add_header(r, "www-authenticate", "Bearer");
	http_fail(r, 401, "UNAUTHORIZED", "a token is needed: "
	    "Authorization: Bearer ...", JTEXT_NONE);
	return false;
}

bool
http_route(struct http_req *r)
{
	const struct http_opts *o = &r->c->h->o;

	for (size_t i = 0; i < o->n_routes && !r->route; i++)
		if (matches(o->routes[i].path, r->head.path) &&
		    serves(&o->routes[i], r->head.method))
			r->route = &o->routes[i];
	/* Who has no token does not learn which routes there are. */
	if (!(r->route && (r->route->flags & HTTP_OPEN)) && !has_token(r))
		return false;
	if (r->route)
		return take_segments(r) && take_query(r);
	no_route(r);
	return false;
}

/* ---- bodies ---- */

/* application/json or application/x+json, parameters allowed. */
static bool
is_json(const char *type)
{
	size_t n = strcspn(type, "; \t");

	if (n == 16 && !strncasecmp(type, "application/json", n))
		return true;
	return n > 17 && !strncasecmp(type, "application/", 12) &&
	    !strncasecmp(type + n - 5, "+json", 5);
}

static bool
typed(struct http_req *r)
{
	const char *type = http_head_get(&r->head, "content-type");

	if ((type && is_json(type)) ||
	    (!type && (r->route->flags & HTTP_BODY_OPTIONAL)))
		return true;
	http_reply_text(r, 415,
	    "Expected request with `Content-Type: application/json`");
	return false;
}

bool
http_body_type(struct http_req *r)
{
	return !(r->route->flags & HTTP_JSON) || typed(r);
}

static bool
parsed(struct http_req *r)
{
	struct err e = ERR_NONE;
	char *text;

	if (!http_head_get(&r->head, "content-type"))
		return true;
	if (json_parse(buf_str(&r->body), r->body.n, &r->json, &e) == 0)
		return true;
	text = xasprintf("Failed to parse the request body as JSON: %s",
	    e.text);
	http_reply_text(r, 400, text);
	free(text);
	return false;
}

bool
http_take_json(struct http_req *r)
{
	return typed(r) && parsed(r);
}

void
http_run(struct http_req *r)
{
	struct http *h = r->c->h;

	if ((r->route->flags & HTTP_JSON) && !parsed(r))
		return;
	if (h->counts.in_flight >= h->limits.in_flight &&
	    !(r->route->flags & HTTP_OPEN)) {
		h->counts.refused++;
		http_add_header(r, "retry-after", "1");
		http_fail(r, 503, "SERVICE_UNAVAILABLE",
		    "too many requests are under way", JTEXT_NONE);
		return;
	}
	r->running = true;
	h->counts.in_flight++;
	r->route->run(h->o.arg, r);
}

/* ---- what a request says ---- */

const char *
http_method(const struct http_req *r)
{
	return r->head.method;
}

const char *
http_segment(const struct http_req *r, size_t i)
{
	return i < r->n_segments ? r->segments[i] : NULL;
}

const char *
http_query(const struct http_req *r, const char *key)
{
	for (size_t i = 0; i < r->n_query; i++)
		if (!strcmp(r->query[i].key, key))
			return r->query[i].value;
	return NULL;
}

bool
http_query_next(const struct http_req *r, size_t *i, const char **key,
    const char **value)
{
	if (*i >= r->n_query)
		return false;
	*key = r->query[*i].key;
	*value = r->query[(*i)++].value;
	return true;
}

const char *
http_header(const struct http_req *r, const char *name)
{
	return http_head_get(&r->head, name);
}

struct jtext
http_json(const struct http_req *r)
{
	return r->json;
}

void
http_on_gone(struct http_req *r, void (*gone)(void *arg), void *arg)
{
	r->gone = gone;
	r->gone_arg = arg;
}
