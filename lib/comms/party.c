#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/send.h"
#include "comms/send_impl.h"
#include "comms/trust.h"
#include "store/db.h"
#include "store/lock.h"
#include "store/wakes.h"
#include "store/outbox.h"
#include "store/participants.h"

/* Who there is, in this realm and outside. */

void
party_free(struct party *p)
{
	free(p->session);
	free(p->name);
	free(p->key);
	free(p->address);
	memset(p, 0, sizeof *p);
}

static void
take_participant(struct party *p, const struct participant *from)
{
	p->session = xstrdup(from->session);
	p->name = xstrdup(from->name);
	p->key = xstrdup(from->key);
}

static void
take_peer(struct party *p, const struct peer *from)
{
	char key[KEY_TEXT_LEN + 1];

	key_text(from->key, key);
	p->name = xstrdup(from->name);
	p->key = xstrdup(key);
	p->address = xstrdup(from->address);
}

/* The realm speaks under its own name and key. */
static int
realm_self(struct db *db, struct party *p, struct err *e)
{
	const struct realm *r = db_realm(db);
	struct identity *k = identity_load(r, NULL, true, e);
	char key[KEY_TEXT_LEN + 1];

	if (!k)
		return -1;
	key_text(identity_key(k), key);
	identity_free(k);
	p->name = xstrdup(r->id);
	p->key = xstrdup(key);
	return 0;
}

int
party_self(struct db *db, const char *session, struct party *p, struct err *e)
{
	struct participant row;
	int rc;

	if (!session)
		return realm_self(db, p, e);
	if ((rc = participant_load(db, session, &row, e)) < 0)
		return -1;
	if (rc == 0)
		return err_set(e, E_NOT_FOUND, "Session not found or comms not "
		    "enabled: %s", session);
	take_participant(p, &row);
	participant_free(&row);
	return 0;
}

/* ---- finding ---- */

struct search {
	const char *who;
	struct party *p;
};

/* By key, by the id that is made of it, or by session. */
static int
match(void *arg, const struct participant *row)
{
	struct search *s = arg;
	unsigned char key[KEY_LEN];
	char id[UUID_LEN + 1];

	if (key_parse(row->key, key, NULL) < 0)
		return 0;
	key_peer_id(key, id);
	if (strcmp(s->who, row->key) && strcasecmp(s->who, id) &&
	    strcasecmp(s->who, row->session))
		return 0;
	take_participant(s->p, row);
	return 1;
}

static int
find_local(struct db *db, const char *who, struct party *p, struct err *e)
{
	struct search s = { who, p };
	struct participant row;
	bool more;
	int rc = participant_by_name(db, who, &row, &more, e);

	if (rc > 0) {
		take_participant(p, &row);
		participant_free(&row);
		return more ? err_set(e, E_INVALID_PARAMS, "several sessions "
		    "are called '%.80s': name one by its key or id", who) : 0;
	}
	return rc < 0 ? -1 : participants(db, false, match, &s, e);
}

/* The realm's own inbox, by its name or key. */
static int
find_realm(struct db *db, const char *who, struct party *p, struct err *e)
{
	struct party self = { .name = NULL };

	if (realm_self(db, &self, e) < 0)
		return -1;
	if (!strcmp(who, self.name) || !strcmp(who, self.key))
		*p = self;
	else
		party_free(&self);
	return 0;
}

/* A name of somebody outside that a session has, too, is nobody's: no guesses. */
static int
check_unique(struct db *db, const struct party *self, const struct party *p,
    const char *who, struct err *e)
{
	struct participant row;
	bool more, other;

	if (strcmp(p->name, who) ||
	    participant_by_name(db, who, &row, &more, NULL) <= 0)
		return 0;
	other = strcmp(row.key, self->key) && strcmp(row.key, p->key);
	participant_free(&row);
	return other || more ? err_set(e, E_INVALID_PARAMS, "a peer outside "
	    "and a session are called '%.80s': name one by its key", who) : 0;
}

int
party_find(struct db *db, const struct party *self, const char *who,
    struct party *p, struct err *e)
{
	struct err why = ERR_NONE;
	const struct peer *peer;
	struct trust t;
	int rc = -1;

	if (trust_load(db_realm(db), &t, e) < 0)
		return -1;
	if ((peer = trust_find(&t, who, &why)))
		take_peer(p, peer);
	else if (why.code != E_NOT_FOUND)
		goto done;
	if (!p->name && (find_local(db, who, p, &why) < 0 ||
	    (!p->name && find_realm(db, who, p, &why) < 0)))
		goto done;
	if (p->name && strcmp(p->key, self->key))
		rc = p->address ? check_unique(db, self, p, who, &why) : 0;
	else
		err_set(&why, E_NOT_FOUND,
		    "peer '%.80s' is not found or not trusted", who);
done:
	if (rc < 0 && e)
		*e = why;
	trust_free(&t);
	return rc;
}

/* ---- the directory: comms sheet section 18 ---- */

struct directory {
	struct db *db;
	const char *session;
	const struct trust *trust;
	const struct party *self;
	struct buf *out;
	struct err *e;
};

/* How the last send went. */
static int
put_reach(struct directory *d, const char *key)
{
	char *error;
	int rc = outbox_reached(d->db, d->session, key, &error, d->e);

	jput_kcstr(d->out, "reachability", rc == 1 ? "reachable" :
	    rc == 0 ? "unreachable" : "unknown");
	jput_kcstr(d->out, "last_unreachable_reason", rc != 0 ? NULL :
	    error && (!strncmp(error, "offline_or_no_ack", 17) ||
	    !strncmp(error, "peer_silent", 11)) ? "offline_or_no_ack" :
	    "transport_error");
	free(error);
	return rc < 0 ? -1 : 0;
}

static int
put_entry(struct directory *d, const char *name, const char *key,
    const char *address, const char *source, const char *meta)
{
	static const char kinds[] =
	    "[\"peer_message\",\"peer_request\",\"peer_response\"]";
	int rc;

	jput_open(d->out, '{');
	jput_kcstr(d->out, "name", name);
	jput_kcstr(d->out, "peer_id", key);
	jput_kcstr(d->out, "address", address);
	jput_kcstr(d->out, "source", source);
	jput_kraw(d->out, "sendable_kinds", kinds, sizeof kinds - 1);
	jput_kraw(d->out, "capabilities", "{}", 2);
	rc = put_reach(d, key);
	jput_kraw(d->out, "meta", meta, strlen(meta));
	jput_close(d->out, '}');
	return rc;
}

static int
put_trusted(struct directory *d, const struct peer *p)
{
	char key[KEY_TEXT_LEN + 1];
	struct participant row;
	int here;

	key_text(p->key, key);
	if (!strcmp(key, d->self->key) || !peer_name_valid(p->name))
		return 0;
	here = participant_by_key(d->db, key, &row, d->e);
	if (here > 0)
		participant_free(&row);
	return here < 0 ? -1 : put_entry(d, p->name, key, p->address, here ?
	    "TrustedAndInproc" : "Trusted", p->meta);
}

static int
put_local(void *arg, const struct participant *row)
{
	struct directory *d = arg;
	unsigned char key[KEY_LEN];
	char *address;
	int rc;

	if (!strcmp(row->key, d->self->key) ||
	    key_parse(row->key, key, NULL) < 0 || trust_by_key(d->trust, key))
		return 0;
	address = xasprintf("inproc://%s", row->name);
	rc = put_entry(d, row->name, row->key, address, "Inproc", row->meta);
	free(address);
	return rc;
}

static int
walk(struct directory *d)
{
	for (size_t i = 0; i < d->trust->n; i++)
		if (put_trusted(d, &d->trust->v[i]) < 0)
			return -1;
	return participants(d->db, false, put_local, d, d->e);
}

int
comms_peers(struct db *db, const char *session, struct buf *out, struct err *e)
{
	struct party self = { .name = NULL };
	struct trust t = { .v = NULL };
	struct directory d = { db, session, &t, &self, out, e };
	int rc = -1;

	jput_open(out, '{');
	jput_key(out, "peers");
	jput_open(out, '[');
	if (party_self(db, session, &self, e) == 0 &&
	    trust_load(db_realm(db), &t, e) == 0)
		rc = walk(&d);
	jput_close(out, ']');
	jput_close(out, '}');
	trust_free(&t);
	party_free(&self);
	return rc;
}

/* Somebody that the realm trusts and that is not the session itself. */
static bool
trusts_others(struct db *db, const char *key)
{
	char other[KEY_TEXT_LEN + 1];
	struct trust t;
	bool there = false;

	if (trust_load(db_realm(db), &t, NULL) < 0)
		return false;
	for (size_t i = 0; i < t.n && !there; i++) {
		key_text(t.v[i].key, other);
		there = strcmp(other, key) && peer_name_valid(t.v[i].name);
	}
	trust_free(&t);
	return there;
}

bool
comms_has_peers(struct db *db, const char *session)
{
	struct party self = { .name = NULL };
	bool there = party_self(db, session, &self, NULL) == 0 &&
	    (participant_others(db, session ? session : "") ||
	    trusts_others(db, self.key));

	party_free(&self);
	return there;
}

/* ---- taking part ---- */

bool
comms_ring(struct db *db)
{
	wakes_ring(db_realm(db));	/* a server starts a peerd when one is needed */
	return bell_ring(db_realm(db), "peerd", 'w');
}

int
comms_enable(struct db *db, const char *session, const char *name,
    struct jtext meta, bool resident, const char *listen,
    const char *advertise, struct err *e)
{
	struct participant p = { .name = (char *)(uintptr_t)name,
	    .listen = (char *)(uintptr_t)listen, .resident = resident,
	    .advertise = (char *)(uintptr_t)advertise };
	char key[KEY_TEXT_LEN + 1];
	struct identity *k;
	int rc;

	if (!peer_name_valid(name))
		return err_set(e, E_INVALID_PARAMS, "a comms name is not blank "
		    "and has no control characters");
	if (!(k = identity_load(db_realm(db), session, true, e)))
		return -1;
	key_text(identity_key(k), key);
	identity_free(k);
	memcpy(p.session, session, UUID_LEN + 1);
	p.key = key;
	p.meta = meta.p ? xstrndup(meta.p, meta.n) : NULL;
	rc = participant_put(db, &p, e);
	free(p.meta);
	if (rc == 0)
		comms_ring(db);
	return rc;
}
