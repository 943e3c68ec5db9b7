#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "runner/pool.h"
#include "serve/params.h"
#include "serve/sessions.h"
#include "serve/turns_impl.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/participants.h"

/* What makes a session and starts a turn: rpc sheet section 7.1, rest sheet section 4. */

/* ---- JSON columns of a session ---- */

/* Keep the prompt for the first turn. */
static int
stage(struct db *db, const char *id, const char *prompt, struct err *e)
{
	struct session row;
	int rc;

	if (session_load(db, id, &row, e) < 0)
		return -1;
	json_set(&row.state, SESSION_STAGED, json_text(prompt));
	rc = session_save(db, &row, e);
	session_free(&row);
	return rc;
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
		{ "preload_skills", "skills" }, { "skill_refs", "skills" },
		{ "skill_references", "skills" },
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

static bool
keeps_alive(struct jtext params)
{
	return json_get_bool(params, "keep_alive", false);
}

/* The words of the surface. */
static int
nameless(bool rest, struct err *e)
{
	return err_set(e, E_INVALID_PARAMS, rest ?
	    "keep_alive requires comms_name" :
	    "keep_alive requires a session created with comms_name");
}

/* Blank is missing.  New, or NULL. */
static char *
comms_name(struct jtext params)
{
	char *name = json_get_str(params, "comms_name");

	if (name && !name[strspn(name, " \t\r\n")]) {
		free(name);
		name = NULL;
	}
	return name;
}

static int
check_comms(struct jtext params, bool rest, struct err *e)
{
	struct jtext name = param_get(params, "comms_name");
	char *given = comms_name(params);
	int rc = 0;

	if (name.p && !json_is(name, '"'))
		rc = err_set(e, E_INVALID_PARAMS,
		    "Invalid params: /comms_name: want a string");
	else if (keeps_alive(params) && !given)
		rc = nameless(rest, e);
	else if (name.p && (!given || !peer_name_valid(given)))
		rc = err_set(e, E_INVALID_PARAMS, "comms_name: want a name "
		    "that is not blank and has no control characters");
	free(given);
	return rc;
}

/* ---- making a session ---- */

static void
finish_deferred(struct turn *k)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (stage(k->t->db, k->session, k->prompt, &e) < 0) {
		turn_fail(k, &e, NULL);
		return;
	}
	jput_open(&b, '{');
	sessions_put_ref(db_realm(k->t->db), k->session, &b);
	jput_close(&b, '}');
	turn_finish(k, json_slice(b.p, b.n));
	buf_free(&b);
}

/* A prompt in the queue, for the drain: its asker has been told all that he is told. */
static int
queue_prompt(struct turn *k, struct err *e)
{
	struct input in = { .session = k->session,
	    .kind = (char []){ "prompt" }, .source = (char []){ "operator" },
	    .mode = (char []){ "queue" }, .wake = true };
	struct buf body = BUF_INIT;
	bool seen;
	int rc;

	jput_open(&body, '{');
	jput_kraw(&body, "content", k->prompt, strlen(k->prompt));
	jput_kbool(&body, "direct", true);
	jput_close(&body, '}');
	in.body = body.p;
	rc = inputs_admit(k->t->db, &in, &seen, e);
	buf_free(&body);
	return rc;
}

/* Case 3 of the sheet: it answers at once, the first turn comes afterwards. */
static void
finish_resident(struct turn *k)
{
	static const char usage[] = "{\"input_tokens\":0,"
	    "\"output_tokens\":0,\"total_tokens\":0}";
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (queue_prompt(k, &e) < 0) {
		turn_fail(k, &e, NULL);
		return;
	}
	jput_open(&b, '{');
	sessions_put_ref(db_realm(k->t->db), k->session, &b);
	jput_kcstr(&b, "text", "");
	jput_ki64(&b, "turns", 0);
	jput_ki64(&b, "tool_calls", 0);
	jput_kraw(&b, "usage", usage, sizeof usage - 1);
	jput_close(&b, '}');
	turn_finish(k, json_slice(b.p, b.n));
	buf_free(&b);
}

static void
first_run(struct turn *k)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kraw(&b, "prompt", k->prompt, strlen(k->prompt));
	free(k->prompt);
	k->prompt = NULL;
	turn_run(k, &b);
	if (k->hooks.created)
		k->hooks.created(k->hooks.arg, k->session);
}

static void
on_created(void *arg, struct jtext answer, const struct err *lost)
{
	struct turn *k = arg;
	struct buf data = BUF_INIT;
	struct err e = ERR_NONE;
	char *id = json_get_str(json_get(answer, "result"), "session_id");

	if (id && strlen(id) == UUID_LEN)
		memcpy(k->session, id, UUID_LEN + 1);
	free(id);
	if (k->peer && *k->session)
		turns_use(k->t, k->session, k->hooks.client);
	if (turn_error(answer, lost, &e, &data) < 0)
		turn_fail(k, &e, &data);
	else if (k->cancelled)
		turn_refuse(k, "request cancelled before start");
	else if (k->abandoned || (k->t->stopped && !k->deferred))
		turn_refuse(k, "the server is ending");
	else if (k->deferred)
		finish_deferred(k);
	else if (k->resident)
		finish_resident(k);
	else
		first_run(k);
	buf_free(&data);
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
	{ "comms_name", NULL }, { "peer_meta", NULL }, { "keep_alive", NULL },
};

static const struct member external_tools = { "external_tools", NULL };

struct turn *
turns_create(struct turns *t, struct jtext params,
    const struct turn_hooks *hooks, struct err *e)
{
	struct jtext prompt, turn = param_get(params, "initial_turn");
	bool deferred = json_str_is(turn, "deferred");
	struct buf b = BUF_INIT;
	struct turn *k;

	if (prompt_param(params, &prompt, e) < 0 ||
	    peer_meta_check(param_get(params, "peer_meta"), e) < 0 ||
	    refuse_later(params, e) < 0 ||
	    check_comms(params, hooks->rest, e) < 0)
		return NULL;
	if (turn.p && !deferred && !json_str_is(turn, "run_immediately")) {
		err_set(e, E_INVALID_PARAMS, "Invalid params: "
		    "/initial_turn: want run_immediately or deferred");
		return NULL;
	}
	k = turn_new(t, "", hooks);
	k->create = true;
	k->deferred = deferred;
	k->resident = keeps_alive(params) && !hooks->rest;
	k->peer = param_get(params, "comms_name").p;
	k->prompt = xstrndup(prompt.p, prompt.n);
	jput_open(&b, '{');
	jput_kcstr(&b, "op", "create");
	put_members(&b, params, create_members, COUNT(create_members));
	if (!hooks->rest)	/* has no such parameter (rest sheet 4.5) */
		put_members(&b, params, &external_tools, 1);
	jput_close(&b, '}');
	k->job = pool_run(t->pool, "", json_slice(b.p, b.n),
	    &(const struct job_hooks){ .done = on_created, .arg = k });
	buf_free(&b);
	return k;
}

/* ---- a turn ---- */

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

static const struct member turn_members[] = {
	{ "additional_instructions", NULL }, { "model", NULL },
	{ "provider", NULL }, { "provider_params", NULL },
	{ "system_prompt", NULL }, { "output_schema", NULL },
	{ "max_tokens", NULL }, { "structured_output_retries", NULL },
};
static const struct member rest_members[] = {
	{ "hooks_override", NULL },
};
static const struct member overlay_members[] = {
	{ "allowed_tools", "allow_tools" }, { "blocked_tools", "block_tools" },
};

/*
 * What a turn changes of its session's part in comms, at once: whether it stays, and by
 * the rules of REST also its name and what others may know of it.
 */
static int
take_comms(struct turns *t, const struct session *row, struct jtext params,
    const struct turn_hooks *hooks, struct err *e)
{
	bool rest = hooks->rest;
	struct jtext meta = rest ? param_get(params, "peer_meta") : JTEXT_NONE;
	struct jtext stays = param_get(params, "keep_alive");
	char *name = rest ? comms_name(params) : NULL;
	struct participant p;
	int there = participant_load(t->db, row->id, &p, e), rc = there;

	if (there < 0 || (rc = peer_meta_check(meta, e)) < 0)
		goto done;
	if (!there && !name && keeps_alive(params))
		rc = nameless(rest, e);
	else if (name || (there && (stays.p || meta.p)))
		rc = comms_join(t->db, row->id, &(struct join_spec){
		    .name = name, .meta = meta, .resident = stays.p ?
		    keeps_alive(params) : -1 }, e);
done:
	if (rc >= 0 && (there || name))
		turns_use(t, row->id, hooks->client);
	if (there > 0)
		participant_free(&p);
	free(name);
	return rc < 0 ? -1 : 0;
}

struct turn *
turns_start(struct turns *t, const struct session *row, struct jtext params,
    const struct turn_hooks *hooks, struct err *e)
{
	bool first = row->total_messages == 0 && !pool_has(t->pool, row->id);
	struct buf b = BUF_INIT;
	struct jtext prompt;
	struct turn *k;

	if (prompt_param(params, &prompt, e) < 0 ||
	    refuse_later(params, e) < 0 ||
	    (!first && !hooks->rest && refuse_overrides(params, e) < 0) ||
	    take_comms(t, row, params, hooks, e) < 0)
		return NULL;
	jput_open(&b, '{');
	jput_kraw(&b, "prompt", prompt.p, prompt.n);
	put_members(&b, params, turn_members, COUNT(turn_members));
	if (hooks->rest)
		put_members(&b, params, rest_members, COUNT(rest_members));
	put_members(&b, param_get(params, "flow_tool_overlay"),
	    overlay_members, COUNT(overlay_members));
	k = turn_new(t, row->id, hooks);
	turn_run(k, &b);
	return k;
}
