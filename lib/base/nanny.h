#ifndef BASE_NANNY_H
#define BASE_NANNY_H

#include <sys/types.h>

struct proc_spec;

/* Private to base/proc: what happens in the forked child (see proc.h). */

/* Tells a nanny to kill everything below it and to end. */
#define NANNY_END (SIGRTMIN + 5)

enum nanny_stage { NANNY_FORK, NANNY_DIR, NANNY_FDS, NANNY_CONFINE, NANNY_EXEC };
struct nanny_report {
	enum nanny_stage stage;
	int error;
};

/* Be the nanny of a program.  All signals are blocked by the caller; report is written only on failure. */
_Noreturn void nanny(const struct proc_spec *spec, const char *path,
    int report, pid_t parent);

/* fn for every child of the calling process; how many, -1 without /proc.  Async-signal-safe if fn is. */
int nanny_children(void (*fn)(void *arg, pid_t pid), void *arg);

#endif
