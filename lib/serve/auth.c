#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fs.h"
#include "serve/auth.h"

#define FILE_MAX 65536
#define TOKEN_MIN 16		/* bytes: what is shorter can be guessed */

#define HASH crypto_generichash_BYTES

/* Only keyed hashes stay in memory: of equal length, so comparing them tells nothing. */
struct auth {
	char *path;
	unsigned char key[crypto_generichash_KEYBYTES];
	unsigned char (*hashes)[HASH];
	size_t n;
};

static void
hash(const struct auth *a, const char *p, size_t n, unsigned char out[HASH])
{
	crypto_generichash(out, HASH, (const unsigned char *)p, n, a->key,
	    sizeof a->key);
}

static int
read_private(const char *path, struct buf *b, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(e, E_INVALID_PARAMS, "token file %.200s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		rc = err_set(e, E_INVALID_PARAMS, "token file %.200s: not a "
		    "file", path);
	else if (st.st_mode & 077)
		rc = err_set(e, E_INVALID_PARAMS, "token file %.200s: others "
		    "may read or write it; chmod 600 it", path);
	else
		rc = fs_read_fd(fd, FILE_MAX, b, e);
	close(fd);
	return rc;
}

static int
add(struct auth *a, const char *p, size_t n, int line, struct err *e)
{
	if (n < TOKEN_MIN)
		return err_set(e, E_INVALID_PARAMS, "token file %.200s: line "
		    "%d: a token has at least %d bytes", a->path, line,
		    TOKEN_MIN);
	a->hashes = xrealloc(a->hashes, (a->n + 1) * sizeof *a->hashes);
	hash(a, p, n, a->hashes[a->n++]);
	return 0;
}

static int
parse(struct auth *a, const char *p, struct err *e)
{
	size_t n, len;

	for (int line = 1; *p; line++, p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		p += strspn(p, " \t");
		n = strcspn(p, "\n");
		for (len = n; len && strchr(" \t\r", p[len - 1]); len--)
			continue;
		if (len && *p != '#' && add(a, p, len, line, e) < 0)
			return -1;
	}
	if (!a->n)
		return err_set(e, E_INVALID_PARAMS, "token file %.200s: no "
		    "token in it", a->path);
	return 0;
}

struct auth *
auth_load(const char *path, struct err *e)
{
	struct auth *a = NULL;
	struct buf b = BUF_INIT;

	if (sodium_init() < 0) {
		err_set(e, E_INTERNAL_ERROR, "libsodium does not start");
		return NULL;
	}
	a = xcalloc(1, sizeof *a);
	a->path = xstrdup(path);
	randombytes_buf(a->key, sizeof a->key);
	if (read_private(path, &b, e) < 0 || parse(a, buf_str(&b), e) < 0) {
		auth_free(a);
		a = NULL;
	}
	if (b.p)
		sodium_memzero(b.p, b.cap);
	buf_free(&b);
	return a;
}

int
auth_reload(struct auth *a, struct err *e)
{
	struct auth *new = auth_load(a->path, e), old = *a;

	if (!new)
		return -1;
	*a = *new;
	*new = old;
	auth_free(new);
	return 0;
}

void
auth_free(struct auth *a)
{
	if (!a)
		return;
	free(a->path);
	free(a->hashes);
	sodium_memzero(a, sizeof *a);
	free(a);
}

/* All are looked at, whichever matches. */
bool
auth_token(const struct auth *a, const char *p, size_t n)
{
	unsigned char mine[HASH];
	int found = 0;

	hash(a, p, n, mine);
	for (size_t i = 0; i < a->n; i++)
		found |= sodium_memcmp(mine, a->hashes[i], HASH) == 0;
	return found != 0;
}

bool
auth_header(const struct auth *a, const char *header)
{
	if (!header || strncasecmp(header, "bearer ", 7))
		return false;
	header += 7 + strspn(header + 7, " ");
	return auth_token(a, header, strlen(header));
}
