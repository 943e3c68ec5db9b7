#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/jput.h"
#include "model/catalog.h"
#include "store/sessions.h"
#include "tool/tool.h"
#include "turn/answer.h"
#include "turn/lines.h"
#include "turn/render.h"
#include "turn/signals.h"
#include "turn/front.h"

/*
 * rkat run, resume and continue: a turn for a person or a script (cli sheet 3).
 */
struct people {
	const struct options *o;
	struct front t;
	struct render render;
	struct buf prompt;	/* a JSON string; empty: go on where it stopped */
	struct buf budget;
	int status;		/* of the last run over lines that failed */
};

static void
on_event(void *arg, const char *line, size_t n, struct jtext payload)
{
	struct people *p = arg;

	(void)line;
	(void)n;
	if (p->t.out.error == EPIPE)
		return;		/* the reader went away: not a word */
	render_event(&p->render, "primary", payload);
}

static void
start_rendering(struct people *p)
{
	const struct options *o = p->o;

	p->render = (struct render){
		.out = &p->t.out,
		.err = &p->t.err,
		.stream = o->stream == AUTO ?
		    !o->json && isatty(STDOUT_FILENO) : o->stream == YES,
		.verbose = o->verbose,
		.ansi = render_ansi(STDERR_FILENO),
		.view = o->view,
	};
}

/* ---- before the turn ---- */

static bool
blank(const struct buf *b)
{
	const char *s = buf_str(b);

	return s[strspn(s, " \t\r\n")] == '\0';
}

/* The prompt, with what standard input has to say. */
static int
read_prompt(struct people *p, struct err *e)
{
	const struct options *o = p->o;
	struct buf text = BUF_INIT;
	int rc = !strcmp(o->prompt, "-") ?
	    stdin_prompt(STDIN_FILENO, &text, e) :
	    stdin_compose(o->stdin_mode, STDIN_FILENO, o->prompt, &text, e);

	if (rc == 0 && !blank(&text))
		jput_str(&p->prompt, text.p, text.n);
	else if (rc == 0 && o->verb == VERB_RUN)
		rc = err_set(e, E_INVALID_PARAMS, "the prompt is empty");
	buf_free(&text);
	return rc;
}

/* A model that cannot be asked is told of before there is a session (cli sheet 2). */
static int
check_model(const struct people *p, struct err *e)
{
	struct model_target target = { .id = NULL };
	char *standard = config_str(&p->t.config, "agent/model");
	const char *model = p->o->spec.model ? p->o->spec.model : standard;
	int rc = model_resolve(&p->t.config, p->t.realm.user_root,
	    model ? model : "", p->o->spec.provider, &target, e);

	model_target_free(&target);
	free(standard);
	return rc;
}

/* Are --allow-tool and --block-tool names of tools that the session will have? */
static int
check_tools(struct people *p, struct err *e)
{
	const struct options *o = p->o;
	struct tool_env env = {
		.loop = p->t.loop,
		.realm = &p->t.realm,
		.config = &p->t.config,
		.session = "",
		.root = p->t.realm.context_root,
		.image_results = true,
	};
	struct session_spec spec;
	struct toolbox *box;
	int rc;

	if (!o->allow.n && !o->block.n)
		return 0;
	spec_fill(&o->spec, &p->t.config, &spec);
	env.builtins = spec.builtins;
	env.shell = spec.shell;
	if (!(box = toolbox_new(&env, e)))
		return -1;
	rc = toolbox_overlay(box, spec_given(&o->allow),
	    spec_given(&o->block), e);
	toolbox_free(box);
	return rc;
}

static int
create(struct people *p, char id[UUID_LEN + 1], struct err *e)
{
	struct session_spec spec;
	struct session s;

	spec_fill(&p->o->spec, &p->t.config, &spec);
	spec.budget = spec_given(&p->budget);
	if (agent_create_session(p->t.db, &spec, &s, e) < 0)
		return -1;
	memcpy(id, s.id, UUID_LEN + 1);
	session_free(&s);
	return 0;
}

/* Everything that can be wrong is found before anything is made. */
static int
prepare(struct people *p, char id[UUID_LEN + 1], struct err *e)
{
	const struct options *o = p->o;
	const char *ref = o->session ? o->session : "last";

	if (front_init(&p->t, o, e) < 0)
		return -1;
	start_rendering(p);
	front_budget(&p->t, o, &p->budget);
	if (o->verb == VERB_RUN)
		return check_model(p, e) < 0 || check_tools(p, e) < 0 ||
		    read_prompt(p, e) < 0 || front_open(&p->t, true, e) < 0 ||
		    create(p, id, e) < 0 ? -1 : 0;
	return front_open(&p->t, false, e) < 0 ||
	    session_resolve(p->t.db, ref, id, e) < 0 ||
	    read_prompt(p, e) < 0 ? -1 : 0;
}

/* ---- the turn ---- */

static int
one_run(struct people *p, const struct run_spec *spec, struct err *e)
{
	struct run_result r;
	int rc = agent_run(p->t.agent, spec, &r, e);
	bool streamed = p->render.stream;

	render_end(&p->render);
	if (rc == 0)
		switch (r.outcome) {
		case RUN_INTERRUPTED:
			rc = err_set(e, E_REQUEST_CANCELLED,
			    "Run was cancelled");
			break;
		case RUN_CALLBACK:
			answer_pending(&p->t, p->o, &r);
			break;
		case RUN_NOTHING:
			warn("nothing to do: no pending boundary for resume");
			if (p->o->json)
				answer_print(&p->t, p->o, &r, streamed);
			break;
		default:
			answer_print(&p->t, p->o, &r, streamed);
		}
	run_result_free(&r);
	return rc;
}

/* What comes in on standard input, a run at a time, until it ends. */
static int
follow_lines(struct people *p, struct lines *l, struct err *e)
{
	static const struct run_spec queued = { .drain = false };

	out_puts(&p->t.err, "Keep-alive: initial turn complete, waiting for "
	    "events (Ctrl+C to exit)...\n");
	while (lines_wait(l)) {
		struct err why = ERR_NONE;

		if (one_run(p, &queued, &why) == 0)
			continue;
		if (why.code == E_REQUEST_CANCELLED) {
			*e = why;
			return -1;
		}
		/* The next line may fare better. */
		p->status = err_report(prog, &why);
	}
	return 0;
}

static int
take_turns(struct people *p, struct err *e)
{
	bool follow = p->o->stdin_mode == STDIN_LINES && !isatty(STDIN_FILENO);
	struct run_spec spec;
	struct lines lines;
	int rc;

	front_spec(p->o, &p->budget, &spec);
	spec.prompt = spec_given(&p->prompt);
	if (!follow)
		return one_run(p, &spec, e);
	lines_start(&lines, &p->t, p->o->line_json);
	rc = one_run(p, &spec, e);
	if (rc == 0)
		rc = follow_lines(p, &lines, e);
	lines_stop(&lines);
	return rc;
}

/* Told after the failure of a run, so that the session is not lost (agent sheet 15.2). */
static void
say_session(const struct people *p)
{
	if (p->o->verb == VERB_RUN && !p->o->json && !p->t.out.error)
		fprintf(stderr, "[Session: %s | kept, go on with: rkat resume "
		    "%s \"...\"]\n", p->t.session, p->t.session);
}

static int
check_focus(const struct people *p, struct err *e)
{
	const struct view *v = &p->render.view;

	if (v->kind != VIEW_FOCUS || v->matched)
		return 0;
	return err_set(e, E_FAILED, "stream focus '%s' did not match any "
	    "emitted scope (discovered scopes: %s)", v->focus,
	    v->seen.n ? v->seen.p : "<none>");
}

int
people_main(const struct options *o)
{
	struct people p = { .o = o };
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];
	bool failed = false;
	int status;

	if (prepare(&p, id, &e) == 0 &&
	    front_take(&p.t, id, on_event, &p, &e) == 0) {
		failed = take_turns(&p, &e) < 0;
		if (!failed)
			check_focus(&p, &e);
	}
	front_release(&p.t);
	status = front_status(&p.t, o, &e);
	if (failed)
		say_session(&p);
	render_free(&p.render);
	buf_free(&p.prompt);
	buf_free(&p.budget);
	front_close(&p.t);
	return status ? status : p.status;
}
