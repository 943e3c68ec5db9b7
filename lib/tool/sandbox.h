#ifndef TOOL_SANDBOX_H
#define TOOL_SANDBOX_H

#include <stdbool.h>

#include "tool/tool.h"

/*
 * What a tool's child may do (Linux): no new privileges, a Landlock domain, and a
 * seccomp filter.
 *
 * workspace: writes only below the root and in a private temp directory; everything
 * can be read but the places where people keep credentials, and our own state.
 * strict: reads also only there and where programs and libraries are.
 * Both: no ptrace, mounts, namespaces, kernel interfaces; no signals to processes
 * outside; without network only unix sockets.
 *
 * Not covered: changing mode, owner, times and attributes of files outside (Landlock
 * has no right for it), and unix sockets with a path, such as a container engine's.
 */
struct sandbox;

struct sandbox_spec {
	enum sandbox_mode mode;		/* not SANDBOX_OFF */
	bool network;
	const char *root;		/* canonical */
	const char *program;		/* may be executed wherever it is; or NULL */
	const struct realm *realm;	/* its state stays unread; or NULL */
};

/* Makes the temp directory and the filter.  NULL: *e. */
struct sandbox *sandbox_new(const struct sandbox_spec *spec, struct err *e);
void sandbox_free(struct sandbox *s);		/* removes the temp directory; NULL is fine */
const char *sandbox_tmp(const struct sandbox *s);
/* What a mode means here, in sentences for a model; new. */
char *sandbox_describe(enum sandbox_mode mode, bool network);
/* What the kernel lacks, in words; "" if nothing. */
const char *sandbox_missing(const struct sandbox *s);
/* Before proc_spawn: the rules as the tree is now.  Then sandbox_confine in the child, and sandbox_disarm. */
int sandbox_arm(struct sandbox *s, struct err *e);
int sandbox_confine(void *s);			/* async-signal-safe */
void sandbox_disarm(struct sandbox *s);

#endif
