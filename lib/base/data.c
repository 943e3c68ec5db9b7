#include "base/data.h"

/*
 * The paths are relative to the top of the tree, where make runs; the Makefile names
 * each file as a dependency of this object.
 */
#define BUILT_IN(name, path) \
	__asm__(".section .rodata\n" \
	    ".global " #name "\n" \
	    #name ":\n" \
	    ".incbin \"" path "\"\n" \
	    ".byte 0\n" \
	    ".previous\n")

BUILT_IN(data_models, "share/models.json");
