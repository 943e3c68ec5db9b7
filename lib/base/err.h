#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Errors.  The codes come from lib/error.def, each with its JSON-RPC code, HTTP
 * status, exit status and hint.  Thread safe: nothing is shared.
 */

enum err_code {
	E_NONE = 0,
#define ERROR(name, rpc, http, exit, category, hint) E_##name,
#include "error.def"
#undef ERROR
	E_COUNT
};

/* One error on its way up: the finder fills it, the command that gives up prints it. */
struct err {
	enum err_code code;
	char text[512];		/* one line: what, then where; never a secret */
	bool retryable;		/* trying the same again later can help */
	long retry_after_ms;	/* what the other side asked for; 0 = nothing */
	int provider_status;	/* HTTP status of a model server; 0 = none */
};

#define ERR_NONE { .code = E_NONE }

struct err_info {
	const char *name;
	int rpc, http, exit;
	const char *category, *hint;
};

/* The table's row of a code; E_NONE and unknown codes give INTERNAL_ERROR. */
const struct err_info *err_info(enum err_code code);

/* Set *e (replacing what it held; e may be NULL).  Control characters become spaces.  Always -1. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put `context: ` in front of the text.  Always -1. */
int err_wrap(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* err_set with `: strerror(errno)` behind the text; ENOSPC, EROFS, EDQUOT and EIO become STORAGE_ERROR. */
int err_sys(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct buf;

/* {code,message,retryable,retry_after_ms?,provider_status?,hint?} */
void err_emit(const struct err *e, struct buf *b);
/*
 * Print `prog: NAME: text` and the hint on a second line to stderr.  With json,
 * print one line {"error":<err_emit>} instead.  Returns the exit status.
 */
int err_report(const char *prog, const struct err *e);
int err_report_json(const char *prog, const struct err *e);

#endif
