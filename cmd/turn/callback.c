#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/jput.h"
#include "base/util.h"
#include "tool/defs.h"
#include "turn/callback.h"

#define LIMIT_MS 30000		/* of a call: rpc sheet 9.2 */

/* A call that waits for its result. */
struct wait {
	TAILQ_ENTRY(wait) link;
	struct callbacks *c;
	char *id, *name;
	int64_t limit_ms;
	struct loop_timer *timer;
	tool_done *done;
	void *arg;
};

struct callbacks {
	struct tool_source source;
	struct loop *loop;
	struct tool_defs defs;
	char *next;		/* the list that replaces them at the next look */
	TAILQ_HEAD(waits, wait) waits;
	void (*ask)(void *arg, const struct buf *call);
	void *arg;
};

/* A look: the old definitions were lent until now. */
static size_t
list(void *arg, const struct tool_def **defs)
{
	struct callbacks *c = arg;

	if (c->next) {
		tool_defs_free(&c->defs);
		tool_defs_parse(json_text(c->next), &c->defs);
		free(c->next);
		c->next = NULL;
	}
	*defs = c->defs.v;
	return c->defs.n;
}

static void
forget(struct wait *w)
{
	TAILQ_REMOVE(&w->c->waits, w, link);
	loop_untimer(w->timer);
	free(w->id);
	free(w->name);
	free(w);
}

static void
finish(struct wait *w, struct tool_result *r)
{
	tool_done *done = w->done;
	void *arg = w->arg;

	forget(w);
	done(arg, r);
}

static void
on_limit(void *arg)
{
	struct wait *w = arg;
	struct tool_result r = { .is_error = true };
	bool whole = w->limit_ms % 1000 == 0;

	w->timer = NULL;
	tool_result_error(&r, "execution_failed", "Tool execution failed: "
	    "Callback tool '%s' timed out after %" PRId64 "%s", w->name,
	    whole ? w->limit_ms / 1000 : w->limit_ms, whole ? "s" : "ms");
	finish(w, &r);
}

static void
start(void *arg, const struct tool_call *call, tool_done *done,
    void *done_arg, void **handle)
{
	struct callbacks *c = arg;
	struct wait *w = xcalloc(1, sizeof *w);
	struct buf b = BUF_INIT;

	*w = (struct wait){ .c = c, .id = xstrdup(call->id),
	    .name = xstrdup(call->name), .done = done, .arg = done_arg,
	    .limit_ms = call->limit_ms > 0 ? call->limit_ms : LIMIT_MS };
	w->timer = loop_timer(c->loop, w->limit_ms, on_limit, w);
	TAILQ_INSERT_TAIL(&c->waits, w, link);
	*handle = w;
	jput_open(&b, '{');
	jput_kcstr(&b, "tool_use_id", call->id);
	jput_kcstr(&b, "name", call->name);
	jput_kraw(&b, "arguments", call->args.p, call->args.n);
	jput_close(&b, '}');
	c->ask(c->arg, &b);
	buf_free(&b);
}

static void
cancel(void *arg, void *handle)
{
	(void)arg;
	forget(handle);
}

bool
callbacks_answer(struct callbacks *c, const char *id, struct jtext content,
    bool is_error)
{
	struct tool_result r = { .is_error = is_error };
	struct wait *w;

	for (w = TAILQ_FIRST(&c->waits); w; w = TAILQ_NEXT(w, link)) {
		if (!strcmp(w->id, id))
			break;
	}
	if (!w)
		return false;
	if (content.p)
		buf_put(&r.content, content.p, content.n);
	else
		tool_result_text(&r, "", 0);
	finish(w, &r);
	return true;
}

void
callbacks_set(struct callbacks *c, struct jtext list)
{
	free(c->next);
	c->next = list.p ? xstrndup(list.p, list.n) : xstrdup("[]");
}

const struct tool_source *
callbacks_source(const struct callbacks *c)
{
	return &c->source;
}

struct callbacks *
callbacks_new(struct loop *loop,
    void (*ask)(void *arg, const struct buf *call), void *arg)
{
	struct callbacks *c = xcalloc(1, sizeof *c);

	c->loop = loop;
	c->ask = ask;
	c->arg = arg;
	c->source = (struct tool_source){ .kind = "callback",
	    .id = "callback", .list = list, .start = start,
	    .cancel = cancel, .arg = c, .timed = true };
	TAILQ_INIT(&c->waits);
	return c;
}

void
callbacks_free(struct callbacks *c)
{
	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->waits))
		forget(TAILQ_FIRST(&c->waits));
	tool_defs_free(&c->defs);
	free(c->next);
	free(c);
}
