#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/budget.h"
#include "base/jput.h"
#include "model/model.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/lock.h"
#include "turn/signals.h"
#include "turn/front.h"

/* Nobody reads the answer any more: do not go on paying for it. */
static void
reader_gone(void *arg)
{
	struct front *t = arg;

	if (t->out.error == EPIPE && t->agent)
		agent_stop(t->agent);
}

int
front_init(struct front *t, const struct options *o, struct err *e)
{
	*t = (struct front){ .lock = -1, .loop = loop_new() };
	signals_watch(t->loop);
	out_init(&t->out, STDOUT_FILENO, t->loop);
	out_init(&t->err, STDERR_FILENO, t->loop);
	t->out.broken = reader_gone;
	t->out.arg = t;
	if (realm_resolve(&o->realm, &t->realm, e) < 0)
		return -1;
	return config_load(&t->realm, &t->config, e);
}

int
front_open(struct front *t, bool create, struct err *e)
{
	int exists = create ? 1 : realm_exists(&t->realm, e);

	if (exists < 0)
		return -1;
	if (!exists)
		return err_set(e, E_SESSION_NOT_FOUND,
		    "No sessions found in this realm (%s)", t->realm.id);
	if (realm_create(&t->realm, e) < 0 ||
	    !(t->db = db_open(&t->realm, e)))
		return -1;
	t->model = model_new(t->loop);
	return 0;
}

void
front_close(struct front *t)
{
	front_release(t);
	if (t->model)
		model_free(t->model);
	db_close(t->db);
	out_free(&t->out);
	out_free(&t->err);
	loop_free(t->loop);
	config_free(&t->config);
	realm_free(&t->realm);
}

int
front_take(struct front *t, const char *session,
    void (*event)(void *arg, const char *line, size_t n, struct jtext payload),
    void *arg, struct err *e)
{
	struct agent_env env = { .db = t->db, .loop = t->loop,
	    .model = t->model, .event = event, .arg = arg,
	    .sources = t->sources };

	snprintf(t->session, sizeof t->session, "%s", session);
	if (lock_session(&t->realm, session, &t->lock, e) < 0)
		return -1;
	env.lock_fd = t->lock;
	if (!(t->agent = agent_open(&env, session, e))) {
		front_release(t);
		return -1;
	}
	signals_agent(t->agent);
	return 0;
}

void
front_release(struct front *t)
{
	signals_agent(NULL);
	agent_close(t->agent);
	t->agent = NULL;
	if (t->lock >= 0)
		close(t->lock);
	t->lock = -1;
}

void
front_budget(const struct front *t, const struct options *o, struct buf *b)
{
	int64_t ms = o->max_duration_ms, calls = o->max_tool_calls;
	struct budget own = { .threshold = 0 };

	if (ms < 0 && calls < 0)
		return;
	/* It replaces the configuration's limits as a whole: what was not given stays. */
	budget_limits(&own, JTEXT_NONE, &t->config);
	if (ms < 0)
		ms = own.limit[BUDGET_TIME];
	if (calls < 0)
		calls = own.limit[BUDGET_CALLS];
	jput_open(b, '{');
	if (own.limit[BUDGET_TOKENS] >= 0)
		jput_ki64(b, "max_tokens", own.limit[BUDGET_TOKENS]);
	if (ms >= 0)
		jput_ki64(b, "max_duration", ms);
	if (calls >= 0)
		jput_ki64(b, "max_tool_calls", calls);
	jput_close(b, '}');
}

void
front_spec(const struct options *o, const struct buf *budget,
    struct run_spec *spec)
{
	*spec = (struct run_spec){
		.allow_tools = spec_given(&o->allow),
		.block_tools = spec_given(&o->block),
		.idem = o->idem,
	};
	if (o->verb == VERB_RUN)	/* these are the session's */
		return;
	spec->additional_instructions = spec_given(&o->spec.instructions);
	spec->model = o->spec.model;
	spec->provider = o->spec.provider;
	spec->system_prompt = o->spec.system;
	spec->provider_params = spec_given(&o->spec.params);
	spec->output_schema = spec_given(&o->spec.schema);
	spec->budget = spec_given(budget);
}

bool
front_has_input(struct front *t)
{
	struct input *list = NULL;
	size_t n = 0;

	if (inputs_queued(t->db, t->session, NULL, &list, &n, NULL) < 0)
		return false;
	inputs_free(list, n);
	return n > 0;
}

/* Under JSON with the session that is left behind, so that it can be resumed. */
static int
report(const struct front *t, const struct options *o, const struct err *e)
{
	struct buf b = BUF_INIT;

	if (!o->json)
		return err_report(prog, e);
	jput_open(&b, '{');
	jput_key(&b, "error");
	err_emit(e, &b);
	if (*t->session)
		jput_kcstr(&b, "session_id", t->session);
	jput_close(&b, '}');
	fprintf(stderr, "%s\n", b.p);
	buf_free(&b);
	return err_info(e->code)->exit;
}

int
front_status(struct front *t, const struct options *o, const struct err *e)
{
	struct err why = *e;
	int status = 0, sig;

	out_drain(&t->err, &signal_seen);
	out_drain(&t->out, &signal_seen);
	if (t->out.error == EPIPE)
		return 128 + SIGPIPE;
	if (why.code == E_NONE && t->out.error)
		err_set(&why, E_FAILED, "standard output: %s",
		    strerror(t->out.error));
	if (why.code != E_NONE)
		status = report(t, o, &why);
	sig = signal_caught();
	return sig == SIGHUP ? 128 + SIGTERM : sig ? 128 + sig : status;
}
