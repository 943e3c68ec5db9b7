#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Child processes (design rule 13): argv array, no shell, own process group, only
 * the descriptors that are named here, no signal mask or handler inherited.  The
 * child dies with us (PR_SET_PDEATHSIG), also when we are killed with SIGKILL.
 */
struct proc_spec {
	char *const *argv;	/* argv[0] is looked up in PATH unless it has a '/' */
	char *const *envp;	/* NULL: ours */
	const char *cwd;	/* NULL: ours */
	int in, out, err;	/* descriptors to become 0, 1, 2; -1: /dev/null */
	/* Runs in the child just before exec; only async-signal-safe calls; -1 (with errno) aborts the start. */
	int (*confine)(void *arg);
	void *arg;
};

/* Start it.  The pid is also the process group.  Errors of chdir, confine and exec are reported here. */
int proc_spawn(const struct proc_spec *spec, pid_t *pid, struct err *e);

/* Signal the whole group; a group that is gone is fine. */
void proc_kill(pid_t pid, int sig);
/*
 * TERM the group, wait up to grace_ms for every member, then KILL; reap.  Also ends
 * what the child itself has left behind in its group.  Returns the wait status (0 if
 * it was reaped before).
 */
int proc_end(pid_t pid, int64_t grace_ms);
/* Reap without waiting: true and *status if it has ended. */
bool proc_poll(pid_t pid, int *status);
/* A descriptor that polls readable when pid ends (pidfd), or -1. */
int proc_fd(pid_t pid);
/* pipe with O_CLOEXEC on both ends; rw[0] reads. */
int proc_pipe(int rw[2], struct err *e);
/* Become a child subreaper, so that orphans of our tools come to us; reap whatever has ended. */
void proc_subreaper(void);
/* Kill (KILL) and reap every remaining descendant; for the way out. */
void proc_end_all(void);

#endif
