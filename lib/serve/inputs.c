#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "serve/inputs.h"
#include "serve/inputs_impl.h"
#include "store/db.h"
#include "store/lock.h"

/* What is said to a runtime, and what it says of itself: agent sheet section 17. */

const char *
runtime_state(struct db *db, const struct session *row)
{
	if (row->retired)
		return "retired";
	return lock_held(db_realm(db), row->id) ? "running" : "attached";
}

/* ---- rejections: agent sheet section 17.2 ---- */

/* why: the state of a runtime that is not ready, or a detail. */
static void
reject(struct outcome *o, const char *type, const char *why,
    enum reason_form form, struct buf *out)
{
	bool state = !strcmp(type, "not_ready");

	o->rejected = true;
	snprintf(o->reason, sizeof o->reason, "%s%s", state ?
	    "runtime not accepting input while in state: " : "", why);
	jput_open(out, '{');
	jput_kcstr(out, "outcome_type", "rejected");
	if (form == REASON_TEXT) {
		jput_kcstr(out, "reason", o->reason);
	} else {
		jput_key(out, "reason");
		jput_open(out, '{');
		jput_kcstr(out, "reject_type", type);
		jput_kcstr(out, state ? "state" : "detail", why);
		jput_close(out, '}');
	}
	jput_close(out, '}');
}

/* What only the runtime itself may say; NULL: all is well. */
static const char *
derived(struct jtext v, const struct input *in)
{
	static const char *const sources[] = { "operator", "peer",
		"external" };
	bool reply = input_is_progress(in);

	if (!json_str_is(json_path(v, "header/durability"), "derived"))
		return NULL;
	for (size_t i = 0; i < COUNT(sources); i++)
		if (json_str_is(json_path(v, "header/source/type"), sources[i]))
			return "derived durability: not from an operator, a "
			    "peer or outside";
	return !strcmp(in->kind, "prompt") || !strcmp(in->kind, "flow_step") ||
	    (!strcmp(in->kind, "peer") && !reply) ?
	    "derived durability: not for this kind of input" : NULL;
}

/* ---- admission ---- */

/* A peer's request whose intent the session wants to hear of later only. */
static bool
is_silent(const struct session *row, struct jtext v)
{
	struct jiter it = json_iter(json_get(json_text(row->build),
	    "silent_comms_intents"));
	char *intent = NULL;
	bool silent = false;

	if (json_str_is(json_path(v, "convention/convention_type"), "request"))
		intent = json_get_str(json_get(v, "convention"), "intent");
	while (intent && json_next(&it))
		silent |= json_str_is(it.value, intent);
	free(intent);
	return silent;
}

static int
put_admitted(struct db *db, const struct input *in, bool idle, bool seen,
    const char *asked, struct buf *out, struct err *e)
{
	struct input row;

	if (inputs_load(db, in->id, &row, e) < 0)
		return -1;
	jput_open(out, '{');
	jput_kcstr(out, "outcome_type", seen ? "deduplicated" : "accepted");
	jput_kcstr(out, "input_id", *asked ? asked : row.id);
	if (seen) {
		jput_kcstr(out, "existing_id", row.id);
	} else {
		jput_key(out, "policy");
		input_put_policy(out, &row, idle);
		jput_key(out, "state");
		input_put_state(out, &row, idle);
	}
	jput_close(out, '}');
	input_free(&row);
	return 0;
}

static int
admit(struct db *db, struct input *in, enum reason_form form, struct buf *out,
    struct outcome *o, struct err *e)
{
	bool seen, idle = !lock_held(db_realm(db), in->session);
	char asked[UUID_LEN + 1];
	struct err why = ERR_NONE;

	memcpy(asked, in->id, sizeof asked);
	if (inputs_admit(db, in, &seen, &why) < 0) {
		if (why.code == E_SESSION_RETIRED) {
			reject(o, "not_ready", "retired", form, out);
			return 0;
		}
		*e = why;
		return -1;
	}
	o->wake = !seen && in->wake;
	return put_admitted(db, in, idle, seen, asked, out, e);
}

int
runtime_accept(struct db *db, const struct session *row, struct jtext v,
    enum reason_form form, struct buf *out, struct outcome *o, struct err *e)
{
	struct input in;
	const char *why;
	int rc = 0;

	*o = (struct outcome){ .rejected = false };
	if (input_check(v, e) < 0)
		return -1;
	input_take(v, row->id, &in);
	in.wake = strcmp(in.kind, "operation") && !input_is_progress(&in) &&
	    !is_silent(row, v);
	if (!strcmp(in.kind, "operation"))
		in.state = xstrdup("consumed");
	if (row->retired)
		reject(o, "not_ready", "retired", form, out);
	else if ((why = derived(v, &in)))
		reject(o, "durability_violation", why, form, out);
	else if (input_is_progress(&in) && json_is(json_get(v,
	    "handling_mode"), '"'))
		reject(o, "peer_handling_mode_invalid", "handling_mode is not "
		    "for response_progress", form, out);
	else
		rc = admit(db, &in, form, out, o, e);
	input_free(&in);
	return rc;
}

/* ---- events ---- */

/* The event as an Input, because its row has no other place for its blocks. */
static void
put_event(const struct outside_event *ev, struct buf *b)
{
	char id[UUID_LEN + 1];

	uuid_v7(id);
	jput_open(b, '{');
	jput_kcstr(b, "input_type", "external_event");
	jput_key(b, "header");
	jput_open(b, '{');
	jput_kcstr(b, "id", id);
	jput_ktime(b, "timestamp", time_ms());
	jput_key(b, "source");
	jput_open(b, '{');
	jput_kcstr(b, "type", "external");
	jput_kcstr(b, "source_name", ev->source);
	jput_close(b, '}');
	jput_kcstr(b, "durability", "durable");
	jput_key(b, "visibility");
	jput_open(b, '{');
	jput_kbool(b, "transcript_eligible", true);
	jput_kbool(b, "operator_eligible", true);
	jput_close(b, '}');
	if (ev->idem)
		jput_kcstr(b, "idempotency_key", ev->idem);
	jput_close(b, '}');
	jput_kcstr(b, "event_type", ev->source);
	jput_kraw(b, "payload", ev->payload.p, ev->payload.n);
	jput_kraw(b, "blocks", ev->blocks.p, ev->blocks.n);
	jput_kcstr(b, "handling_mode", "queue");
	jput_close(b, '}');
}

int
runtime_event(struct db *db, const struct session *row,
    const struct outside_event *ev, struct buf *out, struct outcome *o,
    struct err *e)
{
	struct buf b = BUF_INIT;
	struct input in = { .given = false };
	int rc;

	*o = (struct outcome){ .rejected = false };
	if (ev->blocks.p) {
		put_event(ev, &b);
		if ((rc = input_check(json_slice(b.p, b.n), e)) < 0)
			goto done;
		input_take(json_slice(b.p, b.n), row->id, &in);
		*in.id = '\0';
	} else {
		in.session = xstrdup(row->id);
		in.kind = xstrdup("external_event");
		in.mode = xstrdup("queue");
		in.source = xstrdup(ev->source);
		in.body = xstrndup(ev->payload.p, ev->payload.n);
		in.idem = xstrdup(ev->idem);
	}
	in.wake = ev->wake;
	rc = admit(db, &in, REASON_OBJECT, out, o, e);
done:
	input_free(&in);
	buf_free(&b);
	return rc;
}

/* ---- retire, reset ---- */

/* Retire drains (agent sheet 17.7): nothing is abandoned. */
int
runtime_retire(struct db *db, const struct session *row, int64_t *abandoned,
    int64_t *pending, struct err *e)
{
	*abandoned = 0;
	return inputs_retire(db, row->id, pending, e);
}

int
runtime_reset(struct db *db, const struct session *row, int64_t *abandoned,
    struct err *e)
{
	return inputs_reset(db, row->id, abandoned, e);
}

/* ---- looking ---- */

int
runtime_input(struct db *db, const struct session *row, const char *id,
    struct buf *out, struct err *e)
{
	struct err why = ERR_NONE;
	struct input in;
	int rc;

	if (inputs_load(db, id, &in, &why) < 0) {
		if (why.code == E_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	rc = !strcmp(in.session, row->id);
	if (rc)
		input_put_state(out, &in, true);
	input_free(&in);
	return rc;
}

int
runtime_inputs(struct db *db, const struct session *row, struct buf *out,
    struct err *e)
{
	struct input *list = NULL;
	size_t n = 0;

	if (inputs_active(db, row->id, &list, &n, e) < 0)
		return -1;
	jput_open(out, '[');
	for (size_t i = 0; i < n; i++)
		jput_cstr(out, list[i].id);
	jput_close(out, ']');
	inputs_free(list, n);
	return 0;
}
