#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"

/* Who shares the descriptor with us may have made it non-blocking: then wait here. */
static bool
again(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return errno == EINTR || (errno == EAGAIN &&
	    (poll(&p, 1, -1) >= 0 || errno == EINTR));
}

int
fs_read_fd(int fd, size_t max, struct buf *b, struct err *e)
{
	size_t had = b->n;

	for (;;) {
		char *to = buf_room(b, 65536);
		ssize_t n = read(fd, to, 65536);

		if (n < 0 && again(fd, POLLIN))
			continue;
		if (n < 0)
			return err_sys(e, E_INTERNAL_ERROR, "read");
		b->n += (size_t)n;
		buf_end(b);
		if (b->n - had > max)
			return err_set(e, E_INVALID_PARAMS,
			    "more than %zu bytes", max);
		if (n == 0)
			return 0;
	}
}

int
fs_read(const char *path, size_t max, struct buf *b, struct err *e)
{
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno == ENOENT || errno == ENOTDIR ?
		    E_NOT_FOUND : E_INTERNAL_ERROR, "%s", path);
	rc = fs_read_fd(fd, max, b, e);
	if (rc < 0)
		err_wrap(e, "%s", path);
	close(fd);
	return rc;
}

int
fs_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && again(fd, POLLOUT))
			continue;
		if (put < 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* The directory's entry for a new name is on disk only after this. */
static int
sync_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? xstrndup(path, slash == path ? 1 :
	    (size_t)(slash - path)) : xstrdup(".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	free(dir);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int
fs_write_atomic(const char *path, const void *p, size_t n, mode_t mode,
    struct err *e)
{
	char id[UUID_LEN + 1], *tmp;
	int fd, rc = -1;

	uuid_v7(id);
	tmp = xasprintf("%s.%s.tmp", path, id);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0) {
		err_sys(e, E_INTERNAL_ERROR, "%s", path);
		goto done;
	}
	if (fs_write_all(fd, p, n) < 0 || fsync(fd) < 0 ||
	    rename(tmp, path) < 0 || sync_dir_of(path) < 0) {
		err_sys(e, E_INTERNAL_ERROR, "%s", path);
		unlink(tmp);
		goto done;
	}
	rc = 0;
done:
	if (fd >= 0)
		close(fd);
	free(tmp);
	return rc;
}

/* A read-only file system may say so before it says that the directory is there. */
static int
make_dir(const char *path, mode_t mode)
{
	int no;

	if (mkdir(path, mode) == 0)
		return sync_dir_of(path);
	no = errno;
	if (no == EEXIST || (no == EROFS && fs_is_dir(path)))
		return 0;
	errno = no;
	return -1;
}

int
fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char *p = xstrdup(path);
	struct stat st;
	int rc = -1;

	for (char *s = p + 1; ; s++) {
		char c = *s;

		if (c && c != '/')
			continue;
		*s = '\0';
		if (make_dir(p, mode) < 0) {
			err_sys(e, E_INTERNAL_ERROR, "%s", p);
			goto done;
		}
		*s = c;
		if (!c)
			break;
	}
	/* Gone again is not for us to say. */
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_set(e, E_INTERNAL_ERROR, "%s: not a directory", path);
		goto done;
	}
	rc = 0;
done:
	free(p);
	return rc;
}

static int
remove_at(int dirfd, const char *name, struct err *e)
{
	struct dirent *d;
	DIR *dir;
	int fd, rc = 0;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)	/* somebody else removes it, too */
		return 0;
	if (fd < 0 || !(dir = fdopendir(fd))) {
		if (fd >= 0)
			close(fd);
		return err_sys(e, E_INTERNAL_ERROR, "%s", name);
	}
	while (rc == 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			rc = remove_at(fd, d->d_name, e);
	closedir(dir);
	if (rc == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, E_INTERNAL_ERROR, "%s", name);
	return rc;
}

int
fs_remove_tree(const char *path, struct err *e)
{
	return remove_at(AT_FDCWD, path, e);
}

bool
fs_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool
fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
fs_same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

char *
fs_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	return xasprintf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}
