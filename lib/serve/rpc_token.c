#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "runner/wire.h"
#include "serve/auth.h"
#include "serve/rpc_impl.h"

/* A token in front of everything else, for clients that come over a socket. */

#define ADMIT_S 10		/* from its connection to its token */

static void
turn_away(struct conn *c, const char *id, const char *why)
{
	struct err e = ERR_NONE;

	err_set(&e, E_INVALID_PARAMS, "UNAUTHORIZED: %s", why);
	rpc_fail(c, id, &e, NULL);
	c->refused = c->eof = true;
	wire_stop(c->wire);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	turn_away(c, NULL, "no token came in time");
}

void
rpc_ask_token(struct conn *c)
{
	static const struct timeval tv = { ADMIT_S, 0 };

	if (!c->s->o.auth || c->kind != RPC_SOCKET)
		return;
	c->late = evtimer_new(c->s->o.base, on_late, c);
	event_add(c->late, &tv);
}

void
rpc_token_free(struct conn *c)
{
	if (c->late)
		event_free(c->late);
	c->late = NULL;
}

bool
rpc_admit(struct conn *c, const char *p, size_t n)
{
	struct jtext v, id = JTEXT_NONE, token = JTEXT_NONE;
	char *text = NULL, *raw = NULL;
	size_t len = 0;
	bool ok = false;

	if (!c->late)
		return !c->refused;
	if (json_parse(p, n, &v, NULL) == 0 && json_is(v, '{')) {
		id = json_get(v, "id");
		if (json_str_is(json_get(v, "method"), "initialize"))
			token = json_path(v, "params/token");
	}
	if (json_is(token, '"') && (text = json_str(token, &len)))
		ok = auth_token(c->s->o.auth, text, len);
	rpc_token_free(c);
	if (!ok) {
		if (json_is(id, '"') || json_is(id, '0'))
			raw = xstrndup(id.p, id.n);
		turn_away(c, raw, token.p ? "this token is not known" :
		    "call initialize with {\"token\":\"...\"} first");
	}
	if (text)
		memset(text, 0, len);
	free(text);
	free(raw);
	return ok;
}
