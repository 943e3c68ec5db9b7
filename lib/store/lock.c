#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "store/lock.h"

/* ---- the lock ---- */

/*
 * flock(2) decides; flock(1) works on it, too.  Behind it the holder also takes a
 * record lock, because that kind can be looked at without being taken: a look by
 * flock would make a turn that starts in this instant see a busy session.
 */
int
lock_session(const struct realm *r, const char *session, int *fd,
    struct err *e)
{
	struct flock mark = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = realm_file(r, "run", session, ".lock");
	int rc = -1;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		err_sys(e, E_STORAGE_ERROR, "%s", path);
	else if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		rc = fcntl(*fd, F_OFD_SETLK, &mark) == 0 ? 0 :
		    err_sys(e, E_STORAGE_ERROR, "%s", path);
	else if (errno == EWOULDBLOCK)
		err_set(e, E_SESSION_BUSY, "session is busy: %s", session);
	else
		err_sys(e, E_STORAGE_ERROR, "%s", path);
	if (rc < 0 && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	free(path);
	return rc;
}

bool
lock_held(const struct realm *r, const char *session)
{
	struct flock mark = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = realm_file(r, "run", session, ".lock");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool held = false;

	free(path);
	if (fd < 0)
		return false;
	if (fcntl(fd, F_OFD_GETLK, &mark) == 0)
		held = mark.l_type != F_UNLCK;
	close(fd);
	return held;
}

/* ---- the bell ---- */

/*
 * A socket's address holds 108 bytes, a realm's path may be longer: then the way leads
 * through a descriptor of the directory, which must stay open as long as the address
 * is used.
 */
static int
bell_address(const struct realm *r, const char *session,
    struct sockaddr_un *a, int *dirfd)
{
	char *path = realm_file(r, "run", session, ".sock");
	size_t n = strlen(path);

	*dirfd = -1;
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (n < sizeof a->sun_path) {
		memcpy(a->sun_path, path, n);
	} else {
		char *slash = strrchr(path, '/');

		*slash = '\0';
		*dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		snprintf(a->sun_path, sizeof a->sun_path,
		    "/proc/self/fd/%d/%.64s", *dirfd, slash + 1);
	}
	free(path);
	return n < sizeof a->sun_path || *dirfd >= 0 ? 0 : -1;
}

static int
bell_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int
bell_open(const struct realm *r, const char *session, int *fd,
    struct err *e)
{
	struct sockaddr_un a;
	int dirfd, rc = -1;

	*fd = -1;
	if (bell_address(r, session, &a, &dirfd) == 0 &&
	    (*fd = bell_socket()) >= 0) {
		unlink(a.sun_path);	/* of a holder that died */
		rc = bind(*fd, (struct sockaddr *)&a, sizeof a);
	}
	if (rc < 0) {
		err_sys(e, E_STORAGE_ERROR, "%s/run/%s.sock", r->dir, session);
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

void
bell_close(const struct realm *r, const char *session, int fd)
{
	char *path = realm_file(r, "run", session, ".sock");

	if (fd >= 0) {
		unlink(path);
		close(fd);
	}
	free(path);
}

bool
bell_ring(const struct realm *r, const char *session, char what)
{
	struct sockaddr_un a;
	int dirfd, fd = -1;
	bool heard = false;

	/* Most sleep: no socket for somebody who has no bell. */
	if (bell_address(r, session, &a, &dirfd) == 0 &&
	    access(a.sun_path, F_OK) == 0 && (fd = bell_socket()) >= 0)
		heard = sendto(fd, &what, 1, MSG_NOSIGNAL,
		    (struct sockaddr *)&a, sizeof a) == 1 ||
		    errno == EAGAIN;	/* it rings already, up to the brim */
	if (fd >= 0)
		close(fd);
	if (dirfd >= 0)
		close(dirfd);
	return heard;
}

char
bell_read(int fd)
{
	char what;

	return recv(fd, &what, 1, MSG_DONTWAIT) == 1 ? what : 0;
}
