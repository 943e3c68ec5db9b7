#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/envelope.h"
#include "comms/send.h"
#include "comms/send_impl.h"
#include "store/arrivals.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/lock.h"
#include "store/outbox.h"

#define EXPIRES_MS (24 * 60 * 60 * 1000)	/* a letter that nobody fetched */

/* ---- what is said, as the kind of an envelope ---- */

static void
put_mode(const struct send_command *c, struct buf *b)
{
	/* Absent means queue to every receiver, also to those that know no modes. */
	if (c->mode && !strcmp(c->mode, "steer"))
		jput_kcstr(b, "handling_mode", "steer");
}

static void
put_any(struct buf *b, const char *key, struct jtext v, const char *otherwise)
{
	jput_kraw(b, key, v.p ? v.p : otherwise, v.p ? v.n : strlen(otherwise));
}

static void
put_params(struct buf *b, const struct send_command *c)
{
	if (c->params.p || !c->body) {
		put_any(b, "params", c->params, "{}");
		return;
	}
	jput_key(b, "params");
	jput_open(b, '{');
	jput_kcstr(b, "body", c->body);
	jput_close(b, '}');
}

static char *
kind_json(const struct send_command *c)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	switch (c->kind) {
	case SEND_MESSAGE:
		jput_kcstr(&b, "type", "message");
		jput_kcstr(&b, "body", c->body ? c->body : "");
		if (json_count(c->blocks))
			jput_kraw(&b, "blocks", c->blocks.p, c->blocks.n);
		break;
	case SEND_RESPONSE:
		jput_kcstr(&b, "type", "response");
		jput_kcstr(&b, "in_reply_to", c->in_reply_to);
		jput_kcstr(&b, "status", c->status ? c->status : "completed");
		put_any(&b, "result", c->result, "null");
		break;
	default:
		jput_kcstr(&b, "type", "request");
		jput_kcstr(&b, "intent", c->kind == SEND_REQUEST ? c->intent :
		    c->lifecycle);
		put_params(&b, c);
		break;
	}
	put_mode(c, &b);
	jput_close(&b, '}');
	return buf_steal(&b);
}

/* ---- into the own queue ---- */

static int
send_input(struct db *db, const char *session, const struct send_command *c,
    struct receipt *r, struct err *e)
{
	struct input in = { .kind = (char []){ "external_event" },
	    .wake = true };
	struct buf body = BUF_INIT;
	int rc;

	if (!c->allow_self)
		return err_set(e, E_INVALID_PARAMS, "validation failed: "
		    "self-session input rejected: set allow_self_session=true "
		    "to override");
	jput_open(&body, '{');
	jput_kcstr(&body, "body", c->body);
	jput_close(&body, '}');
	in.session = (char *)(uintptr_t)session;
	in.source = c->source ? c->source : (char []){ "rpc" };
	in.mode = c->mode ? c->mode : (char []){ "queue" };
	in.idem = (char *)(uintptr_t)c->idem;
	in.body = body.p;
	rc = inputs_admit(db, &in, &r->seen, e);
	if (rc == 0) {
		memcpy(r->id, in.id, sizeof r->id);
		memcpy(r->session, session, UUID_LEN + 1);
		r->local = true;
		strcpy(r->state, "delivered");
	}
	buf_free(&body);
	return rc;
}

/* ---- to others ---- */

/* Where it goes when it stays in this realm. */
static int
arrive(struct db *db, const struct letter *l, const struct party *from,
    const struct party *to, struct err *e)
{
	struct arrival a = { .id = (char *)(uintptr_t)l->id,
	    .session = to->session, .from = from->name, .from_key = from->key,
	    .channel = (char []){ "inproc" }, .json = l->json };
	bool seen;
	int rc = arrival_admit(db, &a, &seen, e);

	free(a.input);
	return rc;
}

static int
post(struct db *db, struct letter *l, const struct party *from,
    const struct party *to, bool *seen, struct err *e)
{
	if (outbox_put(db, l, seen, e) < 0)
		return -1;
	return *seen || to->address ? 0 : arrive(db, l, from, to, e);
}

/* An envelope that nobody could open is refused now, not when it is sent. */
static int
try_seal(const char *json, struct err *e)
{
	static const unsigned char seed[KEY_LEN];
	struct identity *k = identity_of_seed(seed);
	struct envelope v = { .json = xstrdup(json) };
	struct buf frame = BUF_INIT;
	int rc;

	uuid_v7(v.id);
	rc = envelope_seal(&v, k, &frame, e);
	buf_free(&frame);
	envelope_free(&v);
	identity_free(k);
	return rc;
}

static int
send_letter(struct db *db, const struct send_command *c,
    const struct party *from, const struct party *to, struct receipt *r,
    struct err *e)
{
	struct letter l = { .session = from->session, .peer = to->name,
	    .peer_key = to->key, .address = to->address,
	    .idem = (char *)(uintptr_t)c->idem };
	int rc = -1;

	l.json = kind_json(c);
	l.state = (char *)(uintptr_t)(to->address ? "accepted" : "delivered");
	l.expires_ms = c->expires_ms ? c->expires_ms : time_ms() + EXPIRES_MS;
	if (try_seal(l.json, e) < 0 || db_begin(db, e) < 0)
		goto done;
	if (post(db, &l, from, to, &r->seen, e) < 0) {
		db_rollback(db);
		goto done;
	}
	rc = db_commit(db, e);
done:
	if (rc == 0) {
		memcpy(r->id, l.id, sizeof r->id);
		r->local = !to->address;
		if (to->session)
			memcpy(r->session, to->session, UUID_LEN + 1);
		strcpy(r->state, l.state);
	}
	free(l.json);
	return rc;
}

/* The error object of the contract. */
static void
put_error(struct buf *data, const char *code, const char *peer,
    const char *text)
{
	jput_open(data, '{');
	jput_kcstr(data, "code", code);
	if (peer)
		jput_kcstr(data, "peer", peer);
	jput_kcstr(data, "message", text);
	jput_close(data, '}');
}

/* Its inbox is full, or it cannot be given to it. */
static void
put_failed(struct buf *data, const char *peer, struct err *e)
{
	if (e->code != E_CONFLICT) {
		put_error(data, "send_failed", NULL, e->text);
		return;
	}
	err_set(e, E_CONFLICT, "peer '%.80s' is unreachable: "
	    "offline_or_no_ack", peer);
	jput_open(data, '{');
	jput_kcstr(data, "code", "peer_unreachable");
	jput_kcstr(data, "peer", peer);
	jput_kcstr(data, "reason", "offline_or_no_ack");
	jput_kcstr(data, "message", e->text);
	jput_close(data, '}');
}

static int
send_peer(struct db *db, const char *session, const struct send_command *c,
    struct receipt *r, struct buf *data, struct err *e)
{
	struct party from = { .name = NULL }, to = { .name = NULL };
	int rc = -1;

	if (party_self(db, session, &from, e) < 0)
		return -1;
	if (party_find(db, &from, c->to, &to, e) < 0)
		put_error(data, "peer_not_found_or_not_trusted", c->to,
		    e->text);
	else if ((rc = send_letter(db, c, &from, &to, r, e)) < 0)
		put_failed(data, c->to, e);
	party_free(&from);
	party_free(&to);
	return rc;
}

int
comms_send(struct db *db, const char *session,
    const struct send_command *c, struct receipt *r, struct buf *data,
    struct err *e)
{
	struct err why = ERR_NONE;
	int rc;

	memset(r, 0, sizeof *r);
	r->kind = c->kind;
	if (c->in_reply_to)
		memcpy(r->in_reply_to, c->in_reply_to, UUID_LEN + 1);
	if (c->kind != SEND_INPUT)
		rc = send_peer(db, session, c, r, data, &why);
	else if ((rc = send_input(db, session, c, r, &why)) < 0)
		put_error(data, "send_failed", NULL, why.text);
	if (rc < 0 && e)
		*e = why;
	if (rc == 0 && *r->session)
		bell_ring(db_realm(db), r->session, 'w');
	if (rc == 0)
		comms_ring(db);
	return rc;
}

static bool
is_delivered(const struct receipt *r)
{
	return !strcmp(r->state, "delivered") ||
	    !strcmp(r->state, "admitted") || !strcmp(r->state, "answered");
}

void
receipt_emit(const struct receipt *r, struct buf *b)
{
	static const char *const kinds[] = {
		[SEND_INPUT] = "input_accepted",
		[SEND_MESSAGE] = "peer_message_sent",
		[SEND_REQUEST] = "peer_request_sent",
		[SEND_RESPONSE] = "peer_response_sent",
		[SEND_LIFECYCLE] = "peer_lifecycle_sent",
	};

	jput_open(b, '{');
	jput_kcstr(b, "kind", kinds[r->kind]);
	jput_kcstr(b, r->kind == SEND_INPUT ? "interaction_id" : "envelope_id",
	    r->id);
	if (r->kind == SEND_MESSAGE)
		jput_kbool(b, "acked", is_delivered(r));
	if (r->kind == SEND_REQUEST)
		jput_kcstr(b, "request_id", r->id);
	if (r->kind == SEND_RESPONSE)
		jput_kcstr(b, "in_reply_to", r->in_reply_to);
	jput_kcstr(b, "delivery", r->state);
	if (r->seen)
		jput_kbool(b, "duplicate", true);
	jput_close(b, '}');
}
