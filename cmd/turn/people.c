#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/jput.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "model/catalog.h"
#include "serve/listen.h"
#include "store/eventfile.h"
#include "store/lock.h"
#include "store/sessions.h"
#include "tool/tool.h"
#include "turn/answer.h"
#include "turn/binding.h"
#include "turn/keep.h"
#include "turn/lines.h"
#include "turn/render.h"
#include "turn/resident.h"
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
	bool keep;		/* stay when the first turn is over */
	bool lines;		/* standard input is read line by line */
	bool bound;		/* the binding file was tried */
	struct err binding;	/* what was wrong with it */
	struct resident peerd;
	int status;		/* of the last run over lines that failed */
};

/* The first prompt is admitted, others may know of it now. */
static void
write_binding(struct people *p)
{
	const char *path = p->o->comms.binding_out;

	if (!path || p->bound)
		return;
	p->bound = true;
	if (binding_write(&p->t, path, &p->binding) < 0 && p->t.agent)
		agent_interrupt(p->t.agent);
}

static void
on_event(void *arg, const char *line, size_t n, struct jtext payload)
{
	struct people *p = arg;

	(void)line;
	(void)n;
	write_binding(p);
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

/*
 * Who is at that port already would get what is said to the agent.  A rkat-peerd that
 * runs may be who is there, and says itself where it cannot listen.
 */
static int
check_port(const struct people *p, struct err *e)
{
	const char *listen = p->o->comms.listen;
	int fd;

	if (!p->keep || !listen || lock_held(&p->t.realm, "peerd"))
		return 0;
	fd = listen_tcp(&(struct listen_at){ .flag = "--comms-listen-tcp",
	    .where = strstr(listen, "://") + 3, .remote = true,
	    .names = true }, e);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
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

/* What others may know of it; empty if nothing was said about that. */
static void
peer_meta(const struct comms_options *c, struct buf *b)
{
	char *meta;

	if (!c->description && !c->labels.n)
		return;
	meta = peer_meta_make(c->description, &c->labels);
	buf_puts(b, meta);
	free(meta);
}

/* Before the first turn, so that it can be spoken to in it. */
static int
join(struct people *p, const char *id, struct err *e)
{
	const struct comms_options *c = &p->o->comms;
	struct buf meta = BUF_INIT;
	struct join_spec j = { .name = c->name, .listen = c->listen,
	    .advertise = c->advertise,
	    .resident = c->keep_alive == NO ? 0 : -1 };
	int rc = 0;

	peer_meta(c, &meta);
	j.meta = spec_given(&meta);
	if (p->keep || c->keep_alive == NO || c->name || c->listen ||
	    c->advertise || c->binding_out || meta.n)
		rc = comms_join(p->t.db, id, &j, e);
	buf_free(&meta);
	return rc;
}

static int
create(struct people *p, char id[UUID_LEN + 1], struct err *e)
{
	struct session_spec spec;
	struct session s;

	spec_fill(&p->o->spec, &p->t.config, &spec);
	spec.budget = spec_given(&p->budget);
	if (p->o->comms.off)
		spec.comms = 0;
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

	p->lines = o->stdin_mode == STDIN_LINES && !isatty(STDIN_FILENO);
	p->keep = o->comms.keep_alive == YES || (p->lines && !o->comms.off &&
	    o->comms.keep_alive == AUTO);
	if (front_init(&p->t, o, e) < 0)
		return -1;
	start_rendering(p);
	front_budget(&p->t, o, &p->budget);
	if (check_port(p, e) < 0)
		return -1;
	if (o->verb == VERB_RUN)
		return check_model(p, e) < 0 || check_tools(p, e) < 0 ||
		    read_prompt(p, e) < 0 || front_open(&p->t, true, e) < 0 ||
		    create(p, id, e) < 0 ? -1 : 0;
	return front_open(&p->t, false, e) < 0 ||
	    session_resolve(p->t.db, ref, id, e) < 0 ||
	    (o->prompt && read_prompt(p, e) < 0) ? -1 : 0;
}

/* ---- the turn ---- */

static int
run(struct people *p, const struct run_spec *spec, struct run_result *r,
    struct err *e)
{
	int rc = agent_run(p->t.agent, spec, r, e);

	render_end(&p->render);
	if (p->binding.code != E_NONE) {
		*e = p->binding;
		return -1;
	}
	return rc == 0 && r->outcome == RUN_INTERRUPTED ? err_set(e,
	    E_REQUEST_CANCELLED, "Run was cancelled") : rc;
}

static void
tell(struct people *p, const struct run_result *r)
{
	switch (r->outcome) {
	case RUN_CALLBACK:
		answer_pending(&p->t, p->o, r);
		break;
	case RUN_NOTHING:
		warn("nothing to do: no pending boundary for resume");
		if (!p->o->json)
			break;
		/* fall through */
	default:
		answer_print(&p->t, p->o, r, p->render.stream);
	}
}

/* What comes in on standard input, a run at a time, until it ends. */
static int
follow_lines(struct people *p, struct lines *l, struct err *e)
{
	static const struct run_spec queued = { .drain = false };

	while (lines_wait(l)) {
		struct run_result r;
		struct err why = ERR_NONE;
		int rc = run(p, &queued, &r, &why);

		if (rc == 0)
			tell(p, &r);
		run_result_free(&r);
		if (rc < 0 && why.code == E_REQUEST_CANCELLED) {
			*e = why;
			return -1;
		}
		/* The next line may fare better. */
		if (rc < 0)
			p->status = err_report(prog, &why);
	}
	return 0;
}

static int64_t
last_event(const struct people *p)
{
	char *path = eventfile_path(&p->t.realm, p->t.session);
	int fd = eventfile_open(path);
	int64_t seq = fd < 0 ? 0 : eventfile_seq(fd);

	if (fd >= 0)
		close(fd);
	free(path);
	return seq;
}

/* Is there something to be done before we stay or go? */
static bool
first_turn(const struct people *p)
{
	return p->o->prompt || p->o->comms.keep_alive == AUTO;
}

/* From now on rkat-peerd runs its turns; we only look on. */
static int
stay(struct people *p, struct lines *l, struct err *e)
{
	const struct join_spec resident = { .resident = 1 };
	int64_t seen = last_event(p);
	int rc;

	write_binding(p);
	if (p->binding.code != E_NONE) {
		*e = p->binding;
		return -1;
	}
	front_release(&p->t);
	rc = comms_join(p->t.db, p->t.session, &resident, e);
	if (rc == 0)
		out_puts(&p->t.err, first_turn(p) ? "Keep-alive: initial turn "
		    "complete, waiting for events (Ctrl+C to exit)...\n" :
		    "Keep-alive: waiting for events (Ctrl+C to exit)...\n");
	if (rc == 0)
		rc = keep_follow(&p->t, &p->render, p->lines ? l : NULL,
		    &p->peerd, seen, e);
	if (rc == 0)
		signals_forget();
	return rc;
}

static int
take_turns(struct people *p, const char *id, struct lines *l, struct err *e)
{
	struct run_result first;
	struct run_spec spec;
	int rc = 0;

	front_spec(p->o, &p->budget, &spec);
	spec.prompt = spec_given(&p->prompt);
	if (!first_turn(p))
		return p->keep ? stay(p, l, e) : 0;
	if (front_take(&p->t, id, on_event, p, e) < 0)
		return -1;
	rc = run(p, &spec, &first, e);
	if (rc == 0 && p->keep && first.outcome != RUN_CALLBACK)
		rc = stay(p, l, e);
	if (rc == 0)
		tell(p, &first);
	run_result_free(&first);
	return rc == 0 && p->lines && !p->keep ? follow_lines(p, l, e) : rc;
}

static int
reside(struct people *p, const char *id, struct err *e)
{
	struct lines lines = { .t = NULL };
	int rc;

	snprintf(p->t.session, sizeof p->t.session, "%s", id);
	if (join(p, id, e) < 0)
		return -1;
	if (p->keep)
		out_puts(&p->t.err, p->o->verbose ? "Running in keep-alive "
		    "mode with verbose output (Ctrl+C to exit)...\n" :
		    "Running in keep-alive mode (Ctrl+C to exit)...\n");
	if (p->keep || p->o->comms.listen)
		resident_start(&p->peerd, &p->t);
	if (p->lines)
		lines_start(&lines, &p->t, p->o->line_json, p->keep);
	rc = take_turns(p, id, &lines, e);
	lines_stop(&lines);
	resident_end(&p->peerd);
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

	if (prepare(&p, id, &e) == 0) {
		failed = reside(&p, id, &e) < 0;
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
