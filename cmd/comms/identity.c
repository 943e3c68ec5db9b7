#include <string.h>

#include "base/jput.h"
#include "comms/comms.h"
#include "comms/identity.h"
#include "comms/send.h"
#include "store/db.h"
#include "store/participants.h"

/* Who we are to others: comms sheet sections 1 and 2.  Only ever the public half. */

struct who {
	const char *session;	/* NULL: the realm */
	struct participant row;	/* of the session */
};

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

static int
show(struct cmd *c, const struct who *w)
{
	struct identity *k = identity_load(&c->realm, w->session, true, &c->e);
	const char *name = w->session ? w->row.name : c->realm.id;
	char key[KEY_TEXT_LEN + 1], id[UUID_LEN + 1];
	struct buf b = BUF_INIT;
	int rc;

	if (!k)
		return -1;
	key_text(identity_key(k), key);
	key_peer_id(identity_key(k), id);
	identity_free(k);
	if (publish(c, w, key) < 0)
		return -1;
	if (c->json) {
		jput_open(&b, '{');
		jput_kcstr(&b, "name", name);
		jput_kcstr(&b, "public_key", key);
		jput_kcstr(&b, "peer_id", id);
		if (w->session)
			jput_kcstr(&b, "session_id", w->session);
		jput_close(&b, '}');
	} else {
		buf_puts(&b, "name     ");
		comms_put(&b, name, 400);
		buf_printf(&b, "\nkey      %s\npeer id  %s", key, id);
	}
	rc = cmd_line(c, &b);
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
	rc = strcmp(what, "rotate") ? 0 :
	    identity_rotate(&c->realm, w.session, &c->e);
	if (rc == 0)
		rc = show(c, &w);
	if (rc == 0)
		comms_ring(c->db);
	participant_free(&w.row);
	return rc;
}
