#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jput.h"
#include "base/json.h"
#include "peerd/vet.h"
#include "store/arrivals.h"
#include "store/db.h"
#include "store/participants.h"

void
sender_free(struct sender *s)
{
	free(s->name);
	free(s->address);
	*s = (struct sender){ .name = NULL };
}

/*
 * Trust may have changed; a list that is broken does not take away what we had.  Those
 * that share a commit share the look at it.
 */
static void
refresh_trust(struct peerd *p)
{
	struct err e = ERR_NONE;

	if (!admit_idle(p))
		return;
	if (trust_fresh(&p->realm, &p->trust, &e) < 0)
		gate_refuse(p, "trust", "trusted_peers.json", e.text);
}

/* Cheap beside a signature: a flood of strangers costs no more than this. */
static bool
is_known(struct peerd *p, const unsigned char key[KEY_LEN], struct sender *s)
{
	const struct peer *peer = trust_by_key(&p->trust, key);
	char text[KEY_TEXT_LEN + 1];
	struct participant row;

	if (peer) {
		s->name = xstrdup(peer->name);
		s->address = xstrdup(peer->address);
		return true;
	}
	key_text(key, text);
	if (participant_by_key(p->db, text, &row, NULL) <= 0)
		return false;
	s->name = xstrdup(row.name);
	participant_free(&row);
	return true;
}

bool
vet_knows(struct peerd *p, const unsigned char key[KEY_LEN])
{
	struct sender s = { .name = NULL };
	bool known;

	refresh_trust(p);
	known = is_known(p, key, &s);
	sender_free(&s);
	return known;
}

/*
 * What later versions send as a kind of its own is the request with that intent to us
 * (sheet section 6.2).  NULL: taken; else why not.
 */
static const char *
take_kind(struct envelope *v)
{
	struct jtext kind = json_text(v->json), intent = json_get(kind, "kind");
	struct jtext params = json_get(kind, "params");
	struct buf b = BUF_INIT;

	if (v->kind == ENVELOPE_FENCED)
		return "a message for another incarnation";
	if (v->kind != ENVELOPE_LIFECYCLE)
		return NULL;
	if (json_str_is(intent, "mob.dismiss"))
		return "mob.dismiss: nobody can stop a session from outside";
	jput_open(&b, '{');
	jput_kcstr(&b, "type", "request");
	jput_kraw(&b, "intent", intent.p, intent.n);
	jput_kraw(&b, "params", params.p, params.n);
	jput_close(&b, '}');
	free(v->json);
	v->json = buf_steal(&b);
	return NULL;
}

/* A hop only where there is a line in the log: a flood shall not fill the disk. */
static void
too_fast(struct peerd *p, const struct envelope *v, const char *name)
{
	if (gate_refuse(p, "rate_limited", name, "too many envelopes") &&
	    hop_put(p->db, v->id, "refused", "rate_limited", NULL) < 0)
		debug("%s: its refusal was not noted", v->id);
}

static const char *
reason_of(const struct err *e)
{
	return !strncmp(e->text, "signature", 9) ? "signature" : "malformed";
}

static int
check(struct peerd *p, const void *cbor, size_t n, const struct caller *c,
    struct envelope *v, struct sender *s)
{
	unsigned char from[KEY_LEN];
	struct err e = ERR_NONE;
	const char *why;

	if (envelope_from(cbor, n, from, &e) < 0) {
		gate_refuse(p, "malformed", c->where, e.text);
		return -1;
	}
	refresh_trust(p);
	if (!is_known(p, from, s)) {
		char key[KEY_TEXT_LEN + 1];

		key_text(from, key);
		gate_refuse(p, "untrusted", c->where, key);
		return -1;
	}
	if (envelope_open(cbor, n, v, &e) < 0) {
		gate_refuse(p, reason_of(&e), c->where, e.text);
		return -1;
	}
	if (c->from && (memcmp(v->from, c->from, KEY_LEN) ||
	    memcmp(v->to, c->to, KEY_LEN))) {
		gate_refuse(p, "misaddressed", s->name,
		    "another's envelope over an encrypted connection");
		return -1;
	}
	if (v->kind == ENVELOPE_ACK)	/* outside of its connection: nothing */
		return -1;
	if ((why = take_kind(v))) {
		gate_refuse(p, "unsupported", s->name, why);
		return -1;
	}
	if (!gate_pass(p, from)) {
		too_fast(p, v, s->name);
		return -1;
	}
	return 0;
}

int
vet(struct peerd *p, const void *cbor, size_t n, const struct caller *c,
    struct envelope *v, struct sender *s)
{
	*s = (struct sender){ .name = NULL };
	v->json = NULL;
	if (check(p, cbor, n, c, v, s) == 0)
		return 0;
	sender_free(s);
	envelope_free(v);
	return -1;
}
