#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "comms/identity.h"
#include "store/participants.h"
#include "turn/binding.h"

bool
binding_address(const char *address)
{
	static const char *const any[] = { "0.0.0.0:", "[::]:", "*:" };
	const char *where = address ? strstr(address, "://") : NULL;

	if (!where)
		return false;
	where += 3;
	for (size_t i = 0; i < COUNT(any); i++)
		if (!strncmp(where, any[i], strlen(any[i])))
			return false;
	where = strrchr(where, ':');
	return where && strspn(where + 1, "0") < strlen(where + 1);
}

/* Keys sorted. */
static void
emit(struct buf *out, const char *address, const struct identity *k)
{
	char key[KEY_TEXT_LEN + 1];
	struct buf b = BUF_INIT, token = BUF_INIT;

	key_text(identity_key(k), key);
	identity_bootstrap_token(k, &token);
	jput_open(&b, '{');
	jput_kcstr(&b, "address", address);
	jput_kcstr(&b, "bootstrap_token", token.p);
	jput_key(&b, "identity");
	jput_open(&b, '{');
	jput_kcstr(&b, "kind", "ed25519_public_key");
	jput_kcstr(&b, "public_key", key);
	jput_close(&b, '}');
	jput_kcstr(&b, "kind", "external");
	jput_close(&b, '}');
	jput_pretty(out, b.p, b.n);
	buf_free(&b);
	buf_free(&token);
}

static int
make_parents(const char *path, struct err *e)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	int rc = 0;

	if (slash && slash != dir) {
		*slash = '\0';
		rc = fs_mkdirs(dir, 0755, e);
	}
	free(dir);
	return rc;
}

static int
write_file(struct front *t, const char *path, const char *address,
    struct err *e)
{
	struct identity *k = identity_load(&t->realm, t->session, false, e);
	struct buf b = BUF_INIT;
	int rc = -1;

	if (!k)
		return -1;
	emit(&b, address, k);
	identity_free(k);
	if (make_parents(path, e) == 0)
		rc = fs_write_atomic(path, b.p, b.n, 0600, e);
	buf_free(&b);
	return rc;
}

int
binding_write(struct front *t, const char *path, struct err *e)
{
	struct participant p;
	struct buf note = BUF_INIT;
	const char *address;
	int rc = participant_load(t->db, t->session, &p, e);

	if (rc < 0)
		return -1;
	address = p.advertise ? p.advertise : p.listen;
	if (rc == 0 || !binding_address(address))
		rc = err_set(e, E_INVALID_PARAMS, "--comms-binding-out "
		    "requires a comms runtime with an advertised address: add "
		    "--comms-advertise-tcp HOST:PORT");
	else
		rc = write_file(t, path, address, e);
	participant_free(&p);
	if (rc < 0)
		return -1;
	buf_printf(&note, "Wrote comms external binding to %s\n", path);
	out_put(&t->err, note.p, note.n);
	buf_free(&note);
	return 0;
}
