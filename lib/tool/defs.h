#ifndef TOOL_DEFS_H
#define TOOL_DEFS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/model.h"

/*
 * Tools that somebody else runs, as he describes them: an array of the contract's
 * ToolDef (rpc sheet section 6).
 */
struct tool_defs {
	struct tool_def *v;
	size_t n;
};

/* INVALID_PARAMS says which one is wrong and why; name is the array's, for that. */
int tool_defs_check(struct jtext list, const char *name, struct err *e);
/* Is the list of a size that a client may bring? */
int tool_defs_fit(struct jtext list, const char *name, struct err *e);
/* A copy of a list that checked; of two tools of one name the last counts, at the place of the first. */
void tool_defs_parse(struct jtext list, struct tool_defs *d);
void tool_defs_free(struct tool_defs *d);
const struct tool_def *tool_defs_find(const struct tool_defs *d,
    const char *name);
/* As an array again, with the provenance that all of them have. */
void tool_defs_emit(const struct tool_defs *d, struct buf *b);

#endif
