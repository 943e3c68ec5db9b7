#ifndef TURN_RENDER_H
#define TURN_RENDER_H

#include <stdbool.h>

#include "base/json.h"
#include "turn/out.h"
#include "turn/view.h"

/*
 * Events as people see them.  Streaming (cli sheet section 5): the answer's text on
 * stdout as it comes, everything else on stderr.  Not streaming: with verbose, a line
 * per event on stderr (5.3).
 */
struct render {
	struct out *out, *err;
	bool stream, verbose;
	bool ansi;		/* stderr may be styled */
	struct view view;
	/* What is under way: */
	bool in_text, in_thinking;
	bool thought;		/* bytes of thinking were written */
	bool said;		/* text was streamed */
};

/* Styles only if fd is a terminal, TERM is not dumb and NO_COLOR is empty. */
bool render_ansi(int fd);
/* One event; scope as in view.h, payload = the envelope's "payload". */
void render_event(struct render *r, const char *scope, struct jtext payload);
/* The stream is over: end its last line. */
void render_end(struct render *r);
void render_free(struct render *r);

#endif
