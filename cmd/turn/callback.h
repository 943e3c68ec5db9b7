#ifndef TURN_CALLBACK_H
#define TURN_CALLBACK_H

#include <stdbool.h>

#include "base/json.h"
#include "base/loop.h"
#include "tool/tool.h"

/*
 * Tools that the program on the other end of the worker's pipes runs (rkat-worker(5)):
 * a call goes out as a line, its result comes back as a request.
 */
struct callbacks;

/* ask says a call: the object {"tool_use_id","name","arguments"}. */
struct callbacks *callbacks_new(struct loop *loop,
    void (*ask)(void *arg, const struct buf *call), void *arg);
void callbacks_free(struct callbacks *c);
const struct tool_source *callbacks_source(const struct callbacks *c);
/* The tools from the next look on: an array of ToolDef that checked, or none. */
void callbacks_set(struct callbacks *c, struct jtext list);
/* A result; content is a string or blocks.  False: nobody waits for it (any more). */
bool callbacks_answer(struct callbacks *c, const char *id,
    struct jtext content, bool is_error);

#endif
