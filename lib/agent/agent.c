#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/run.h"
#include "store/db.h"
#include "store/lock.h"

/* ---- what is said ---- */

struct buf *
agent_event(struct agent *a)
{
	buf_trunc(&a->event, 0);
	return &a->event;
}

void
agent_say(struct agent *a)
{
	eventlog_put(a->log, a->event.p, a->event.n);
}

static void
hook_says(void *arg, const char *payload, size_t n)
{
	struct agent *a = arg;

	eventlog_put(a->log, payload, n);
}

/* ---- how it is stopped ---- */

#define STOP ((uint64_t)1 << 32)	/* on the eventfd, above any count of interrupts */

bool
agent_cancelled(struct agent *a)
{
	uint64_t flag;
	char ring;

	if (read(a->wake, &flag, sizeof flag) == (ssize_t)sizeof flag) {
		a->cancel = true;
		a->stopping |= flag >= STOP;
	}
	while (a->bell >= 0 && (ring = bell_read(a->bell)) != 0)
		a->cancel |= ring == 'i';
	return a->cancel;
}

static void
woken(void *arg, int fd, short revents)
{
	(void)fd;
	(void)revents;
	agent_cancelled(arg);
}

int
agent_set_cancelled(struct err *e)
{
	return err_set(e, E_REQUEST_CANCELLED, "Run was cancelled");
}

/* From a signal handler or another thread: one write. */
static void
wake(struct agent *a, uint64_t how)
{
	int keep = errno;
	ssize_t n = write(a->wake, &how, sizeof how);

	(void)n;	/* full means that it is set already */
	errno = keep;
}

void
agent_interrupt(struct agent *a)
{
	wake(a, 1);
}

void
agent_stop(struct agent *a)
{
	wake(a, STOP);
}

/* The doorbell is there while a run is: who rings at other times is told so. */
static int
listen_start(struct agent *a, struct err *e)
{
	if (bell_open(a->realm, a->s.id, &a->bell, e) < 0)
		return -1;
	a->bell_watch = loop_watch(a->env.loop, a->bell, POLLIN, woken, a);
	a->wake_watch = loop_watch(a->env.loop, a->wake, POLLIN, woken, a);
	return 0;
}

static void
listen_stop(struct agent *a)
{
	loop_unwatch(a->bell_watch);
	loop_unwatch(a->wake_watch);
	a->bell_watch = a->wake_watch = NULL;
	if (a->bell >= 0)
		bell_close(a->realm, a->s.id, a->bell);
	a->bell = -1;
	a->cancel = a->stopping = false;
}

/* ---- open and close ---- */

static int
load(struct agent *a, const char *session, struct err *e)
{
	int rc = -1;

	if (db_look(a->env.db, e) < 0)
		return -1;
	if (session_load(a->env.db, session, &a->s, e) == 0 &&
	    messages_load(a->env.db, a->s.id, &a->msgs, e) == 0 &&
	    run_last(a->env.db, a->s.id, &a->run, e) >= 0)
		rc = 0;
	db_looked(a->env.db);
	if (rc == 0 && a->s.archived)
		rc = err_set(e, E_SESSION_NOT_FOUND, "session not found: %s",
		    session);
	return rc < 0 ? -1 : config_load(a->realm, &a->config, e);
}

static int
open_hooks(struct agent *a, struct err *e)
{
	struct jtext override = json_get(json_text(a->s.build),
	    "hooks_override");
	struct hooks_env env = {
		.loop = a->env.loop,
		.config = &a->config,
		.emit = hook_says,
		.arg = a,
		.cancel = &a->cancel,
	};

	a->hooks_override = override.p ? xstrndup(override.p, override.n) :
	    NULL;
	env.override = json_text(a->hooks_override);
	return hooks_new(&a->hooks, &env, e);
}

static int
reopen_hooks(struct agent *a, struct err *e)
{
	hooks_free(a->hooks);
	a->hooks = NULL;
	free(a->hooks_override);
	return open_hooks(a, e);
}

struct agent *
agent_open(const struct agent_env *env, const char *session, struct err *e)
{
	struct agent *a = xcalloc(1, sizeof *a);

	a->env = *env;
	a->realm = db_realm(env->db);
	a->bell = -1;
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->wake < 0) {
		err_sys(e, E_INTERNAL_ERROR, "eventfd");
		goto fail;
	}
	if (load(a, session, e) < 0)
		goto fail;
	if (!(a->log = eventlog_open(a->realm, a->s.id, e)))
		goto fail;
	if (env->event)
		eventlog_tap(a->log, env->event, env->arg);
	callback_open(a);
	if (open_hooks(a, e) < 0 || recover(a, e) < 0)
		goto fail;
	return a;
fail:
	agent_close(a);
	return NULL;
}

void
agent_close(struct agent *a)
{
	if (!a)
		return;
	toolbox_free(a->tools);
	callback_close(a);
	hooks_free(a->hooks);
	eventlog_close(a->log);
	settings_free(&a->set);
	run_free(&a->run);
	messages_free(&a->msgs);
	messages_free(&a->fresh);
	session_free(&a->s);
	config_free(&a->config);
	buf_free(&a->event);
	free(a->shell_env);
	free(a->hooks_override);
	if (a->wake >= 0)
		close(a->wake);
	free(a);
}

/* ---- runs ---- */

/* inherit, enable, disable; also the booleans of old sessions (agent sheet 3.1). */
static bool
wanted(const struct agent *a, const char *group, const char *config_key)
{
	struct jtext v = json_get(json_get(json_text(a->s.meta), "tooling"),
	    group);
	bool on;

	if (json_str_is(v, "enable") || (json_bool(v, &on) && on))
		return true;
	if (json_str_is(v, "disable"))
		return false;
	return config_key && config_bool(&a->config, config_key, false);
}

/* On unless it was switched off: who takes no part in comms has no peers (tools sheet 1). */
static bool
wants_comms(const struct agent *a)
{
	return !json_str_is(json_path(json_text(a->s.meta), "tooling/comms"),
	    "disable");
}

static enum sandbox_mode
sandbox(const struct agent *a)
{
	char *s = json_get_str(json_text(a->s.meta), "sandbox");
	enum sandbox_mode mode = SANDBOX_WORKSPACE;

	if (!s)
		s = config_str(&a->config, "shell/sandbox");
	if (s)
		sandbox_parse(s, &mode);
	free(s);
	return mode;
}

/* The toolbox borrows this for its life. */
static void
tool_setup(struct agent *a)
{
	struct jtext shell_env = json_get(json_text(a->s.build), "shell_env");

	free(a->shell_env);
	a->shell_env = shell_env.p ? xstrndup(shell_env.p, shell_env.n) : NULL;
	a->tool_env = (struct tool_env){
		.loop = a->env.loop,
		.db = a->env.db,
		.config = &a->config,
		.realm = a->realm,
		.session = a->s.id,
		.root = a->realm->context_root,
		.builtins = wanted(a, "builtins", "tools/builtins_enabled"),
		.shell = wanted(a, "shell", "tools/shell_enabled"),
		.memory = wanted(a, "memory", NULL),
		.mob = wanted(a, "mob", "tools/mob_enabled"),
		.comms = wants_comms(a),
		.image_results = a->set.target.profile.image_results,
		.sandbox = sandbox(a),
		.network = json_get_bool(json_text(a->s.meta), "network",
		    config_bool(&a->config, "shell/network", false)),
		.sandbox_required = config_bool(&a->config,
		    "shell/sandbox_required", false),
		.shell_env = json_text(a->shell_env),
	};
}

/* The tools stay open between runs; a model that cannot see images gets others. */
static int
open_tools(struct agent *a, struct err *e)
{
	const struct tool_source *const *s = a->env.sources;
	const struct tool_source *own = callback_source(a);
	struct tool_source comms = tool_comms(&a->tool_env);

	if (a->tools &&
	    a->tool_env.image_results == a->set.target.profile.image_results)
		return 0;
	toolbox_free(a->tools);
	tool_setup(a);
	if (!(a->tools = toolbox_new(&a->tool_env, e)))
		return -1;
	if (own)
		toolbox_add(a->tools, own);
	for (; s && *s; s++)
		toolbox_add(a->tools, *s);
	if (a->tool_env.comms)
		toolbox_add(a->tools, &comms);
	return 0;
}

/* What the run goes by.  If this fails nothing was admitted and nothing has changed. */
static int
prepare(struct agent *a, const struct run_spec *spec, struct err *e)
{
	if (settings_keep(a, spec, e) < 0 || settings_load(a, e) < 0 ||
	    open_tools(a, e) < 0)
		return -1;
	return spec->hooks_override.p ? reopen_hooks(a, e) : 0;
}

static void
reload_session(struct agent *a)
{
	struct session s;

	if (session_load(a->env.db, a->s.id, &s, NULL) < 0)
		return;
	session_free(&a->s);
	a->s = s;
}

/* One run from its input to its terminal event: 1, 0 (nothing to do), -1. */
static int
run_once(struct agent *a, const struct run_spec *spec, bool drain,
    struct err *e)
{
	struct err failed = ERR_NONE;
	int rc = admit_run(a, spec, drain, e);

	if (rc <= 0)
		return rc;
	a->budget.used[BUDGET_TIME] = 0;
	a->budget.warned[BUDGET_TIME] = false;
	a->started = time_mono_ms();
	if (agent_loop(a, &failed) < 0 && failed.code == E_NONE)
		err_set(&failed, E_INTERNAL_ERROR, "run ended without a reason");
	if (finish_run(a, &failed) < 0) {
		if (e)
			*e = failed;
		return -1;
	}
	return 1;
}

static void
result_init(struct run_result *r)
{
	memset(r, 0, sizeof *r);
	r->outcome = RUN_NOTHING;
	r->session_usage = r->run_usage = (struct usage)USAGE_NONE;
}

/* The rest of the queue, up to max runs with the first: each run's result is told by its events. */
static int
drain(struct agent *a, bool told, int64_t max, struct run_result *r,
    struct err *e)
{
	struct run_result other;
	int rc = 1;

	for (int64_t n = 1; rc == 1 && r->outcome != RUN_INTERRUPTED &&
	    !a->waiting && (max <= 0 || n < max); n++) {
		result_init(&other);
		a->out = &other;	/* cppcheck-suppress autoVariables; run_once is done with it */
		rc = run_once(a, NULL, true, e);
		a->out = r;
		if (other.outcome == RUN_INTERRUPTED)
			rc = 0;
		if (!told && other.outcome != RUN_NOTHING) {
			run_result_free(r);
			*r = other;
		} else {
			run_result_free(&other);
		}
	}
	return rc;
}

int
agent_run(struct agent *a, const struct run_spec *spec, struct run_result *r,
    struct err *e)
{
	bool told = spec->prompt.p;
	int rc = -1;

	result_init(r);
	a->out = r;
	if (listen_start(a, e) < 0 || prepare(a, spec, e) < 0)
		goto done;
	if (toolbox_overlay(a->tools, spec->allow_tools, spec->block_tools,
	    e) < 0)
		goto done;
	if (a->waiting && (rc = callback_resume(a, spec, e)) <= 0)
		goto done;
	rc = run_once(a, spec, spec->drain, e);
	if (rc > 0 && spec->drain) {
		toolbox_overlay(a->tools, JTEXT_NONE, JTEXT_NONE, NULL);
		rc = drain(a, told, spec->max_runs, r, told ? NULL : e);
		if (told)
			rc = 0;
	}
done:
	if (rc < 0)
		reload_session(a);
	listen_stop(a);
	a->out = NULL;
	return rc < 0 ? -1 : 0;
}
