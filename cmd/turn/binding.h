#ifndef TURN_BINDING_H
#define TURN_BINDING_H

#include <stdbool.h>

#include "turn/front.h"

/* The binding file of --comms-binding-out: comms sheet section 21.2. */

/* Is it an address that others can connect to: not NULL, no wildcard, no port 0? */
bool binding_address(const char *address);
/* Write it for the session: whole or not at all, mode 0600, for it holds a token.  INVALID_PARAMS without an address. */
int binding_write(struct front *t, const char *path, struct err *e);

#endif
