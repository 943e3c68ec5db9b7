#ifndef MODEL_HTTP_H
#define MODEL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "model/fault.h"
#include "model/model.h"

/*
 * POST over libcurl, driven by the loop.  Connections are kept for the next call.
 * Redirects are not followed (the key would go with them); loopback is never proxied.
 */
struct http;
struct http *http_new(struct loop *l);
void http_free(struct http *h);

enum http_want {
	HTTP_MORE,
	HTTP_NEARLY,	/* all that matters came: do not wait long for the rest */
	HTTP_ENOUGH,	/* the reply is over */
};

struct http_call {
	const char *url;
	char **headers;			/* "Name: value", NULL at the end */
	const char *body;
	size_t body_n;
	struct model_deadlines d;	/* ms; < 0 is none */
	const bool *cancel;		/* may be NULL */
	/* Body bytes; status and type are in *call by then.  -1 ends the call. */
	int (*data)(void *arg, const char *p, size_t n);
	enum http_want (*want)(void *arg);
	void *arg;

	/* Filled while it runs. */
	int status;
	char type[128];			/* Content-Type */
	struct fault_headers h;
};

/* 0: the reply came to its end; 1: data() ended it; -1: *me says why. */
int http_post(struct http *h, struct http_call *c, struct model_error *me);

/* Is the URL's host localhost, 127/8 or ::1? */
bool http_loopback(const char *url);

#endif
