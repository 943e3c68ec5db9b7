#include "base/buf.h"
#include "comms/secure.h"
#include "fuzz.h"

/*
 * Both ends of the encrypted transport at bytes from anybody: the first byte says how
 * far a true conversation goes before they come, and to whom.
 */

struct ends {
	struct identity *a, *b;
	struct secure *client, *server;
	struct buf up, down, plain;
};

static const struct identity *
find(void *arg, const unsigned char key[KEY_LEN])
{
	struct ends *x = arg;

	return memcmp(key, identity_key(x->b), KEY_LEN) ? NULL : x->b;
}

static bool
trusted(void *arg, const unsigned char key[KEY_LEN])
{
	(void)arg;
	(void)key;
	return true;
}

static void
converse(struct ends *x, int steps)
{
	if (steps > 0)
		CLAIM(secure_take(x->server, x->up.p, x->up.n, &x->plain,
		    &x->down, NULL) == 0);
	buf_trunc(&x->up, 0);
	if (steps > 1) {
		CLAIM(secure_take(x->client, x->down.p, x->down.n, &x->plain,
		    &x->up, NULL) == 0);
		buf_trunc(&x->down, 0);
	}
	if (steps > 2)
		CLAIM(secure_take(x->server, x->up.p, x->up.n, &x->plain,
		    &x->down, NULL) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const unsigned char one[KEY_LEN] = { 1 }, two[KEY_LEN] = { 2 };
	struct ends x = { .a = identity_of_seed(one),
	    .b = identity_of_seed(two) };
	struct secure_server of = { find, trusted, &x };
	struct secure *to;
	struct err e = ERR_NONE;

	if (n < 1)
		goto done;
	x.client = secure_connect(x.a, identity_key(x.b), &x.up, NULL);
	x.server = secure_accept(&of);
	converse(&x, p[0] & 3);
	to = p[0] & 4 ? x.client : x.server;
	for (size_t i = 1, part; i < n; i += part) {
		part = p[0] & 8 || n - i < 7 ? n - i : 7;
		if (secure_take(to, p + i, part, &x.plain, &x.down, &e) < 0) {
			CLAIM(e.code == E_INVALID_PARAMS && *e.text);
			CLAIM(secure_take(to, p, 1, &x.plain, &x.down,
			    NULL) < 0);
			CLAIM(!secure_ready(to));
			break;
		}
	}
	CLAIM(x.plain.n == 0);		/* nobody guesses a record */
done:
	secure_free(x.client);
	secure_free(x.server);
	buf_free(&x.up);
	buf_free(&x.down);
	buf_free(&x.plain);
	identity_free(x.a);
	identity_free(x.b);
	return 0;
}
