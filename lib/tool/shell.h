#ifndef TOOL_SHELL_H
#define TOOL_SHELL_H

#include "base/err.h"

struct tools;
struct jobs;
struct shell;

/* The shell group's state: program, policy, sandbox, jobs.  Tools sheet 5, config sheet [shell]. */
struct shell *shell_new(struct tools *t, struct err *e);
void shell_free(struct shell *s);		/* NULL is fine */
/* The tool's description: program, sandbox and network as they are here. */
const char *shell_describe(const struct shell *s);
struct jobs *shell_jobs(struct shell *s);

#endif
