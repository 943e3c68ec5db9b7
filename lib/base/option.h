#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Values of command line options, checked.  flag is the option as it was written, for
 * the message.  All: 0, or -1 with INVALID_PARAMS.
 */

/* The complaint itself: "--flag: want WANT, got 'GOT'".  Always -1. */
int option_bad(struct err *e, const char *flag, const char *want,
    const char *got);
/* Text from argv goes into JSON: it has to be UTF-8. */
int option_utf8(const char *what, const char *s, struct err *e);
int option_text(const char **to, const char *flag, const char *arg,
    struct err *e);
/* Not blank, too. */
int option_word(const char **to, const char *flag, const char *arg,
    struct err *e);
int option_number(int64_t *to, int64_t min, int64_t max, const char *flag,
    const char *arg, struct err *e);
/* Append a word to a JSON array that is made with its first element. */
int option_list(struct buf *list, const char *flag, const char *arg,
    struct err *e);
/* Put key=value into a JSON object of strings that is made with its first member. */
int option_label(struct buf *labels, const char *flag, const char *arg,
    struct err *e);

#endif
