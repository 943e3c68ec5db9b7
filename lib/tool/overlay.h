#ifndef TOOL_OVERLAY_H
#define TOOL_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

/* Private to lib/tool: the names that a turn allows and blocks (tools sheet 2). */
struct overlay {
	char **allow, **block;
	size_t n_allow, n_block;
	bool allows;		/* there is an allow list, maybe an empty one */
};

/*
 * Take the arrays (or JTEXT_NONE).  Names that known does not know are INVALID_PARAMS,
 * listed in order.  overlay_free in both cases.
 */
int overlay_take(struct overlay *o, struct jtext allow, struct jtext block,
    bool (*known)(void *arg, const char *name), void *arg, struct err *e);
bool overlay_hides(const struct overlay *o, const char *name);
void overlay_free(struct overlay *o);

#endif
