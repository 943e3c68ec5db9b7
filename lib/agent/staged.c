#include <stdlib.h>

#include "agent/run.h"
#include "base/jput.h"

/*
 * The prompt of a deferred session (rpc sheet section 7.1) lies in its state until a
 * prompt comes that it stands in front of, and leaves it in the transaction that admits
 * both: whoever dies before loses nothing.
 */

static struct jtext
staged(const struct agent *a)
{
	return json_get(json_text(a->s.state), SESSION_STAGED);
}

void
staged_join(const struct agent *a, struct jtext prompt, struct buf *b)
{
	struct jtext first = staged(a);

	if (!first.p) {
		buf_put(b, prompt.p, prompt.n);
	} else if (json_is(first, '"') && json_is(prompt, '"')) {
		buf_put(b, first.p, first.n - 1);
		buf_puts(b, "\\n\\n");
		buf_put(b, prompt.p + 1, prompt.n - 1);
	} else {
		jput_open(b, '[');
		input_put_content(b, first);
		input_put_content(b, prompt);
		jput_close(b, ']');
	}
}

void
staged_taken(struct agent *a)
{
	if (staged(a).p)
		json_set(&a->s.state, SESSION_STAGED, JTEXT_NONE);
}
