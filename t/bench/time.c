/*
 * time N COMMAND...: run it N times (stdin, stdout, stderr: /dev/null) and print
 * "MEDIAN_ms P95_ms MAXRSS_kB".  Exits 1 if a run fails.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One run; its wall time in ms, or -1. */
static double
once(char *const argv[], long *rss)
{
	posix_spawn_file_actions_t fa;
	struct rusage ru;
	double t0, t1;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&fa);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&fa, fd, "/dev/null",
		    fd ? O_WRONLY : O_RDONLY, 0);
	t0 = now_ms();
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) ||
	    wait4(pid, &status, 0, &ru) < 0)
		return -1;
	t1 = now_ms();
	posix_spawn_file_actions_destroy(&fa);
	if (ru.ru_maxrss > *rss)
		*rss = ru.ru_maxrss;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? t1 - t0 : -1;
}

int
main(int argc, char *argv[])
{
	int n = argc > 2 ? atoi(argv[1]) : 0;
	double *ms;
	long rss = 0;

	if (n < 1) {
		fprintf(stderr, "usage: time N COMMAND...\n");
		return 2;
	}
	ms = calloc((size_t)n, sizeof *ms);
	for (int i = -1; ms && i < n; i++) {	/* one to warm up */
		double t = once(argv + 2, &rss);

		if (t < 0) {
			fprintf(stderr, "time: %s failed\n", argv[2]);
			return 1;
		}
		if (i >= 0)
			ms[i] = t;
	}
	qsort(ms, (size_t)n, sizeof *ms, by_value);
	printf("%.2f %.2f %ld\n", ms[n / 2], ms[n * 95 / 100], rss);
	free(ms);
	return 0;
}
