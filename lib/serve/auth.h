#ifndef SERVE_AUTH_H
#define SERVE_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Bearer tokens of a file, one a line ("#" comments, empty lines): whoever shows one of
 * them may come in.  Compared in constant time; the text of a token is nowhere else.
 */
struct auth;

/* INVALID_PARAMS: others may read or write the file, it has no token, or one shorter than 16 bytes. */
struct auth *auth_load(const char *path, struct err *e);
/* Read the file again; on an error the old tokens stay. */
int auth_reload(struct auth *a, struct err *e);
void auth_free(struct auth *a);
bool auth_token(const struct auth *a, const char *p, size_t n);
/* An Authorization header, "Bearer ..."; NULL is refused. */
bool auth_header(const struct auth *a, const char *header);

#endif
