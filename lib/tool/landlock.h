#ifndef TOOL_LANDLOCK_H
#define TOOL_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "tool/sandbox.h"

/*
 * Private to the sandbox: file, TCP and scope rules by Landlock (landlock(7)).  Rights
 * that the running kernel does not know are left out and named by landlock_missing.
 */
#define LL_EXECUTE	(1ULL << 0)
#define LL_WRITE_FILE	(1ULL << 1)
#define LL_READ_FILE	(1ULL << 2)
#define LL_READ_DIR	(1ULL << 3)
#define LL_REMOVE_DIR	(1ULL << 4)
#define LL_REMOVE_FILE	(1ULL << 5)
#define LL_MAKE_CHAR	(1ULL << 6)
#define LL_MAKE_DIR	(1ULL << 7)
#define LL_MAKE_REG	(1ULL << 8)
#define LL_MAKE_SOCK	(1ULL << 9)
#define LL_MAKE_FIFO	(1ULL << 10)
#define LL_MAKE_BLOCK	(1ULL << 11)
#define LL_MAKE_SYM	(1ULL << 12)
#define LL_REFER	(1ULL << 13)	/* version 2 */
#define LL_TRUNCATE	(1ULL << 14)	/* 3 */
#define LL_IOCTL_DEV	(1ULL << 15)	/* 5 */

/* The kernel's version of it; 0: none. */
int landlock_version(void);
/* Words for what version lacks, "" if nothing. */
const char *landlock_missing(int version);
/* A new rule set with all its rules, a descriptor; -1 with *e. */
int landlock_rules(const struct sandbox_spec *spec, const char *tmp,
    int version, struct err *e);
/* In the child; async-signal-safe; -1 with errno. */
int landlock_enter(int rules, bool strict);

#endif
