#ifndef TURN_STDIN_H
#define TURN_STDIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * What comes on standard input (cli sheet section 4).
 */
enum stdin_mode { STDIN_AUTO, STDIN_BLOB, STDIN_LINES, STDIN_OFF };
bool stdin_mode_parse(const char *s, enum stdin_mode *m);

#define STDIN_MAX ((size_t)10 << 20)	/* bytes of a blob */
#define LINE_MAX_BYTES ((size_t)1 << 20)	/* of one line in lines mode */

/*
 * Standard input for the prompt, composed with it:
 *	<stdin>LF, its text without white space around it, LF</stdin>LF LF, prompt
 * or the prompt alone if there is none.  A terminal is never read.  auto: gives the
 * first byte 3 s and every later one 10 s, then goes on without what never came and
 * says so.  blob: waits for the end.  Input that cannot be read is warned of; text that
 * is no UTF-8 or too long is an error.
 */
int stdin_compose(enum stdin_mode m, int fd, const char *prompt,
    struct buf *out, struct err *e);
/* The prompt `-`: all of it, trimmed, from a terminal, too.  INVALID_PARAMS if it is empty. */
int stdin_prompt(int fd, struct buf *out, struct err *e);
/* The first line, without its end; what follows stays unread. */
int stdin_first_line(int fd, char *line, size_t size, struct err *e);

/*
 * One line of lines mode as the JSON value of an event's "body" (4.1), appended; false
 * if the line is to be skipped.
 */
bool stdin_line(const char *p, size_t n, bool json, struct buf *body);

#endif
