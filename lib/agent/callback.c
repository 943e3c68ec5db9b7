#include <stdlib.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/run.h"
#include "base/jput.h"
#include "store/db.h"

/*
 * Callback tools: somebody else runs them (rpc sheet section 9).  Which ones a session
 * brought itself is kept with it (agent sheet 3.2); those of the client that asked for
 * the run come as a source of kind "callback".  A call that nobody here can run ends
 * the run and waits, in the transcript, for one who can (section 6).
 */

/* In the session's state: the names that the last model call knew. */
#define KNOWN "rkat_callback_tools"
/* And that its last calls wait. */
#define WAITING "rkat_callback_pending"

/* ---- the session's own ---- */

static size_t
own_list(void *arg, const struct tool_def **defs)
{
	const struct agent *a = arg;

	*defs = a->own.v;
	return a->own.n;
}

static void
own_start(void *arg, const struct tool_call *c, tool_done *done,
    void *done_arg, void **handle)
{
	struct tool_result r = { .pending = true };

	(void)arg;
	(void)handle;
	tool_result_error(&r, "callback_pending",
	    "Callback pending for tool '%s'", c->name);
	done(done_arg, &r);
}

const struct tool_source *
callback_source(struct agent *a)
{
	return a->own.n ? &a->own_source : NULL;
}

void
callback_open(struct agent *a)
{
	struct jtext list = json_get(json_text(a->s.build),
	    "recoverable_tool_defs");
	struct err e = ERR_NONE;

	a->own_source = (struct tool_source){ .kind = "callback",
	    .id = "callback", .list = own_list, .start = own_start,
	    .arg = a, .timed = true, .lent = true };
	/* Somebody else may have written the row. */
	if (list.p && tool_defs_check(list, "recoverable_tool_defs", &e) < 0)
		warn("session %s: %s", a->s.id, e.text);
	else if (list.p)
		tool_defs_parse(list, &a->own);
}

void
callback_close(struct agent *a)
{
	tool_defs_free(&a->own);
}

/* ---- what comes and goes ---- */

static bool
holds(struct jtext array, const char *name)
{
	struct jiter it = json_iter(array);

	while (json_next(&it))
		if (json_str_is(it.value, name))
			return true;
	return false;
}

static void
put_names(const struct agent *a, struct buf *b, const struct tool_source *s)
{
	const struct tool_def *defs = NULL;
	size_t n = s->list(s->arg, &defs);

	for (size_t i = 0; i < n; i++)
		if (!tool_defs_find(&a->own, defs[i].name))
			jput_cstr(b, defs[i].name);
}

static void
names(struct agent *a, struct buf *b)
{
	const struct tool_source *const *s = a->env.sources;

	jput_open(b, '[');
	for (size_t i = 0; i < a->own.n; i++)
		jput_cstr(b, a->own.v[i].name);
	for (; s && *s; s++)
		if (!strcmp((*s)->kind, "callback"))
			put_names(a, b, *s);
	jput_close(b, ']');
}

static void
tell(struct agent *a, const char *operation, struct jtext in,
    struct jtext before)
{
	struct jiter it = json_iter(in);

	while (json_next(&it)) {
		char *name = json_str(it.value, NULL);

		if (name && !holds(before, name)) {
			emit_tool_config(agent_event(a), operation, name,
			    a->run.turns);
			agent_say(a);
		}
		free(name);
	}
}

/* Before the first answer all tools are the ones that it begins with. */
static bool
begins(const struct agent *a)
{
	for (size_t i = 0; i < a->msgs.n; i++)
		if (json_str_is(json_get(a->msgs.v[i], "role"),
		    "block_assistant"))
			return false;
	return true;
}

void
callback_changes(struct agent *a)
{
	struct jtext known = json_get(json_text(a->s.state), KNOWN);
	struct buf now = BUF_INIT;

	names(a, &now);
	if (!known.p)
		known = json_text("[]");
	if (known.n != now.n || memcmp(known.p, now.p, now.n)) {
		if (!begins(a)) {
			tell(a, "add", json_slice(now.p, now.n), known);
			tell(a, "remove", known, json_slice(now.p, now.n));
		}
		json_set(&a->s.state, KNOWN, json_slice(now.p, now.n));
	}
	buf_free(&now);
}

/* ---- calls that wait ---- */

bool
callback_waits(const struct agent *a)
{
	return json_get(json_text(a->s.state), WAITING).p &&
	    tools_asked(a->msgs.n ? a->msgs.v[a->msgs.n - 1] : JTEXT_NONE);
}

void
callback_mark(struct agent *a, bool waiting)
{
	a->waiting = waiting;
	json_set(&a->s.state, WAITING, waiting ? json_text("true") : JTEXT_NONE);
}

int
callback_stop(struct agent *a, const struct tool_call *c, struct err *e)
{
	struct run_result *r = a->out;
	struct buf id = BUF_INIT;

	callback_mark(a, true);
	jput_cstr(&id, c->id);
	free(r->pending_tool);
	r->pending_tool = xstrdup(c->name);
	buf_trunc(&r->pending_args, 0);
	json_with(&r->pending_args, c->args, "tool_use_id",
	    json_slice(id.p, id.n));
	buf_free(&id);
	return err_set(e, E_CALLBACK_PENDING, "Callback pending for tool '%s'",
	    c->name);
}

int
callback_resume(struct agent *a, const struct run_spec *spec, struct err *e)
{
	int rc;

	a->started = time_mono_ms();
	rc = tools_resume(a, a->msgs.v[a->msgs.n - 1], spec->prompt.p, e);
	if (rc < 0)
		return -1;
	a->out->session_usage = a->s.usage;
	if (a->waiting)
		a->out->outcome = RUN_CALLBACK;
	else if (agent_cancelled(a))
		a->out->outcome = RUN_INTERRUPTED;
	return a->out->outcome == RUN_NOTHING;
}
