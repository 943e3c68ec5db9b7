#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "session/session.h"
#include "store/sessions.h"

/* create: a row, nothing is asked of a model. */

static int
add_label(struct cmd *c, const char *arg, struct buf *labels)
{
	static const char *const reserved[] = { "mob_id", "role", "meerkat_id" };
	const char *eq = strchr(arg, '=');
	char *key;

	if (!eq || eq == arg)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--label: expected key=value, got: %.80s", arg);
	key = xstrndup(arg, (size_t)(eq - arg));
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (!strcmp(key, reserved[i])) {
			free(key);
			return err_set(&c->e, E_INVALID_PARAMS, "peer_meta "
			    "label '%s' is reserved for mob-managed sessions",
			    reserved[i]);
		}
	jput_kcstr(labels, key, eq + 1);
	free(key);
	return 0;
}

static int
create(struct cmd *c, struct session *s)
{
	struct buf b = BUF_INIT;
	int rc;

	if (cmd_open(c) < 0 || session_create(c->db, s, &c->e) < 0)
		return -1;
	buf_puts(&b, s->id);
	if (c->json) {
		buf_trunc(&b, 0);
		jput_open(&b, '{');
		jput_kcstr(&b, "session_id", s->id);
		jput_close(&b, '}');
	}
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}

VERB(verb_create)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "label", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 }
	};
	struct session s = { .usage = USAGE_NONE };
	struct buf labels = BUF_INIT;
	int o, rc = 0;

	jput_open(&labels, '{');
	while (rc == 0 && (o = getopt_long(argc, argv, "", opts, NULL)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'l': rc = add_label(c, optarg, &labels); break;
		default: rc = cmd_usage(c); break;
		}
	jput_close(&labels, '}');
	s.labels = buf_steal(&labels);
	if (rc == 0)
		rc = optind == argc ? create(c, &s) : cmd_usage(c);
	session_free(&s);
	return rc;
}
