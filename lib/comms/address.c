#include <stdlib.h>
#include <string.h>

#include "comms/trust.h"

/* Where a peer is: comms sheet section 10. */

void
address_free(struct address *a)
{
	free(a->host);
	free(a->port);
	free(a->path);
	*a = (struct address){ .host = NULL };
}

static int
host_port(const char *s, struct address *a, struct err *e)
{
	const char *colon = strrchr(s, ':');
	const char *host = s, *end = colon;
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

	if (*s == '[') {
		host++;
		end = strchr(s, ']');
		if (!end || end + 1 != colon)
			digits = 0;
	} else if (colon && memchr(s, ':', (size_t)(colon - s))) {
		digits = 0;	/* an IPv6 address wants brackets */
	}
	if (!digits || colon[1 + digits] || digits > 5 || end == host ||
	    atol(colon + 1) > 65535)
		return err_set(e, E_INVALID_PARAMS, "invalid address '%.120s': "
		    "want host:port or [v6]:port", s);
	a->host = xstrndup(host, (size_t)(end - host));
	a->port = xstrdup(colon + 1);
	return 0;
}

int
address_parse(const char *s, struct address *a, struct err *e)
{
	static const struct { const char *scheme; enum address_kind kind; } t[] = {
		{ "tcp://", ADDRESS_TCP }, { "rkats://", ADDRESS_SECURE },
		{ "uds://", ADDRESS_UNIX }, { "inproc://", ADDRESS_INPROC },
	};

	*a = (struct address){ .host = NULL };
	for (size_t i = 0; i < COUNT(t); i++) {
		size_t n = strlen(t[i].scheme);

		if (strncmp(s, t[i].scheme, n))
			continue;
		a->kind = t[i].kind;
		if (a->kind == ADDRESS_TCP || a->kind == ADDRESS_SECURE)
			return host_port(s + n, a, e);
		if (!s[n])
			return err_set(e, E_INVALID_PARAMS,
			    "invalid address '%s': nothing behind it", s);
		a->path = xstrdup(s + n);
		return 0;
	}
	return err_set(e, E_INVALID_PARAMS, "unknown scheme, expected tcp://, "
	    "uds://, rkats:// or inproc://: %.120s", s);
}
