#ifndef RUNNER_COMMAND_H
#define RUNNER_COMMAND_H

#include "base/err.h"

struct realm;

/*
 * One of our programs: beside the one that runs first, so that an installation is one
 * thing; then in PATH.  New; FAILED if it is not installed.
 */
char *command_path(const char *name, struct err *e);

/* How to start a worker (pool_opts.argv) for a realm, which has to outlive it. */
struct worker_command {
	char *argv[11];
};
int worker_command(struct worker_command *w, struct realm *r, struct err *e);
void worker_command_free(struct worker_command *w);

/* As many descriptors as the system allows: for clients and workers. */
void raise_descriptors(void);

#endif
