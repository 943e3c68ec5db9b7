#include <inttypes.h>
#include <string.h>

#include "base/jput.h"
#include "comms/comms.h"
#include "comms/identity.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/db.h"
#include "store/outbox.h"
#include "store/participants.h"

/* Who we are to others: comms sheet sections 1 and 2.  Only ever the public half. */

struct who {
	const char *session;	/* NULL: the realm */
	struct participant row;	/* of the session */
	char old[KEY_TEXT_LEN + 1];	/* until it was rotated, or "" */
	struct trust trust;	/* then: who has to be told */
};

static const char *
name_of(struct cmd *c, const struct who *w)
{
	return w->session ? w->row.name : c->realm.id;
}

static int
load(struct cmd *c, struct who *w)
{
	int rc = w->session ? participant_load(c->db, w->session, &w->row,
	    &c->e) : 1;

	if (rc == 0)
		err_set(&c->e, E_NOT_FOUND, "Session not found or comms not "
		    "enabled: %s", w->session);
	return rc > 0 ? 0 : -1;
}

/* The session's row goes with its key; also after somebody died between the two. */
static int
publish(struct cmd *c, const struct who *w, const char *key)
{
	if (!w->session || !strcmp(key, w->row.key))
		return 0;
	return comms_enable(c->db, w->session, w->row.name,
	    json_text(w->row.meta), w->row.resident, w->row.listen,
	    w->row.advertise, &c->e);
}

/* ---- who trusts the old key, perhaps ---- */

/* Letters to a peer that are to be signed with the new key; -1. */
static int64_t
waiting(struct cmd *c, const struct who *w, const struct peer *p)
{
	char lane[KEY_TEXT_LEN + UUID_LEN + 1];

	key_text(p->key, lane);
	if (w->session)
		strcat(lane, w->session);
	return outbox_waiting(c->db, lane, &c->e);
}

static int
put_concerned(struct cmd *c, const struct who *w, struct buf *b)
{
	char key[KEY_TEXT_LEN + 1];
	int64_t n = 0;

	jput_kcstr(b, "old_key", w->old);
	jput_key(b, "tell");
	jput_open(b, '[');
	for (size_t i = 0; n >= 0 && i < w->trust.n; i++) {
		const struct peer *p = &w->trust.v[i];

		key_text(p->key, key);
		jput_open(b, '{');
		jput_kcstr(b, "name", p->name);
		jput_kcstr(b, "key", key);
		jput_kcstr(b, "address", p->address);
		jput_ki64(b, "waiting", n = waiting(c, w, p));
		jput_close(b, '}');
	}
	jput_close(b, ']');
	return n < 0 ? -1 : 0;
}

static int
tell_concerned(struct cmd *c, const struct who *w, const char *key)
{
	const char *at = w->row.advertise ? w->row.advertise : w->row.listen;
	struct buf b = BUF_INIT;
	int64_t n = 0;

	warn("who trusts the old key drops what comes with the new one, "
	    "letters that wait, too; tell:");
	for (size_t i = 0; n >= 0 && i < w->trust.n; i++) {
		n = waiting(c, w, &w->trust.v[i]);
		buf_trunc(&b, 0);
		comms_put(&b, w->trust.v[i].name, 200);
		buf_puts(&b, " at ");
		comms_put(&b, w->trust.v[i].address, 300);
		warn("  %s: %" PRId64 " %s", buf_str(&b), n, n == 1 ?
		    "letter waits" : "letters wait");
	}
	buf_trunc(&b, 0);
	comms_put(&b, name_of(c, w), 200);
	warn("there: rkat comms trust add '%s' %s %s", buf_str(&b), key,
	    at ? at : "ADDRESS");
	warn("and then: rkat comms trust remove %s", w->old);
	buf_free(&b);
	return n < 0 ? -1 : 0;
}

static int
rotate(struct cmd *c, struct who *w)
{
	struct identity *k = identity_load(&c->realm, w->session, false,
	    NULL);

	if (trust_load(&c->realm, &w->trust, &c->e) < 0 ||
	    identity_rotate(&c->realm, w->session, &c->e) < 0) {
		identity_free(k);
		return -1;
	}
	if (k)
		key_text(identity_key(k), w->old);
	identity_free(k);
	return 0;
}

/* ---- showing it ---- */

static int
show(struct cmd *c, const struct who *w)
{
	struct identity *k = identity_load(&c->realm, w->session, true, &c->e);
	char key[KEY_TEXT_LEN + 1], id[UUID_LEN + 1];
	struct buf b = BUF_INIT;
	int rc = 0;

	if (!k)
		return -1;
	key_text(identity_key(k), key);
	key_peer_id(identity_key(k), id);
	identity_free(k);
	if (publish(c, w, key) < 0)
		return -1;
	if (c->json) {
		jput_open(&b, '{');
		jput_kcstr(&b, "name", name_of(c, w));
		jput_kcstr(&b, "public_key", key);
		jput_kcstr(&b, "peer_id", id);
		if (w->session)
			jput_kcstr(&b, "session_id", w->session);
		if (*w->old)
			rc = put_concerned(c, w, &b);
		jput_close(&b, '}');
	} else {
		buf_puts(&b, "name     ");
		comms_put(&b, name_of(c, w), 400);
		buf_printf(&b, "\nkey      %s\npeer id  %s", key, id);
	}
	if (rc == 0)
		rc = cmd_line(c, &b);
	if (rc == 0 && !c->json && *w->old && w->trust.n)
		rc = tell_concerned(c, w, key);
	buf_free(&b);
	return rc;
}

VERB(verb_identity)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "session", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	struct who w = { .session = NULL };
	const char *ref = NULL, *what;
	char id[UUID_LEN + 1];
	int o, rc;

	while ((o = cmd_option(c, argc, argv, ":s:", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 's': ref = optarg; break;
		default: return cmd_usage(c);
		}
	what = optind < argc ? argv[optind] : "show";
	if (argc - optind > 1 || (strcmp(what, "show") &&
	    strcmp(what, "rotate")))
		return cmd_usage(c);
	if (comms_open(c, ref, id, &w.session) < 0 || load(c, &w) < 0)
		return -1;
	rc = strcmp(what, "rotate") ? 0 : rotate(c, &w);
	if (rc == 0)
		rc = show(c, &w);
	if (rc == 0)
		comms_ring(c->db);
	trust_free(&w.trust);
	participant_free(&w.row);
	return rc;
}
