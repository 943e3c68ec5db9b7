#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>

#include "serve/auth.h"
#include "serve/http_impl.h"

/* Who may come in: Host, Origin, token. */

static bool
listed(const char *const *list, const char *s)
{
	for (; list && *list; list++)
		if (!strcasecmp(*list, s))
			return true;
	return false;
}

/* The host of "host:port", brackets of an IPv6 address taken off; new, NULL if it is none. */
static char *
host_of(const char *authority)
{
	const char *p = authority, *end;
	size_t n;

	if (*p == '[') {
		if (!(end = strchr(p, ']')))
			return NULL;
		p++;
		n = (size_t)(end++ - p);
	} else {
		n = strcspn(p, ":");
		end = p + n;
	}
	if (*end == ':')
		end += 1 + strspn(end + 1, "0123456789");
	if (!n || *end || memchr(p, '@', n))
		return NULL;
	return xstrndup(p, n);
}

static bool
is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;
	size_t n = strlen(host);

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return !strcasecmp(host, "localhost") ||
	    (n > 10 && !strcasecmp(host + n - 10, ".localhost"));
}

/* The address of ours that this client reached. */
static bool
is_local(const struct http_conn *c, const char *host)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	char text[INET6_ADDRSTRLEN] = "";

	if (getsockname(bufferevent_getfd(c->bev), (struct sockaddr *)&sa,
	    &len) < 0)
		return false;
	if (sa.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr,
		    text, sizeof text);
	else if (sa.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr,
		    text, sizeof text);
	return *text && !strcasecmp(text, host);
}

static bool
host_allowed(const struct http_req *r)
{
	const struct http_opts *o = &r->c->h->o;
	char *host;
	bool ok;

	if (!r->head.host)	/* HTTP/1.0: no browser, so nobody's rebound name */
		return true;
	if (!(host = host_of(r->head.host)))
		return false;
	ok = is_loopback(host) || listed(o->hosts, host) ||
	    listed(o->hosts, r->head.host) || is_local(r->c, host);
	free(host);
	return ok;
}

static bool
origin_allowed(const struct http_req *r, const char *origin)
{
	const char *authority = NULL;
	char *host;
	bool ok;

	if (listed(r->c->h->o.origins, origin))
		return true;
	if (!strncasecmp(origin, "http://", 7))
		authority = origin + 7;
	else if (!strncasecmp(origin, "https://", 8))
		authority = origin + 8;
	if (!authority || !(host = host_of(authority)))
		return false;
	ok = is_loopback(host);
	free(host);
	return ok;
}

void
http_cors(struct http_req *r)
{
	const char *origin = http_head_get(&r->head, "origin");

	http_add_header(r, "vary", "origin, access-control-request-method, "
	    "access-control-request-headers");
	if (!origin || !origin_allowed(r, origin))
		return;
	http_add_header(r, "access-control-allow-origin", "*");
	http_add_header(r, "access-control-expose-headers", "*");
}

bool
http_guard(struct http_req *r)
{
	const char *origin = http_head_get(&r->head, "origin");

	if (!host_allowed(r)) {
		http_fail(r, 403, "HOST_NOT_ALLOWED", "the Host of the request "
		    "is not one of this server (--allow-host adds one)",
		    JTEXT_NONE);
		return false;
	}
	if (origin && !origin_allowed(r, origin)) {
		http_fail(r, 403, "ORIGIN_NOT_ALLOWED", "pages of this Origin "
		    "may not call this server (--allow-origin adds one)",
		    JTEXT_NONE);
		return false;
	}
	if (strcmp(r->head.method, "OPTIONS"))
		return true;
	/* A preflight (sheet 1.4).  "*" does not stand for authorization (Fetch 4.9). */
	http_add_header(r, "access-control-allow-methods", "*");
	http_add_header(r, "access-control-allow-headers", "*, authorization");
	http_reply(r, 200, NULL, NULL, 0);
	return false;
}
