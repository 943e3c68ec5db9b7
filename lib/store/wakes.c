#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/wakes.h"

static char *
wakes_path(const struct realm *r)
{
	return realm_file(r, "run", "wakes", "");
}

int
wakes_open(const struct realm *r, struct err *e)
{
	char *path = wakes_path(r);
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (file < 0 || fd < 0 || inotify_add_watch(fd, path, IN_ATTRIB) < 0) {
		err_sys(e, E_STORAGE_ERROR, "%s", path);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (file >= 0)
		close(file);
	free(path);
	return fd;
}

void
wakes_read(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof events) > 0)
		;
}

void
wakes_ring(const struct realm *r)
{
	char *path = wakes_path(r);

	utimensat(AT_FDCWD, path, NULL, 0);
	free(path);
}
