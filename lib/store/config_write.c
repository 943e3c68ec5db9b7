#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/toml.h"
#include "base/util.h"
#include "store/config.h"
#include "store/config_keys.h"

/*
 * Writing: lock, compare the generation, check the result, replace the file, count
 * up.  A crash between the last two leaves the new file under the old generation:
 * nobody was told that it was written, and nobody who read the old file before has
 * been promised anything.
 */

#define LOCK_WAIT_MS 5000

static int
lock(const struct realm *r, int *fd, struct err *e)
{
	static const struct timespec pause = { 0, 20000000 };
	int64_t until = time_mono_ms() + LOCK_WAIT_MS;
	char *path = fs_join(r->dir, "config_state.lock");
	int rc = -1;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0) {
		err_sys(e, E_INTERNAL_ERROR, "%s", path);
		goto done;
	}
	while ((rc = flock(*fd, LOCK_EX | LOCK_NB)) < 0 &&
	    (errno == EWOULDBLOCK || errno == EINTR) &&
	    time_mono_ms() < until)
		nanosleep(&pause, NULL);
	if (rc < 0 && errno == EWOULDBLOCK)
		err_set(e, E_INTERNAL_ERROR, "timed out acquiring config lock");
	else if (rc < 0)
		err_sys(e, E_INTERNAL_ERROR, "%s", path);
done:
	free(path);
	return rc;
}

/* ---- secrets that come back as we showed them ---- */

/* The JSON string that we show for this tree's value? */
static bool
is_mask_of(const struct toml *t, struct jtext shown)
{
	struct buf b = BUF_INIT;
	bool same = false;
	size_t n;
	char *s = json_str(shown, &n);

	if (s) {
		config_mask(&b, s, n);
		same = t->s_len == b.n && !memcmp(t->s, b.p, b.n);
		if (t->s_len == n && !memcmp(t->s, s, n))
			same = false;	/* "****" may really be the secret */
	}
	free(s);
	buf_free(&b);
	return same;
}

/*
 * In doc, put back the secrets that stand there masked: own is the realm file's tree
 * at the same place, v the effective value.  True if the member itself has to go,
 * because its secret comes from a weaker layer.
 */
static bool
unmask(struct toml *doc, const struct toml *own, struct jtext v,
    const char *parent, const char *name, bool *changed)
{
	struct jiter it = json_iter(v);
	size_t kept = 0;

	if (doc->kind == TOML_STRING && config_is_secret(parent, name) &&
	    is_mask_of(doc, v)) {
		*changed = true;
		if (!own || own->kind != TOML_STRING)
			return true;
		free(doc->s);
		doc->s = xstrndup(own->s, own->s_len);
		doc->s_len = own->s_len;
	}
	for (size_t i = 0; i < doc->n; i++) {
		struct toml *kid = doc->kids[i], *theirs = NULL;
		struct jtext value = JTEXT_NONE;
		bool gone;

		if (doc->kind == TOML_TABLE) {
			theirs = own ? toml_get(own, kid->key) : NULL;
			value = json_get(v, kid->key);
			gone = unmask(kid, theirs, value, name, kid->key,
			    changed);
		} else {
			if (own && own->kind == TOML_ARRAY && i < own->n)
				theirs = own->kids[i];
			if (json_next(&it))
				value = it.value;
			gone = unmask(kid, theirs, value, parent, name,
			    changed);
		}
		if (gone)
			toml_free(kid);
		else
			doc->kids[kept++] = kid;
	}
	doc->n = kept;
	return false;
}

/* ---- the transaction ---- */

static int
write_state(const struct realm *r, int64_t generation, struct err *e)
{
	char *path = fs_join(r->dir, "config_state.json");
	char *text = xasprintf("{\n  \"generation\": %" PRId64 "\n}",
	    generation);
	int rc = fs_write_atomic(path, text, strlen(text), 0600, e);

	free(text);
	free(path);
	return rc;
}

/* Check doc and put it in place as text.  old: the tree that it replaces, or NULL. */
static int
replace(const struct realm *r, struct toml *doc, const struct toml *old,
    struct buf *text, int64_t generation, struct err *e)
{
	struct buf now = BUF_INIT, then = BUF_INIT;
	char *path = config_path(r);
	bool changed = false;
	int rc = -1;

	/* What is there may be broken: set is the way to repair it. */
	if (config_effective(r, old, &now, NULL) == 0)
		unmask(doc, old, json_slice(now.p, now.n), "", "", &changed);
	if (changed || !text->n) {
		buf_trunc(text, 0);
		toml_emit(doc, text);
	}
	if (text->n > CONFIG_MAX) {
		err_set(e, E_INVALID_PARAMS, "more than %d bytes", CONFIG_MAX);
		goto done;
	}
	if (config_effective(r, doc, &then, e) < 0 ||
	    config_validate(json_slice(then.p, then.n), e) < 0)
		goto done;
	crash_point("config.write.before");
	if (fs_write_atomic(path, buf_str(text), text->n, 0600, e) < 0)
		goto done;
	crash_point("config.write.after");
	if (write_state(r, generation, e) < 0)
		goto done;
	crash_point("config.generation.after");
	rc = 0;
done:
	buf_free(&now);
	buf_free(&then);
	free(path);
	return rc;
}

/* Either doc (with its text) or patch is given; doc and text are taken. */
static int
update(const struct realm *r, struct toml *doc, struct buf *text,
    struct jtext patch, int64_t expected, int64_t *generation, struct err *e)
{
	struct toml *old = NULL;
	struct err why = ERR_NONE;
	char *path = config_path(r);
	int64_t current;
	int fd = -1, rc = -1;

	if (lock(r, &fd, e) < 0 || config_generation(r, &current, e) < 0)
		goto done;
	if (expected >= 0 && expected != current) {
		err_set(e, E_CONFLICT,
		    "generation conflict: expected %" PRId64 ", current %" PRId64,
		    expected, current);
		goto done;
	}
	old = config_read(path, &why);
	if (!doc) {
		if (why.code == E_NONE) {
			doc = config_read(path, &why);
			doc = doc ? doc : toml_parse("", 0, &why);
		}
		if (why.code != E_NONE || toml_patch(doc, patch, &why) < 0) {
			if (e)
				*e = why;
			goto done;
		}
	}
	*generation = current < INT64_MAX ? current + 1 : current;
	rc = replace(r, doc, old, text, *generation, e);
done:
	if (fd >= 0)
		close(fd);
	toml_free(doc);
	toml_free(old);
	buf_free(text);
	free(path);
	return rc;
}

static int
too_long(size_t n, struct err *e)
{
	if (n <= CONFIG_MAX)
		return 0;
	return err_set(e, E_INVALID_PARAMS, "more than %d bytes", CONFIG_MAX);
}

int
config_set(const struct realm *r, struct jtext json, int64_t expected,
    int64_t *generation, struct err *e)
{
	struct buf text = BUF_INIT;
	struct toml *doc;

	if (too_long(json.n, e) < 0)
		return -1;
	if (!json_is(json, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "a configuration must be a JSON object");
	if (!(doc = toml_of_json(json, e)))
		return -1;
	return update(r, doc, &text, JTEXT_NONE, expected, generation, e);
}

int
config_set_toml(const struct realm *r, const char *p, size_t n,
    int64_t expected, int64_t *generation, struct err *e)
{
	struct buf text = BUF_INIT;
	struct toml *doc;

	if (too_long(n, e) < 0 || !(doc = toml_parse(p, n, e)))
		return -1;
	buf_put(&text, p, n);
	return update(r, doc, &text, JTEXT_NONE, expected, generation, e);
}

int
config_patch(const struct realm *r, struct jtext patch, int64_t expected,
    int64_t *generation, struct err *e)
{
	struct buf text = BUF_INIT;

	if (too_long(patch.n, e) < 0)
		return -1;
	if (!json_is(patch, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "a patch must be a JSON object");
	return update(r, NULL, &text, patch, expected, generation, e);
}
