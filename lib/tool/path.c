#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "tool/path.h"

#define MAX_LINKS 16

struct root *
root_open(const char *path, struct err *e)
{
	struct root *r = xcalloc(1, sizeof *r);

	r->given = xstrdup(path);
	r->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r->path = r->fd < 0 ? NULL : realpath(path, NULL);
	if (r->path)
		return r;
	err_sys(e, E_INVALID_PARAMS, "project root %s", path);
	root_free(r);
	return NULL;
}

void
root_free(struct root *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r->given);
	free(r);
}

/* ---- text ---- */

/* What follows dir in path: "" or "/x"; NULL if path is not in dir. */
static const char *
behind(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	if (strncmp(path, dir, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

/* Resolve "." and ".."; NULL if it climbs over the top.  New. */
static char *
normal(const char *path)
{
	struct buf b = BUF_INIT;

	for (const char *p = path; *p; ) {
		size_t n = strcspn(p, "/");

		if (n == 2 && !strncmp(p, "..", 2)) {
			char *slash;

			if (!b.n) {
				buf_free(&b);
				return NULL;
			}
			slash = strrchr(b.p, '/');
			buf_trunc(&b, slash ? (size_t)(slash - b.p) : 0);
		} else if (n && !(n == 1 && *p == '.')) {
			if (b.n)
				buf_putc(&b, '/');
			buf_put(&b, p, n);
		}
		p += n;
		p += strspn(p, "/");
	}
	if (!b.n)
		buf_puts(&b, ".");
	return buf_steal(&b);
}

char *
root_relative(const struct root *r, const char *path)
{
	const char *rest = path;
	char *full, *rel;

	if (*path != '/')
		return normal(path);
	/* An absolute one is made plain first: ROOT/../etc is outside. */
	if (!(full = normal(path)))
		return NULL;
	rel = xasprintf("/%s", strcmp(full, ".") ? full : "");
	free(full);
	full = rel;
	if (!(rest = behind(full, r->path)))
		rest = behind(full, r->given);
	rel = rest ? normal(rest) : NULL;
	free(full);
	return rel;
}

char *
root_absolute(const struct root *r, const char *rel)
{
	return strcmp(rel, ".") ? fs_join(r->path, rel) : xstrdup(r->path);
}

/* ---- the kernel ---- */

/* Component by component, never through a symlink. */
static int
walk(int at, const char *rel, int flags)
{
	char name[NAME_MAX + 1];
	int dir = at, fd = -1;

	for (const char *p = rel; ; ) {
		size_t n = strcspn(p, "/");
		bool last = !p[n];

		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			fd = -1;
		} else {
			memcpy(name, p, n);
			name[n] = '\0';
			fd = openat(dir, name, O_NOFOLLOW | O_CLOEXEC | (last ?
			    flags : O_PATH | O_DIRECTORY));
		}
		if (dir != at) {
			int error = errno;

			close(dir);
			errno = error;
		}
		if (fd < 0 || last)
			return fd;
		dir = fd;
		p += n + 1;
	}
}

int
root_openat(const struct root *r, const char *rel, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: a rename somewhere raced with "..": the kernel asks to try again. */
	for (int tries = 0; tries < 32; tries++) {
		fd = (int)syscall(SYS_openat2, r->fd, rel, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = walk(r->fd, rel, flags);
	return fd;
}

bool
root_escaped(int error)
{
	return error == EXDEV || error == ELOOP;
}

/* Directory part of rel, new. */
static char *
dir_of(const char *rel)
{
	const char *slash = strrchr(rel, '/');

	return slash ? xstrndup(rel, (size_t)(slash - rel)) : xstrdup(".");
}

/* Open a directory below the root, making what is missing. */
static int
open_dir(const struct root *r, const char *rel, bool make)
{
	int fd = root_openat(r, rel, O_PATH | O_DIRECTORY), up;
	const char *name;
	char *dir;

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	dir = dir_of(rel);
	name = strrchr(rel, '/');
	up = open_dir(r, dir, true);
	free(dir);
	if (up < 0)
		return -1;
	if (mkdirat(up, name ? name + 1 : rel, 0777) < 0 && errno != EEXIST)
		fd = -1;
	else
		fd = root_openat(r, rel, O_PATH | O_DIRECTORY);
	close(up);
	return fd;
}

/* Where the symlink rel points to, as a path below the root, new; NULL with errno. */
static char *
target_of(const struct root *r, const char *rel, int dir, const char *name)
{
	char to[PATH_MAX], *base, *joined, *next;
	ssize_t n = readlinkat(dir, name, to, sizeof to - 1);

	if (n < 0)
		return NULL;
	to[n] = '\0';
	if (*to == '/') {
		next = root_relative(r, to);
	} else {
		base = dir_of(rel);
		joined = fs_join(base, to);
		next = normal(joined);
		free(base);
		free(joined);
	}
	if (!next)
		errno = EXDEV;
	return next;
}

int
root_place(const struct root *r, char **rel, bool follow, bool make, int *dir,
    char **name)
{
	for (int links = 0; links < MAX_LINKS; links++) {
		const char *slash = strrchr(*rel, '/');
		char *up = dir_of(*rel), *next;
		struct stat st;

		*dir = open_dir(r, up, make);
		free(up);
		if (*dir < 0)
			return -1;
		*name = xstrdup(slash ? slash + 1 : *rel);
		if (!follow || fstatat(*dir, *name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISLNK(st.st_mode))
			return 0;
		next = target_of(r, *rel, *dir, *name);
		close(*dir);
		*dir = -1;
		free(*name);
		*name = NULL;
		if (!next)
			return -1;
		free(*rel);
		*rel = next;
	}
	errno = ELOOP;
	return -1;
}
