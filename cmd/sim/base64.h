#ifndef SIM_BASE64_H
#define SIM_BASE64_H

#include "base/buf.h"

/* RFC 4648 section 4, with padding. */
int base64_decode(char *p, size_t *n);	/* in place; -1 if it is not base64 */
void base64_put(struct buf *b, const char *p, size_t n);

#endif
