#ifndef TOOL_SYSCALLS_H
#define TOOL_SYSCALLS_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/err.h"

/* Private to the sandbox: the seccomp filter, as a program that a child can install. */

/* out->filter is new.  -1: *e. */
int syscalls_filter(bool network, struct sock_fprog *out, struct err *e);
/* Does the kernel take filters? */
bool syscalls_supported(void);

#endif
