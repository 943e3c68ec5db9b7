#ifndef BASE_STD_H
#define BASE_STD_H

/* How every command treats its standard descriptors. */

/*
 * A standard descriptor that is closed would be given to the next file that is opened.
 * Nothing comes from a closed stdin; writing to the others stays an error.
 */
void std_fill(void);
/* Help or a version on stdout; the exit status. */
int std_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for "NAME RELEASE (contract C)". */
int std_version(void);

#endif
