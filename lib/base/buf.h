#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

/*
 * A growing byte buffer.  p is always NUL terminated once anything was put in
 * (and "" before), n does not count that NUL; the bytes may hold NULs.  Out of
 * memory ends the process.
 */
struct buf {
	char *p;
	size_t n, cap;
};

#define BUF_INIT { .p = NULL }

void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Room for n more bytes; returns where they go.  Add to b->n yourself, then buf_end. */
char *buf_room(struct buf *b, size_t n);
void buf_end(struct buf *b);		/* write the NUL behind n */
void buf_trunc(struct buf *b, size_t n);	/* keep the first n bytes */
void buf_drop(struct buf *b, size_t n);	/* remove the first n bytes */
void buf_free(struct buf *b);		/* and make it BUF_INIT again */
char *buf_steal(struct buf *b);		/* the caller frees; "" is a valid answer, never NULL */
const char *buf_str(const struct buf *b);	/* b->p or "" */

/* malloc and friends that end the process when there is no memory. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);		/* NULL stays NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
