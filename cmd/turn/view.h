#ifndef TURN_VIEW_H
#define TURN_VIEW_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Which scopes of the event stream are shown (cli sheet 5.1, 5.2).  A scope is
 * "primary", "primary/sub:<agent>", "mob:<member>" or "mob:<member>/sub:<agent>".
 */
enum view_kind { VIEW_PRIMARY, VIEW_MUX, VIEW_FOCUS };

struct view {
	enum view_kind kind;
	const char *focus;	/* VIEW_FOCUS: the scope */
	bool matched;		/* the focus was seen */
	struct buf seen;	/* "a, b": scopes in order of appearance */
};

bool view_parse(const char *s, enum view_kind *kind);
bool scope_valid(const char *s);
/* Is this scope shown?  Remembers that it was seen. */
bool view_shows(struct view *v, const char *scope);
void view_free(struct view *v);

#endif
