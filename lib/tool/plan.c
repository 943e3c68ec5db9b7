#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "tool/plan.h"

#define MOST_BYTES (64 << 20)

/* ---- reading ---- */

static int
load(struct plan_file *f, int dir, const char *name, bool follow,
    struct buf *why)
{
	struct err e = ERR_NONE;
	struct stat st;
	int fd, rc = -1;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
	    O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno == ELOOP && !follow) {
		f->was = f->is = true;	/* the link itself */
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		buf_puts(why, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		buf_puts(why, S_ISDIR(st.st_mode) ? "Is a directory" :
		    "Not a regular file");
	else if (fs_read_fd(fd, MOST_BYTES, &f->text, &e) < 0)
		buf_puts(why, e.text);
	else
		rc = 0;
	if (fd >= 0)
		close(fd);
	if (rc == 0) {
		f->was = f->is = true;
		f->mode = st.st_mode & 07777;
		f->uid = st.st_uid;
		f->gid = st.st_gid;
	}
	return rc;
}

static void
file_free(struct plan_file *f)
{
	if (f->dir >= 0)
		close(f->dir);
	buf_free(&f->text);
	free(f->rel);
	free(f->name);
	free(f->temp);
	free(f->made);
	free(f);
}

static struct plan_file *
known(const struct plan *p, const char *rel)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->files[i]->rel, rel))
			return p->files[i];
	return NULL;
}

struct plan_file *
plan_file(struct plan *p, const char *rel, bool follow, struct buf *why,
    bool *escaped)
{
	struct plan_file *f = known(p, rel);
	char *name = NULL;
	int dir, rc;

	*escaped = false;
	if (f)
		return f;
	f = xcalloc(1, sizeof *f);
	*f = (struct plan_file){ .rel = xstrdup(rel), .dir = -1 };
	if (!strcmp(rel, ".")) {
		buf_puts(why, "Is a directory");
		rc = -1;
	} else if (root_place(p->root, &f->rel, follow, false, &dir,
	    &name) == 0) {
		rc = load(f, dir, name, follow, why);
		close(dir);
	} else {
		/* No directory yet: it will be made. */
		rc = errno == ENOENT ? 0 : -1;
		*escaped = root_escaped(errno);
		if (rc < 0)
			buf_puts(why, strerror(errno));
	}
	free(name);
	/* A link may have led to a file that is known already. */
	if (rc < 0 || known(p, f->rel)) {
		struct plan_file *same = rc < 0 ? NULL : known(p, f->rel);

		file_free(f);
		return same;
	}
	p->files = xrealloc(p->files, (p->n + 1) * sizeof *p->files);
	return p->files[p->n++] = f;
}

void
plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		file_free(p->files[i]);
	free(p->files);
}

/* ---- writing ---- */

/* The topmost directory above rel that is missing, new; NULL: none. */
static char *
missing_dir(const struct root *r, const char *rel)
{
	for (const char *s = rel; (s = strchr(s, '/')); s++) {
		char *dir = xstrndup(rel, (size_t)(s - rel));
		int fd = root_openat(r, dir, O_PATH | O_DIRECTORY);

		if (fd < 0)
			return dir;
		close(fd);
		free(dir);
	}
	return NULL;
}

/* Temp file with the new text beside the place. */
static int
stage(struct plan_file *f)
{
	int fd = openat(f->dir, f->temp, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0666), rc = -1;

	if (fd < 0)
		return -1;
	if (f->was && fchown(fd, f->uid, f->gid) < 0)
		errno = 0;	/* not ours to give: it becomes ours */
	if ((!f->mode || fchmod(fd, f->mode) == 0) &&
	    fs_write_all(fd, buf_str(&f->text), f->text.n) == 0 &&
	    fsync(fd) == 0)
		rc = 0;
	close(fd);
	return rc;
}

static int
prepare(struct plan *p, struct plan_file *f)
{
	char id[UUID_LEN + 1];

	f->made = missing_dir(p->root, f->rel);
	if (root_place(p->root, &f->rel, false, true, &f->dir, &f->name) < 0)
		return -1;
	uuid_v7(id);
	f->temp = xasprintf(".rkat-%s.tmp", id);
	return f->is ? stage(f) : 0;
}

/* Two names change places; without the kernel's help in three steps. */
static int
exchange(int dir, const char *a, const char *b)
{
	char *third;
	int rc;

	if (renameat2(dir, a, dir, b, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	third = xasprintf("%s~", a);
	rc = renameat(dir, b, dir, third);
	if (rc == 0 && (rc = renameat(dir, a, dir, b)) < 0)
		renameat(dir, third, dir, b);
	else if (rc == 0)
		renameat(dir, third, dir, a);
	free(third);
	return rc;
}

/* Rename unless the new name is taken. */
static int
rename_new(int dir, const char *from, const char *to)
{
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return linkat(dir, from, dir, to, 0) < 0 ? -1 : unlinkat(dir, from, 0);
}

/* Bring the new state to its place and the old one to temp. */
static int
swap(struct plan_file *f)
{
	int rc;

	if (!f->is)
		rc = rename_new(f->dir, f->name, f->temp);
	else if (!f->was)
		rc = rename_new(f->dir, f->temp, f->name);
	else
		rc = exchange(f->dir, f->temp, f->name);
	f->swapped = rc == 0;
	return rc;
}

static void
swap_back(struct plan_file *f)
{
	if (f->swapped && !f->is)
		rename_new(f->dir, f->temp, f->name);
	else if (f->swapped && !f->was)
		unlinkat(f->dir, f->name, 0);
	else if (f->swapped)
		exchange(f->dir, f->temp, f->name);
	f->swapped = false;
}

/* Remove the directories that were made for f, deepest first. */
static void
unmake(const struct root *r, const struct plan_file *f)
{
	char *at = xstrdup(f->rel), *slash;

	while (f->made && (slash = strrchr(at, '/'))) {
		char *name, *rel;
		int dir;

		*slash = '\0';
		if (strlen(at) < strlen(f->made))
			break;
		rel = xstrdup(at);
		if (root_place(r, &rel, false, false, &dir, &name) == 0) {
			unlinkat(dir, name, AT_REMOVEDIR);
			close(dir);
			free(name);
		}
		free(rel);
	}
	free(at);
}

/* Temp files go: the old states after a success, the new ones after a failure. */
static void
tidy(struct plan *p, bool good)
{
	for (size_t i = p->n; i-- > 0; ) {
		struct plan_file *f = p->files[i];

		if (f->dir < 0 && !f->made)
			continue;
		if (!good)
			swap_back(f);
		if (f->temp)
			unlinkat(f->dir, f->temp, 0);
		if (!good)
			unmake(p->root, f);
	}
}

int
plan_commit(struct plan *p, struct buf *why)
{
	const struct plan_file *bad = NULL;
	int error = 0;

	for (size_t i = 0; i < p->n && !bad; i++) {
		struct plan_file *f = p->files[i];

		/* Added and deleted again: nothing to do. */
		f->changed = f->changed && (f->is || f->was);
		if (f->changed && prepare(p, f) < 0) {
			error = errno;
			bad = f;
		}
	}
	for (size_t i = 0; i < p->n && !bad; i++)
		if (p->files[i]->changed && swap(p->files[i]) < 0) {
			error = errno;
			bad = p->files[i];
		}
	if (bad)
		buf_printf(why, "Failed to %s file %s: %s",
		    bad->is ? "write" : "delete", bad->rel, strerror(error));
	tidy(p, !bad);
	return bad ? -1 : 0;
}
