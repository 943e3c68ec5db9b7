#ifndef TOOL_POLICY_H
#define TOOL_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/* The shell's command policy (tools sheet 5.3): an accident guard, not a sandbox.  Pure. */

enum policy_mode { POLICY_UNRESTRICTED, POLICY_ALLOW, POLICY_DENY };
bool policy_parse(const char *s, enum policy_mode *m);

/*
 * Does a whole string match a glob: * and ? (any characters, '/' too), [..] with
 * ranges and ! or ^, {a,b} nested, backslash.  With path, * and ? stop at '/' and only
 * ** crosses it.
 */
bool glob_match(const char *glob, const char *s, bool path);

/* The command split into words as a POSIX shell would and quoted again minimally; false: unclosed quotes. */
bool policy_canonical(const char *command, struct buf *out);

/* patterns: a JSON array of strings.  False: refused, and *why is the sheet's sentence. */
bool policy_allows(enum policy_mode m, struct jtext patterns,
    const char *command, struct buf *why);

#endif
