#ifndef STORE_EVENTLINE_H
#define STORE_EVENTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Private to the writer and the follower: seq of a line that starts as our envelope does. */
bool eventline_seq(const char *p, size_t n, int64_t *seq);

#endif
