#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <stddef.h>

#include "base/buf.h"

/* Lines of text that people and programs hand us as events (comms sheet section 16). */

/* Without white space (Unicode's) at both ends. */
void line_trim(const char **p, size_t *n);
/*
 * What a trimmed line says, appended: a JSON object's "body" if that is a string; other
 * objects and arrays pretty; everything else as it stands.
 */
void line_text(const char *p, size_t n, struct buf *text);

#endif
