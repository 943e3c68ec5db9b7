#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/option.h"
#include "comms/comms.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/lock.h"
#include "store/outbox.h"

/* A letter is tried again: the same envelope, so that nobody gets it twice. */

#define EXPIRES_MS ((int64_t)24 * 60 * 60 * 1000)

/* Where its receiver is now, if he is trusted still. */
static char *
address_now(struct cmd *c, const struct letter *l)
{
	unsigned char key[KEY_LEN];
	const struct peer *peer;
	char *address = NULL;
	struct trust t;

	if (key_parse(l->peer_key, key, &c->e) < 0 ||
	    trust_load(&c->realm, &t, &c->e) < 0)
		return NULL;
	if ((peer = trust_by_key(&t, key)))
		address = xstrdup(peer->address);
	else
		err_set(&c->e, E_NOT_FOUND, "peer '%.80s' is not trusted any "
		    "more", l->peer);
	trust_free(&t);
	return address;
}

static int
resend(struct cmd *c, const char *id, int64_t expires_ms)
{
	struct buf b = BUF_INIT;
	char *address = NULL;
	struct letter l;
	int rc = -1;

	if (outbox_load(c->db, id, &l, &c->e) < 0)
		return -1;
	if (l.address && !(address = address_now(c, &l)))
		goto done;
	if (outbox_resend(c->db, l.id, address, time_ms() + expires_ms,
	    &c->e) < 0)
		goto done;
	comms_ring(c->db);
	jput_open(&b, '{');
	jput_kcstr(&b, "envelope_id", l.id);
	jput_kcstr(&b, "delivery", "accepted");
	jput_close(&b, '}');
	rc = cmd_line(c, &b);
	comms_warn_peerd(c);
done:
	free(address);
	letter_free(&l);
	buf_free(&b);
	return rc;
}

VERB(verb_resend)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "expires", required_argument, NULL, 'e' },
		{ NULL, 0, NULL, 0 }
	};
	int64_t expires = EXPIRES_MS;
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'e': rc = comms_duration(c, "--expires", optarg,
		    &expires); break;
		default: return cmd_usage(c);
		}
	if (rc < 0)
		return -1;
	if (argc - optind != 1)
		return cmd_usage(c);
	if (comms_open_for(c, argv[optind]) < 0)
		return -1;
	return resend(c, argv[optind], expires);
}
