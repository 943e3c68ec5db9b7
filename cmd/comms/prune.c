#include "base/jput.h"
#include "comms/comms.h"
#include "store/prune.h"

/* Old letters away, by hand; rkat-peerd does it by itself. */

#define ROWS 256		/* others may write between two of them */

VERB(verb_prune)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "before", required_argument, NULL, 'b' },
		{ "dead", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 }
	};
	struct prune p = { .before_ms = 0 };
	struct buf b = BUF_INIT;
	char id[UUID_LEN + 1];
	const char *session;
	int64_t age = 0;
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'b': rc = comms_duration(c, "--before", optarg, &age); break;
		case 'd': p.dead = true; break;
		default: return cmd_usage(c);
		}
	if (rc < 0)
		return -1;
	if (!age || optind != argc)
		return cmd_usage(c);
	p.before_ms = time_ms() - age;
	rc = comms_look(c, NULL, id, &session);
	while (rc > 0)
		rc = prune_step(c->db, &p, ROWS, &c->e);
	if (rc < 0)
		return -1;
	jput_open(&b, '{');
	jput_ki64(&b, "letters", p.letters);
	jput_ki64(&b, "arrivals", p.arrivals);
	jput_ki64(&b, "hops", p.hops);
	jput_close(&b, '}');
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}
