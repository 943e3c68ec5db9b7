#ifndef TOOL_JOBS_H
#define TOOL_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/proc.h"
#include "tool/tool.h"

struct tools;
struct jobs;

/* Background commands of one session (tools sheet 5.4); they live as long as the toolbox. */
struct jobs *jobs_new(struct tools *t);
void jobs_free(struct jobs *j);
/* Start one; spec as for capture_start.  The new id (borrowed), or NULL. */
const char *jobs_start(struct jobs *j, struct proc_spec *spec,
    const char *command, const char *dir, int64_t limit_ms, struct err *e);
bool jobs_notice(struct jobs *j, struct job_notice *n);

#endif
