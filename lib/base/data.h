#ifndef BASE_DATA_H
#define BASE_DATA_H

/*
 * Make a file the NUL terminated array NAME.  The paths are relative to the top of the
 * tree, where make runs; the Makefile names each file as a dependency of its object.
 */
#define BUILT_IN(name, path) \
	__asm__(".section .rodata\n" \
	    ".global " #name "\n" \
	    #name ":\n" \
	    ".incbin \"" path "\"\n" \
	    ".byte 0\n" \
	    ".previous\n")

extern const char data_models[];	/* share/models.json */

#endif
