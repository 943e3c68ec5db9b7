#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Clocks, ids, durations, words on stderr.
 */

#define RKAT_VERSION "0.1.0"
#define RKAT_CONTRACT "0.5.2"
#define RKAT_CONTRACT_JSON "{\"major\":0,\"minor\":5,\"patch\":2}"

#define COUNT(a) (sizeof(a) / sizeof *(a))

int64_t time_ms(void);			/* unix, milliseconds */
int64_t time_mono_ms(void);		/* for deadlines and durations */
void time_rfc3339(int64_t ms, char out[32]);	/* 2026-04-10T14:00:00.123Z */

#define UUID_LEN 36
/* Version 7, lower case, NUL terminated; ordered within one process, also if the clock steps back. */
void uuid_v7(char out[UUID_LEN + 1]);
void uuid_v4(char out[UUID_LEN + 1]);	/* all random */
void uuid_text(const unsigned char b[16], char out[UUID_LEN + 1]);
bool uuid_valid(const char *s);		/* 8-4-4-4-12 hex, either case */
void uuid_bytes(const char *s, unsigned char b[16]);	/* of a valid one */
/*
 * In any form that people write: with hyphens or without, in braces, as a URN.
 * Makes it the usual one, lower case; false if it is none.
 */
bool uuid_read(const char *s, char out[UUID_LEN + 1]);

/* "1h30m", "500ms" ... (cli sheet section 3, -d) to milliseconds (rounded up from us and ns). */
int duration_parse(const char *s, int64_t *ms, struct err *e);
/* Back: "10m", "1h 30m" as humantime writes it. */
void duration_emit(struct buf *b, int64_t ms);

/* Random bytes from the kernel; cannot fail. */
void random_bytes(void *p, size_t n);
double random_unit(void);		/* [0, 1) */

/* The name in front of every word on stderr; main sets it once. */
extern const char *prog;
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Only with RKAT_LOG=debug. */
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Crash rehearsal (design rule 14).  In a build with -DRKAT_CRASH_POINTS the process
 * kills itself with SIGKILL at the n-th pass (1 based, default 1) of the point that
 * the environment names: RKAT_CRASH="name" or "name:n".  Otherwise it is nothing.
 * Place one before and one after each durable step: "turn.response.commit.before".
 */
#ifdef RKAT_CRASH_POINTS
void crash_point(const char *name);
#else
#define crash_point(name) ((void)0)
#endif

#endif
