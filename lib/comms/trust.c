#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/json.h"
#include "comms/trust.h"
#include "store/realm.h"

#define FILE_LIMIT ((size_t)16 << 20)

static char *
path_of(const struct realm *r, const char *name)
{
	return xasprintf("%s/.rkat/%s", r->dir, name);
}

static void
peer_free(struct peer *p)
{
	free(p->name);
	free(p->address);
	free(p->meta);
}

void
trust_free(struct trust *t)
{
	while (t->n)
		peer_free(&t->v[--t->n]);
	free(t->v);
	*t = (struct trust){ .v = NULL };
}

static void
add(struct trust *t, const char *name, const char *address,
    const unsigned char key[KEY_LEN], const char *meta)
{
	struct peer *p;

	t->v = xrealloc(t->v, (t->n + 1) * sizeof *t->v);
	p = &t->v[t->n++];
	p->name = xstrdup(name);
	p->address = xstrdup(address);
	p->meta = xstrdup(meta ? meta : "{}");
	memcpy(p->key, key, KEY_LEN);
}

/* ---- reading ---- */

bool
peer_name_valid(const char *name)
{
	bool blank = true;

	if (!utf8_valid(name, strlen(name)))
		return false;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p < 0x20 || *p == 0x7f ||
		    (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return false;	/* C0, DEL, C1 */
		blank &= *p == ' ';
	}
	return !blank;
}

static int
bad(size_t i, const char *why, struct err *e)
{
	return err_set(e, E_INVALID_PARAMS, "/peers/%zu: %s", i, why);
}

static int
read_peer(struct trust *t, struct jtext v, size_t i, struct err *e)
{
	char *name = json_get_str(v, "name");
	char *text = json_get_str(v, "pubkey");
	char *address = json_get_str(v, "addr");
	struct jtext meta = json_get(v, "meta");
	struct buf compact = BUF_INIT;
	unsigned char key[KEY_LEN];
	struct err why = ERR_NONE;
	int rc = -1;

	if (meta.p)
		jput_compact(&compact, meta.p, meta.n);
	if (!name || !text || !address)
		bad(i, "want the strings name, pubkey and addr", e);
	else if (meta.p && !json_is(meta, '{'))
		bad(i, "/meta: want an object", e);
	else if (key_parse(text, key, &why) < 0)
		bad(i, why.text, e);
	else {
		add(t, name, address, key, compact.p);
		rc = 0;
	}
	free(name);
	free(text);
	free(address);
	buf_free(&compact);
	return rc;
}

static int
read_peers(struct trust *t, const struct buf *text, struct err *e)
{
	struct jtext v, peers;
	struct jiter it;
	size_t i = 0;

	if (json_parse(buf_str(text), text->n, &v, e) < 0)
		return -1;
	peers = json_get(v, "peers");
	if (!json_is(peers, '['))
		return err_set(e, E_INVALID_PARAMS, "/peers: want an array");
	for (it = json_iter(peers); json_next(&it); i++)
		if (read_peer(t, it.value, i, e) < 0)
			return -1;
	return 0;
}

static void
stamp(const char *path, long long out[3])
{
	struct stat st;

	memset(out, 0, 3 * sizeof *out);
	if (stat(path, &st) < 0)
		return;
	out[0] = (long long)st.st_ino;
	out[1] = (long long)st.st_size;
	out[2] = (long long)st.st_mtim.tv_sec * 1000000000 +
	    st.st_mtim.tv_nsec;
}

int
trust_load(const struct realm *r, struct trust *t, struct err *e)
{
	char *path = path_of(r, "trusted_peers.json");
	struct buf text = BUF_INIT;
	struct err why = ERR_NONE;
	int rc = 0;

	*t = (struct trust){ .v = NULL };
	stamp(path, t->stamp);
	if (fs_read(path, FILE_LIMIT, &text, &why) < 0)
		rc = why.code == E_NOT_FOUND ? 0 : -1;
	else
		rc = read_peers(t, &text, &why);
	if (rc < 0) {
		trust_free(t);
		err_set(e, why.code, "Trust load error: %s: %s", path,
		    why.text);
	}
	buf_free(&text);
	free(path);
	return rc;
}

int
trust_fresh(const struct realm *r, struct trust *t, struct err *e)
{
	char *path = path_of(r, "trusted_peers.json");
	struct trust now;
	long long seen[3];

	stamp(path, seen);
	free(path);
	if (!memcmp(seen, t->stamp, sizeof seen))
		return 0;
	if (trust_load(r, &now, e) < 0)
		return -1;
	trust_free(t);
	*t = now;
	return 0;
}

/* ---- looking ---- */

const struct peer *
trust_by_key(const struct trust *t, const unsigned char key[KEY_LEN])
{
	for (size_t i = 0; i < t->n; i++)
		if (!memcmp(t->v[i].key, key, KEY_LEN))
			return &t->v[i];
	return NULL;
}

static bool
is_called(const struct peer *p, const char *who)
{
	char text[KEY_TEXT_LEN + 1], id[UUID_LEN + 1];

	key_text(p->key, text);
	key_peer_id(p->key, id);
	return !strcmp(who, text) || !strcasecmp(who, id);
}

const struct peer *
trust_find(const struct trust *t, const char *who, struct err *e)
{
	const struct peer *found = NULL;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].name, who))
			continue;
		if (found) {
			err_set(e, E_INVALID_PARAMS, "several peers are called "
			    "'%.80s': name one by its key", who);
			return NULL;
		}
		found = &t->v[i];
	}
	for (size_t i = 0; i < t->n && !found; i++)
		if (is_called(&t->v[i], who))
			found = &t->v[i];
	if (!found)
		err_set(e, E_NOT_FOUND, "peer '%.80s' is not found or not "
		    "trusted", who);
	return found;
}

/* ---- writing ---- */

static int
save(const struct realm *r, const struct trust *t, struct err *e)
{
	char *path = path_of(r, "trusted_peers.json");
	struct buf b = BUF_INIT, pretty = BUF_INIT;
	char text[KEY_TEXT_LEN + 1];
	int rc;

	jput_open(&b, '{');
	jput_key(&b, "peers");
	jput_open(&b, '[');
	for (size_t i = 0; i < t->n; i++) {
		jput_open(&b, '{');
		jput_kcstr(&b, "name", t->v[i].name);
		key_text(t->v[i].key, text);
		jput_kcstr(&b, "pubkey", text);
		jput_kcstr(&b, "addr", t->v[i].address);
		jput_kraw(&b, "meta", t->v[i].meta, strlen(t->v[i].meta));
		jput_close(&b, '}');
	}
	jput_close(&b, ']');
	jput_close(&b, '}');
	jput_pretty(&pretty, b.p, b.n);
	buf_putc(&pretty, '\n');
	rc = fs_write_atomic(path, pretty.p, pretty.n, 0600, e);
	buf_free(&b);
	buf_free(&pretty);
	free(path);
	return rc;
}

/* One writer at a time: nobody's change is lost. */
static int
lock(const struct realm *r, struct err *e)
{
	char *dir = xasprintf("%s/.rkat", r->dir);
	char *path = fs_join(dir, "trusted_peers.lock");
	int fd = -1;

	if (fs_mkdirs(dir, 0700, e) == 0) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || flock(fd, LOCK_EX) < 0) {
			err_sys(e, E_FAILED, "%s", path);
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
	}
	free(path);
	free(dir);
	return fd;
}

static int
check_peer(const struct peer *p, struct err *e)
{
	struct address a;

	if (!peer_name_valid(p->name))
		return err_set(e, E_INVALID_PARAMS, "a peer's name is not "
		    "blank and has no control characters");
	if (address_parse(p->address, &a, e) < 0)
		return -1;
	address_free(&a);
	return 0;
}

int
trust_add(const struct realm *r, const struct peer *p, struct err *e)
{
	struct trust t = { .v = NULL };
	struct peer *old = NULL;
	int fd, rc = -1;

	if (check_peer(p, e) < 0 || (fd = lock(r, e)) < 0)
		return -1;
	if (trust_load(r, &t, e) < 0)
		goto done;
	for (size_t i = 0; i < t.n && !old; i++)
		if (!memcmp(t.v[i].key, p->key, KEY_LEN))
			old = &t.v[i];
	if (old) {
		peer_free(old);
		old->name = xstrdup(p->name);
		old->address = xstrdup(p->address);
		old->meta = xstrdup(p->meta ? p->meta : "{}");
	} else {
		add(&t, p->name, p->address, p->key, p->meta);
	}
	rc = save(r, &t, e);
done:
	trust_free(&t);
	close(fd);
	return rc;
}

int
trust_remove(const struct realm *r, const char *who, bool *removed,
    struct err *e)
{
	const struct peer *found;
	struct err why = ERR_NONE;
	struct trust t = { .v = NULL };
	size_t at;
	int fd, rc = -1;

	*removed = false;
	if ((fd = lock(r, e)) < 0)
		return -1;
	if (trust_load(r, &t, e) < 0)
		goto done;
	if (!(found = trust_find(&t, who, &why))) {
		rc = why.code == E_NOT_FOUND ? 0 : -1;
		if (rc < 0 && e)
			*e = why;
		goto done;
	}
	at = (size_t)(found - t.v);
	peer_free(&t.v[at]);
	memmove(&t.v[at], &t.v[at + 1], (--t.n - at) * sizeof *t.v);
	rc = save(r, &t, e);
	*removed = rc == 0;
done:
	trust_free(&t);
	close(fd);
	return rc;
}
