#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Child processes (design rule 13): argv array, no shell, a session of its own (no
 * terminal), only the descriptors that are named here, no signal mask or handler
 * inherited.
 *
 * Between us and the program stands a nanny: a fork of ours that holds nothing, that
 * every orphan below it comes back to (PR_SET_CHILD_SUBREAPER), and that is told when
 * we die (PR_SET_PDEATHSIG), also by SIGKILL.  It ends when the program has ended and
 * nothing of it is left: what still runs 200 ms after the program is killed, also
 * after setsid and double forks.  Limits: what runs with other rights (sudo) cannot
 * be killed; work handed to another service (at, docker, systemd-run) is not ours;
 * a program that kills first its nanny and then us can leave something behind unless
 * it is sandboxed.
 */
struct proc_spec {
	char *const *argv;	/* argv[0] is looked up in PATH unless it has a '/' */
	char *const *envp;	/* NULL: ours */
	const char *cwd;	/* NULL: ours */
	int in, out, err;	/* descriptors to become 0, 1, 2; -1: /dev/null */
	/* Runs in the child just before exec; only async-signal-safe calls; -1 (with errno) aborts the start. */
	int (*confine)(void *arg);
	/* Instead of argv: the child runs this and exits with what it returns.  No threads may exist. */
	int (*run)(void *arg);
	void *arg;		/* for confine and run */
};

/* Start it.  pid is the nanny's; it carries the program's wait status.  Errors of chdir, confine and exec are reported here. */
int proc_spawn(const struct proc_spec *spec, pid_t *pid, struct err *e);

/* Signal the program's group; SIGKILL kills everything below the nanny.  What is gone is fine. */
void proc_kill(pid_t pid, int sig);
/*
 * TERM the group, wait up to grace_ms for everything, then KILL; reap.  With
 * grace_ms 0 KILL at once.  Returns the wait status (0 if it was reaped before).
 */
int proc_end(pid_t pid, int64_t grace_ms);
/* Reap without waiting: true and *status if it has ended. */
bool proc_poll(pid_t pid, int *status);
/* A descriptor that polls readable when pid and all of its children ended (pidfd), or -1. */
int proc_fd(pid_t pid);
/* A descriptor that knows the program's memory, or -1. */
int proc_memory(pid_t pid);
/* Its resident bytes, from there, or 0 if they are not known. */
size_t proc_resident(int memory);
/* pipe with O_CLOEXEC on both ends; rw[0] reads. */
int proc_pipe(int rw[2], struct err *e);
/* argv[0] as proc_spawn finds it, new; NULL: there is none. */
char *proc_which(const char *name);
/*
 * Become a child subreaper: what a killed nanny leaves behind comes to us.  Call it
 * first thing in main: children that exist already (inherited through exec) are
 * remembered as not ours.
 */
void proc_subreaper(void);
/* Kill and reap every remaining descendant, 3 s at most; for the way out. */
void proc_end_all(void);

#endif
