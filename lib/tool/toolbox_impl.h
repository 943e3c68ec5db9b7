#ifndef TOOL_TOOLBOX_IMPL_H
#define TOOL_TOOLBOX_IMPL_H

#include "tool/builtin.h"
#include "tool/overlay.h"

/* What toolbox.c and toolbox_list.c share. */

struct toolbox {
	struct tools t;
	struct tool_def shell_def;	/* the shell's, with what is true here in its words */
	const struct builtin **builtins;
	size_t n_builtins;
	struct tool_source **sources;	/* each at a place of its own: runs point there */
	size_t n_sources;
	struct overlay overlay;
	struct tool_def *list;
	struct tool_run *runs;		/* in order of arrival */
	struct loop_timer *pump;
	int64_t max;
};

/* One tool, wherever it comes from. */
struct found {
	struct tool_def def;
	const struct builtin *builtin;
	const struct tool_source *source;
};

/* The tool of this name, unless it is hidden. */
bool toolbox_find(struct toolbox *b, const char *name, struct found *out);

#endif
