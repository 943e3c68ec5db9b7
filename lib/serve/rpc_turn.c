#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "runner/pool.h"
#include "serve/rpc_impl.h"
#include "store/db.h"
#include "store/lock.h"

/* What takes its time: session/create, turn/start, and their ends (sheet sections 3, 7). */

/* A deferred session's prompt, in its state, until its first turn takes it. */
#define STAGED "rkat_deferred_prompt"

struct call {
	TAILQ_ENTRY(call) link;
	struct rpc *s;
	struct conn *conn;	/* NULL: it went away */
	char *id;		/* raw JSON; NULL: nobody waits for an answer */
	struct job *job;
	char session[UUID_LEN + 1];	/* "": not made yet */
	bool create;		/* of session/create: archived if it fails */
	bool deferred;
	bool cancelled;
	char *prompt;		/* of a create, until its run; or what a first turn took */
};

static struct call *
call_new(struct rpc *s, struct conn *c, struct jtext id, const char *session)
{
	struct call *k = xcalloc(1, sizeof *k);

	k->s = s;
	k->conn = c;
	k->id = id.p ? xstrndup(id.p, id.n) : NULL;
	memcpy(k->session, session, strlen(session) + 1);
	if (k->id)
		c->n_calls++;
	TAILQ_INSERT_TAIL(&s->calls, k, link);
	return k;
}

static void
call_free(struct call *k)
{
	if (k->conn && k->id)
		k->conn->n_calls--;
	TAILQ_REMOVE(&k->s->calls, k, link);
	free(k->id);
	free(k->prompt);
	free(k);
}

void
rpc_forget_calls(struct rpc *s)
{
	struct call *k;

	while ((k = TAILQ_FIRST(&s->calls)))
		call_free(k);
}

/* ---- JSON columns of a session ---- */

/* obj with key set to v, or without it. */
static char *
with_member(const char *obj, const char *key, struct jtext v)
{
	struct jiter it = json_iter(json_text(obj));
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	while (json_next(&it)) {
		if (json_str_is(it.key, key))
			continue;
		jput_raw(&b, it.key.p, it.key.n);
		buf_putc(&b, ':');
		buf_put(&b, it.value.p, it.value.n);
	}
	if (v.p)
		jput_kraw(&b, key, v.p, v.n);
	jput_close(&b, '}');
	return buf_steal(&b);
}

static void
set_member(char **column, const char *key, struct jtext v)
{
	char *old = *column;

	*column = with_member(old, key, v);
	free(old);
}

/* Keep the prompt for the first turn. */
static int
stage(struct rpc *s, const char *id, const char *prompt, struct err *e)
{
	struct session row;
	int rc;

	if (session_load(s->o.db, id, &row, e) < 0)
		return -1;
	set_member(&row.state, STAGED, json_text(prompt));
	rc = session_save(s->o.db, &row, e);
	session_free(&row);
	return rc;
}

/* The run never began: its session is as it was. */
static void
stage_again(struct call *k)
{
	struct session row;
	bool fresh;

	if (!k->prompt || k->create ||
	    session_load(k->s->o.db, k->session, &row, NULL) < 0)
		return;
	fresh = row.total_messages == 0;
	session_free(&row);
	if (fresh)
		stage(k->s, k->session, k->prompt, NULL);
}

/* ---- the end of a call ---- */

static void
fail_call(struct call *k, const struct err *e, const struct buf *data)
{
	if (k->conn && k->id)
		rpc_fail(k->conn, k->id, e, data);
	if (k->create && *k->session)
		session_archive(k->s->o.db, k->session, NULL);
	stage_again(k);
}

static void
refuse(struct call *k, const char *why)
{
	struct err e = ERR_NONE;

	err_set(&e, E_REQUEST_CANCELLED, "%s", why);
	fail_call(k, &e, NULL);
}

/* The name of a code in the contract: ours are finer. */
static enum err_code
contract_code(enum err_code code)
{
	for (int i = E_NONE + 1; i < (int)code; i++)
		if (err_info((enum err_code)i)->rpc == err_info(code)->rpc)
			return (enum err_code)i;
	return code;
}

/* A worker's error as ours; data gets what is known of it. */
static void
take_error(struct jtext error, struct err *e, struct buf *data)
{
	struct jiter it = json_iter(error);
	char *text = json_get_str(error, "message");
	enum err_code code = E_INTERNAL_ERROR;

	for (int i = E_NONE + 1; i < E_COUNT; i++)
		if (json_str_is(json_get(error, "code"),
		    err_info((enum err_code)i)->name))
			code = (enum err_code)i;
	/* "/member: want ..." is about params. */
	err_set(e, code, "%s%s", text && *text == '/' ? "Invalid params: " :
	    "", text ? text : "the turn failed");
	jput_open(data, '{');
	jput_kcstr(data, "code", err_info(contract_code(code))->name);
	while (json_next(&it))
		if (!json_str_is(it.key, "code")) {
			jput_raw(data, it.key.p, it.key.n);
			buf_putc(data, ':');
			buf_put(data, it.value.p, it.value.n);
		}
	jput_close(data, '}');
	free(text);
}

/* Why a job failed: 0 if it did not. */
static int
job_error(struct jtext answer, const struct err *lost, struct err *e,
    struct buf *data)
{
	struct jtext error = json_get(answer, "error");

	if (lost) {
		*e = *lost;
		return -1;
	}
	if (!error.p)
		return 0;
	take_error(error, e, data);
	return -1;
}

/* ---- runs ---- */

static void
on_event(void *arg, const char *line, size_t n)
{
	struct call *k = arg;

	rpc_event(k->s, k->conn, k->session, line, n);
}

static void
on_run_done(void *arg, struct jtext answer, const struct err *lost)
{
	struct call *k = arg;
	struct rpc *s = k->s;
	struct jtext result = json_get(answer, "result");
	struct buf data = BUF_INIT;
	struct err e = ERR_NONE;

	k->job = NULL;
	if (job_error(answer, lost, &e, &data) < 0) {
		if (k->cancelled)
			refuse(k, "request cancelled before response publish");
		else
			fail_call(k, &e, &data);
	} else if (k->conn && k->id) {
		if (json_str_is(json_get(answer, "outcome"), "completed"))
			rpc_answer(k->conn, k->id, result.p, result.n);
		else {
			err_set(&e, E_INTERNAL_ERROR,
			    "turn completed without result");
			fail_call(k, &e, NULL);
		}
	}
	buf_free(&data);
	call_free(k);
	rpc_settle(s);
}

/* members is an open object. */
static void
start(struct call *k, struct buf *members)
{
	const struct job_hooks hooks = { on_event, on_run_done, k };

	jput_kcstr(members, "op", "run");
	jput_kcstr(members, "session", k->session);
	jput_close(members, '}');
	k->job = pool_run(k->s->o.pool, k->session,
	    json_slice(members->p, members->n), &hooks);
	buf_free(members);
}

void
rpc_wake(struct conn *c, const char *session)
{
	struct call *k = call_new(c->s, c, JTEXT_NONE, session);
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kbool(&b, "drain", true);
	start(k, &b);
}

/* ---- params to a worker's members ---- */

struct member {
	const char *param, *member;
};

static void
put_members(struct buf *b, struct jtext params, const struct member *m,
    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct jtext v = param_get(params, m[i].param);

		if (v.p)
			jput_kraw(b, m[i].member ? m[i].member : m[i].param,
			    v.p, v.n);
	}
}

/* Refuse what would be left out in silence. */
static int
refuse_later(struct jtext params, struct err *e)
{
	static const struct { const char *param, *needs; } later[] = {
		{ "external_tools", "callback tools" },
		{ "preload_skills", "skills" }, { "skill_refs", "skills" },
		{ "skill_references", "skills" }, { "comms_name", "comms" },
		{ "peer_meta", "comms" },
	};

	for (size_t i = 0; i < COUNT(later); i++) {
		struct jtext v = param_get(params, later[i].param);

		if (v.p && (json_is(v, '"') || json_count(v)))
			return err_set(e, E_CAPABILITY_UNAVAILABLE,
			    "%s: this server has no %s", later[i].param,
			    later[i].needs);
	}
	return 0;
}

static int
prompt_param(struct jtext params, struct jtext *v, struct err *e)
{
	*v = param_get(params, "prompt");
	if (!v->p)
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: missing field `prompt`");
	return json_is(*v, '"') || json_is(*v, '[') ? 0 :
	    err_set(e, E_INVALID_PARAMS, "Invalid params: /prompt: want a "
	    "string or an array of content blocks");
}

static int
no_keep_alive(struct jtext params, struct err *e)
{
	return json_get_bool(params, "keep_alive", false) ?
	    err_set(e, E_INVALID_PARAMS,
	    "keep_alive requires a session created with comms_name") : 0;
}

/* ---- session/create ---- */

static void
answer_deferred(struct call *k)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (stage(k->s, k->session, k->prompt, &e) < 0) {
		fail_call(k, &e, NULL);
		return;
	}
	jput_open(&b, '{');
	put_session_ref(k->s, k->session, &b);
	jput_close(&b, '}');
	if (k->conn)
		rpc_answer(k->conn, k->id, b.p, b.n);
	buf_free(&b);
}

static void
first_run(struct call *k)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kraw(&b, "prompt", k->prompt, strlen(k->prompt));
	free(k->prompt);
	k->prompt = NULL;
	start(k, &b);
}

static void
on_created(void *arg, struct jtext answer, const struct err *lost)
{
	struct call *k = arg;
	struct rpc *s = k->s;
	struct buf data = BUF_INIT;
	struct err e = ERR_NONE;
	char *id = json_get_str(json_get(answer, "result"), "session_id");

	k->job = NULL;
	if (id && strlen(id) == UUID_LEN)
		memcpy(k->session, id, UUID_LEN + 1);
	free(id);
	if (job_error(answer, lost, &e, &data) < 0)
		fail_call(k, &e, &data);
	else if (k->cancelled)
		refuse(k, "request cancelled before start");
	else if (!k->conn || (s->interrupted && !k->deferred))
		refuse(k, "the server is ending");
	else if (k->deferred)
		answer_deferred(k);
	else {
		first_run(k);
		return;
	}
	buf_free(&data);
	call_free(k);
	rpc_settle(s);
}

/* What a session is made of: sheet section 7.1. */
static const struct member create_members[] = {
	{ "model", NULL }, { "provider", NULL }, { "max_tokens", NULL },
	{ "system_prompt", NULL }, { "output_schema", NULL },
	{ "structured_output_retries", NULL }, { "hooks_override", NULL },
	{ "enable_builtins", NULL }, { "enable_shell", NULL },
	{ "enable_memory", NULL }, { "enable_mob", NULL },
	{ "budget_limits", "budget" }, { "provider_params", NULL },
	{ "labels", NULL }, { "additional_instructions", NULL },
	{ "app_context", NULL }, { "shell_env", NULL },
};

METHOD(rpc_session_create)
{
	struct jtext prompt, turn = param_get(r->params, "initial_turn");
	bool deferred = json_str_is(turn, "deferred");
	struct buf b = BUF_INIT;
	struct call *k;

	(void)out;
	if (prompt_param(r->params, &prompt, e) < 0 ||
	    refuse_later(r->params, e) < 0 ||
	    no_keep_alive(r->params, e) < 0)
		return -1;
	if (turn.p && !deferred && !json_str_is(turn, "run_immediately"))
		return err_set(e, E_INVALID_PARAMS, "Invalid params: "
		    "/initial_turn: want run_immediately or deferred");
	k = call_new(r->s, r->c, r->id, "");
	k->create = true;
	k->deferred = deferred;
	k->prompt = xstrndup(prompt.p, prompt.n);
	jput_open(&b, '{');
	jput_kcstr(&b, "op", "create");
	put_members(&b, r->params, create_members, COUNT(create_members));
	jput_close(&b, '}');
	k->job = pool_run(r->s->o.pool, "", json_slice(b.p, b.n),
	    &(const struct job_hooks){ NULL, on_created, k });
	buf_free(&b);
	return LATER;
}

/* ---- turn/start ---- */

/* For a session that had no turn yet; a live one keeps what it was made with. */
static const char *const first_only[] = { "max_tokens", "system_prompt",
	"output_schema", "structured_output_retries" };

static int
refuse_overrides(struct jtext params, struct err *e)
{
	struct buf names = BUF_INIT;

	for (size_t i = 0; i < COUNT(first_only); i++)
		if (param_get(params, first_only[i]).p)
			buf_printf(&names, "%s%s", names.n ? ", " : "",
			    first_only[i]);
	if (names.n)
		err_set(e, E_INVALID_PARAMS, "Cannot override %s on a "
		    "runtime-routed turn; set these at session/create time or "
		    "use a deferred session", names.p);
	else if (param_get(params, "provider").p &&
	    !param_get(params, "model").p)
		err_set(e, E_INVALID_PARAMS, "provider override requires model "
		    "on an existing session");
	else
		return 0;
	buf_free(&names);
	return -1;
}

/* A text as a block. */
static void
put_blocks(struct buf *b, struct jtext content)
{
	struct jiter it;

	if (json_is(content, '"')) {
		jput_open(b, '{');
		jput_kcstr(b, "type", "text");
		jput_kraw(b, "text", content.p, content.n);
		jput_close(b, '}');
		return;
	}
	for (it = json_iter(content); json_next(&it); )
		jput_raw(b, it.value.p, it.value.n);
}

/* The prompt of the create, an empty line, and that of the turn (sheet section 7.1). */
static void
put_prompt(struct buf *b, struct jtext staged, struct jtext prompt)
{
	jput_key(b, "prompt");
	if (!staged.p) {
		jput_raw(b, prompt.p, prompt.n);
	} else if (json_is(staged, '"') && json_is(prompt, '"')) {
		buf_put(b, staged.p, staged.n - 1);
		buf_puts(b, "\\n\\n");
		buf_put(b, prompt.p + 1, prompt.n - 1);
	} else {
		jput_open(b, '[');
		put_blocks(b, staged);
		put_blocks(b, prompt);
		jput_close(b, ']');
	}
}

/* Of the first turn, what is the session's: into its row, with its prompt taken out. */
static int
unstage(struct rpc *s, struct session *row, struct jtext params,
    struct err *e)
{
	static const char *const kept[] = { "max_tokens",
		"structured_output_retries" };

	for (size_t i = 0; i < COUNT(kept); i++) {
		struct jtext v = param_get(params, kept[i]);
		int64_t n = 0;

		if (param_count(params, kept[i], &n, e) < 0)
			return -1;
		if (n > UINT32_MAX || (v.p && i == 0 && n == 0))
			return err_set(e, E_INVALID_PARAMS, "Invalid params: "
			    "/%s: out of range", kept[i]);
		if (v.p)
			set_member(&row->meta, kept[i], v);
	}
	set_member(&row->state, STAGED, JTEXT_NONE);
	return session_save(s->o.db, row, e);
}

static const struct member turn_members[] = {
	{ "additional_instructions", NULL }, { "model", NULL },
	{ "provider", NULL }, { "provider_params", NULL },
	{ "system_prompt", NULL }, { "output_schema", NULL },
};
static const struct member overlay_members[] = {
	{ "allowed_tools", "allow_tools" }, { "blocked_tools", "block_tools" },
};

static int
turn(struct req *r, struct session *row, struct jtext prompt, struct err *e)
{
	bool first = row->total_messages == 0 &&
	    !pool_has(r->s->o.pool, row->id);
	struct jtext staged = JTEXT_NONE;
	struct buf b = BUF_INIT;
	struct call *k;
	char *kept = NULL;

	if (!first && refuse_overrides(r->params, e) < 0)
		return -1;
	if (first) {
		staged = json_get(json_text(row->state), STAGED);
		kept = staged.p ? xstrndup(staged.p, staged.n) : NULL;
		staged = json_text(kept);
		if (unstage(r->s, row, r->params, e) < 0) {
			free(kept);
			return -1;
		}
	}
	jput_open(&b, '{');
	put_prompt(&b, staged, prompt);
	put_members(&b, r->params, turn_members, COUNT(turn_members));
	put_members(&b, param_get(r->params, "flow_tool_overlay"),
	    overlay_members, COUNT(overlay_members));
	k = call_new(r->s, r->c, r->id, row->id);
	k->prompt = kept;
	start(k, &b);
	return LATER;
}

METHOD(rpc_turn_start)
{
	struct session row = { .id = "" };
	struct jtext prompt;
	int rc;

	(void)out;
	if (param_session(r, false, &row, e) < 0)
		return -1;
	if (prompt_param(r->params, &prompt, e) < 0 ||
	    refuse_later(r->params, e) < 0 || no_keep_alive(r->params, e) < 0)
		rc = -1;
	else
		rc = turn(r, &row, prompt, e);
	session_free(&row);
	return rc;
}

/* ---- ending ---- */

METHOD(rpc_turn_interrupt)
{
	static const char yes[] = "{\"interrupted\":true}";
	struct session row = { .id = "" };

	if (param_session(r, false, &row, e) < 0)
		return -1;
	/* Or the turn of another process. */
	if (!pool_interrupt(r->s->o.pool, row.id) &&
	    lock_held(r->s->realm, row.id))
		bell_ring(r->s->realm, row.id, 'i');
	session_free(&row);
	buf_put(out, yes, sizeof yes - 1);
	return 0;
}

/* Take a call out of the queue, with this as its answer. */
static void
withdraw(struct call *k, const char *why)
{
	job_drop(k->job);
	k->job = NULL;
	refuse(k, why);
	call_free(k);
}

static struct call *
find(struct conn *c, struct jtext id)
{
	struct call *k;

	for (k = TAILQ_FIRST(&c->s->calls); k; k = TAILQ_NEXT(k, link)) {
		if (k->conn == c && k->id && !k->deferred &&
		    strlen(k->id) == id.n && !memcmp(k->id, id.p, id.n))
			return k;
	}
	return NULL;
}

void
rpc_cancel(struct conn *c, struct jtext id)
{
	struct call *k = find(c, id);

	if (!k)
		return;
	if (!job_running(k->job)) {
		withdraw(k, "request cancelled before start");
		rpc_settle(c->s);
		return;
	}
	k->cancelled = true;
	pool_interrupt(c->s->o.pool, k->session);
}

void
rpc_abandon(struct conn *c)
{
	struct call *k, *next;

	for (k = TAILQ_FIRST(&c->s->calls); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->conn != c)
			continue;
		k->conn = NULL;
		if (!k->id)	/* what came from outside goes on */
			continue;
		if (!job_running(k->job))
			withdraw(k, "");
		else if (*k->session)
			pool_interrupt(c->s->o.pool, k->session);
	}
}

void
rpc_stop_turns(struct rpc *s)
{
	struct call *k, *next;

	for (k = TAILQ_FIRST(&s->calls); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (!job_running(k->job))
			withdraw(k, "the server is ending");
	}
	pool_interrupt_all(s->o.pool);
}
