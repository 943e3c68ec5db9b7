#ifndef TOOL_PATCH_H
#define TOOL_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/*
 * Private to lib/tool: the patch language of apply_patch (tools sheet 4.3).  Pure.
 * Slices point into the text that was parsed.
 */
enum hunk_kind { HUNK_ADD, HUNK_DELETE, HUNK_UPDATE };

struct patch_line {
	char kind;		/* ' ' '-' '+' */
	struct jtext text;
};

struct chunk {
	struct jtext context;	/* behind @@; absent: none */
	struct patch_line *lines;
	size_t n;
	bool eof;		/* *** End of File */
};

struct hunk {
	enum hunk_kind kind;
	char *path, *move;	/* move: NULL if it stays */
	struct buf content;	/* of an added file */
	struct chunk *chunks;
	size_t n;
};

struct patch {
	struct hunk *hunks;
	size_t n;
};

/* -1: *why says what is wrong and at which line.  patch_free in both cases. */
int patch_parse(const char *text, struct patch *p, struct buf *why);
void patch_free(struct patch *p);
/* A file's new content; -1: *why names what was not found. */
int patch_text(const struct hunk *h, const struct buf *old, struct buf *new_text,
    struct buf *why);

#endif
