#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/std.h"
#include "base/util.h"

void
std_fill(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDONLY | O_NOCTTY) != fd)
			_exit(1);
}

int
std_say(const char *fmt, ...)
{
	struct err e = ERR_NONE;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vprintf(fmt, ap);
	va_end(ap);
	if (rc >= 0 && fflush(stdout) == 0)
		return 0;
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	err_set(&e, E_FAILED, "standard output: %s", strerror(errno));
	return err_report(prog, &e);
}

int
std_version(void)
{
	return std_say("%s %s (contract %s)\n", prog, RKAT_VERSION, RKAT_CONTRACT);
}
