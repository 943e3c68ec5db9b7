#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/json.h"
#include "base/util.h"
#include "store/blobs.h"

#define BLOB_MAX ((size_t)256 << 20)
#define HEX_LEN 64

/* agent sheet 15.6, cli sheet 9.2 */
static void
blob_id(const char *media_type, const char *base64, size_t n, char id[72])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state h;

	crypto_hash_sha256_init(&h);
	crypto_hash_sha256_update(&h, (const unsigned char *)media_type,
	    strlen(media_type) + 1);
	crypto_hash_sha256_update(&h, (const unsigned char *)base64, n);
	crypto_hash_sha256_final(&h, hash);
	memcpy(id, "sha256:", 7);
	sodium_bin2hex(id + 7, HEX_LEN + 1, hash, sizeof hash);
}

static char *
blob_path(const struct realm *r, const char *hex)
{
	return xasprintf("%s/blobs/%.2s/%s.json", r->dir, hex, hex);
}

int
blob_put(const struct realm *r, const char *media_type,
    const char *base64, size_t n, char id[72], struct err *e)
{
	struct buf b = BUF_INIT;
	char *path, *dir;
	int rc = 0;

	if (n > BLOB_MAX)
		return err_set(e, E_INVALID_PARAMS, "blob: %zu bytes, at most "
		    "%zu", n, BLOB_MAX);
	blob_id(media_type, base64, n, id);
	path = blob_path(r, id + 7);
	if (fs_exists(path))
		goto done;
	jput_open(&b, '{');
	jput_kcstr(&b, "media_type", media_type);
	jput_kstr(&b, "data", base64, n);
	jput_close(&b, '}');
	dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	crash_point("blob.before");
	rc = fs_mkdirs(dir, 0700, e) < 0 ? -1 :
	    fs_write_atomic(path, b.p, b.n, 0600, e);
	crash_point("blob.after");
	free(dir);
done:
	buf_free(&b);
	free(path);
	return rc;
}

static bool
id_valid(const char *id)
{
	return !strncmp(id, "sha256:", 7) && strlen(id + 7) == HEX_LEN &&
	    strspn(id + 7, "0123456789abcdef") == HEX_LEN;
}

/* Contents that do not hash to their name are never given out. */
static int
take(const char *id, struct jtext v, char **media_type, struct buf *base64,
    struct err *e)
{
	size_t n = 0;
	char *data = json_str(json_get(v, "data"), &n), check[72] = "";

	*media_type = json_get_str(v, "media_type");
	if (data && *media_type)
		blob_id(*media_type, data, n, check);
	if (!strcmp(check, id)) {
		buf_put(base64, data, n);
	} else {
		err_set(e, E_INTERNAL_ERROR, "blob is damaged: %s", id);
		free(*media_type);
		*media_type = NULL;
	}
	free(data);
	return *media_type ? 0 : -1;
}

int
blob_get(const struct realm *r, const char *id, char **media_type,
    struct buf *base64, struct err *e)
{
	struct buf b = BUF_INIT;
	struct jtext v;
	char *path;
	int rc = -1;

	*media_type = NULL;
	if (!id_valid(id))
		return err_set(e, E_INVALID_PARAMS, "invalid blob id '%.80s': "
		    "want sha256: and 64 hex digits", id);
	path = blob_path(r, id + 7);
	if (!fs_exists(path))
		err_set(e, E_NOT_FOUND, "blob not found: %s", id);
	else if (fs_read(path, BLOB_MAX + 65536, &b, e) == 0)
		rc = json_parse(b.p, b.n, &v, NULL) < 0 ?
		    err_set(e, E_INTERNAL_ERROR, "blob is damaged: %s", id) :
		    take(id, v, media_type, base64, e);
	buf_free(&b);
	free(path);
	return rc;
}
