#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "comms/identity.h"
#include "store/realm.h"

#define PREFIX "ed25519:"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZ" "abcdefghijklmnopqrstuvwxyz" \
	"0123456789+/="

struct identity {
	unsigned char *secret;		/* sodium_malloc: seed and public key */
	unsigned char key[KEY_LEN];
};

/* ---- keys as text ---- */

void
key_text(const unsigned char key[KEY_LEN], char out[KEY_TEXT_LEN + 1])
{
	memcpy(out, PREFIX, sizeof PREFIX - 1);
	sodium_bin2base64(out + sizeof PREFIX - 1,
	    KEY_TEXT_LEN + 1 - (sizeof PREFIX - 1), key, KEY_LEN,
	    sodium_base64_VARIANT_ORIGINAL);
}

int
key_parse(const char *s, unsigned char key[KEY_LEN], struct err *e)
{
	unsigned char bin[256];
	size_t n;

	if (strncmp(s, PREFIX, sizeof PREFIX - 1))
		return err_set(e, E_INVALID_PARAMS, "Invalid peer ID format: "
		    "must start with 'ed25519:'");
	s += sizeof PREFIX - 1;
	/* libsodium's decoder reads some bytes above 127 as digits. */
	if (s[strspn(s, BASE64)] || sodium_base642bin(bin, sizeof bin, s,
	    strlen(s), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
		return err_set(e, E_INVALID_PARAMS, "Invalid base64 encoding: "
		    "want 44 characters of standard base64 behind 'ed25519:'");
	if (n != KEY_LEN)
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid key length: expected 32, got %zu", n);
	memcpy(key, bin, KEY_LEN);
	return 0;
}

/* ---- SHA-1, for a UUIDv5 only: RFC 3174 ---- */

static uint32_t
rotate(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

/* Of 48 bytes: one block. */
static void
sha1_48(const unsigned char in[48], unsigned char out[20])
{
	static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
		0xca62c1d6 };
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
		0xc3d2e1f0 }, v[5], w[80];
	unsigned char block[64] = { 0 };

	memcpy(block, in, 48);
	block[48] = 0x80;
	block[62] = 48 * 8 >> 8;
	block[63] = 48 * 8 & 0xff;
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 |
		    (uint32_t)block[4 * i + 1] << 16 |
		    (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(v, h, sizeof v);
	for (int i = 0; i < 80; i++) {
		uint32_t f = i < 20 ? (v[1] & v[2]) | (~v[1] & v[3]) :
		    i >= 40 && i < 60 ? (v[1] & v[2]) | (v[1] & v[3]) |
		    (v[2] & v[3]) : v[1] ^ v[2] ^ v[3];
		uint32_t t = rotate(v[0], 5) + f + v[4] + w[i] + k[i / 20];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = t;
	}
	for (int i = 0; i < 20; i++)
		out[i] = (unsigned char)((h[i / 4] + v[i / 4]) >>
		    (24 - 8 * (i % 4)));
}

void
key_peer_id(const unsigned char key[KEY_LEN], char out[UUID_LEN + 1])
{
	static const unsigned char space[16] = { 0x6d, 0x65, 0x65, 0x72, 0x6b,
		0x61, 0x74, 0x50, 0x65, 0x65, 0x72, 0x49, 0x64, 0x30, 0x00,
		0x01 };
	unsigned char in[48], h[20];

	memcpy(in, space, 16);
	memcpy(in + 16, key, KEY_LEN);
	sha1_48(in, h);
	h[6] = (h[6] & 0x0f) | 0x50;
	h[8] = (h[8] & 0x3f) | 0x80;
	uuid_text(h, out);
}

/* ---- keys that sign ---- */

struct identity *
identity_of_seed(const unsigned char seed[KEY_LEN])
{
	struct identity *k = xcalloc(1, sizeof *k);

	if (sodium_init() < 0 ||
	    !(k->secret = sodium_malloc(crypto_sign_SECRETKEYBYTES)))
		abort();
	crypto_sign_seed_keypair(k->key, k->secret, seed);
	return k;
}

void
identity_free(struct identity *k)
{
	if (!k)
		return;
	sodium_free(k->secret);
	free(k);
}

const unsigned char *
identity_key(const struct identity *k)
{
	return k->key;
}

void
identity_sign(const struct identity *k, const void *p, size_t n,
    unsigned char sig[SIG_LEN])
{
	crypto_sign_detached(sig, NULL, p, n, k->secret);
}

bool
key_verify(const unsigned char key[KEY_LEN], const void *p, size_t n,
    const unsigned char sig[SIG_LEN])
{
	return crypto_sign_verify_detached(sig, p, n, key) == 0;
}

void
identity_bootstrap_token(const struct identity *k, struct buf *out)
{
	static const unsigned char context[] =
	    "meerkat.supervisor-bridge.bootstrap-token.v1";
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state st;
	char text[64];

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, context, sizeof context - 1);
	crypto_hash_sha256_update(&st, k->secret, KEY_LEN);
	crypto_hash_sha256_final(&st, hash);
	buf_puts(out, sodium_bin2base64(text, sizeof text, hash, sizeof hash,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING));
	sodium_memzero(&st, sizeof st);
	sodium_memzero(hash, sizeof hash);
	sodium_memzero(text, sizeof text);
}

/* ---- files ---- */

static char *
directory(const struct realm *r, const char *session)
{
	return session ?
	    xasprintf("%s/.rkat/session_comms_identity/%s", r->dir, session) :
	    xasprintf("%s/.rkat/identity", r->dir);
}

/* Two that start at once get the same key: the first one's. */
static int
write_key(const char *dir, const unsigned char seed[KEY_LEN], bool replace,
    struct err *e)
{
	char *path = fs_join(dir, "identity.key");
	char *fresh = xasprintf("%s/identity.%ld.new", dir, (long)getpid());
	int rc;

	rc = fs_write_atomic(fresh, seed, KEY_LEN, 0600, e);
	if (rc == 0 && replace && rename(fresh, path) < 0)
		rc = err_sys(e, E_FAILED, "%s", path);
	else if (rc == 0 && !replace && link(fresh, path) < 0 &&
	    errno != EEXIST)
		rc = err_sys(e, E_FAILED, "%s", path);
	unlink(fresh);
	free(fresh);
	free(path);
	return rc;
}

static int
write_public(const char *dir, const char *name,
    const unsigned char key[KEY_LEN], struct err *e)
{
	char *path = fs_join(dir, name);
	int rc = fs_write_atomic(path, key, KEY_LEN, 0644, e);

	free(path);
	return rc;
}

static int
make_key(const char *dir, bool replace, struct err *e)
{
	unsigned char seed[KEY_LEN];
	int rc;

	randombytes_buf(seed, sizeof seed);
	rc = fs_mkdirs(dir, 0700, e);
	if (rc == 0)
		rc = write_key(dir, seed, replace, e);
	sodium_memzero(seed, sizeof seed);
	return rc;
}

static struct identity *
read_key(const char *dir, struct err *e)
{
	char *path = fs_join(dir, "identity.key");
	struct identity *k = NULL;
	struct buf seed = BUF_INIT;

	if (fs_read(path, 4096, &seed, e) == 0) {
		if (seed.n == KEY_LEN)
			k = identity_of_seed((const unsigned char *)seed.p);
		else
			err_set(e, E_INVALID_PARAMS, "%s: Invalid key length: "
			    "expected 32, got %zu", path, seed.n);
	}
	if (seed.p)
		sodium_memzero(seed.p, seed.cap);
	buf_free(&seed);
	free(path);
	return k;
}

struct identity *
identity_load(const struct realm *r, const char *session, bool make,
    struct err *e)
{
	char *dir = directory(r, session);
	struct err why = ERR_NONE;
	struct identity *k;

	if (sodium_init() < 0)
		abort();
	k = read_key(dir, &why);
	if (!k && make && why.code == E_NOT_FOUND &&
	    make_key(dir, false, &why) == 0 && (k = read_key(dir, &why)))
		write_public(dir, "identity.pub", k->key, NULL);
	if (!k && e)
		*e = why;
	free(dir);
	return k;
}

int
identity_rotate(const struct realm *r, const char *session, struct err *e)
{
	char *dir = directory(r, session);
	struct identity *old, *k = NULL;
	int rc = -1;

	if (sodium_init() < 0)
		abort();
	old = read_key(dir, NULL);
	if (old && write_public(dir, "identity.old.pub", old->key, e) < 0)
		goto done;
	if (make_key(dir, true, e) == 0 && (k = read_key(dir, e)))
		rc = write_public(dir, "identity.pub", k->key, e);
done:
	identity_free(old);
	identity_free(k);
	free(dir);
	return rc;
}
