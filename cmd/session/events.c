#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/json.h"
#include "session/session.h"
#include "store/events.h"

/* The event log of a session, as it is, and as it grows. */

#define LOOK_MS 1000
#define FLUSH_AT ((size_t)64 << 10)

struct watch {
	bool follow, payload;
	int64_t after;
};

/* Sleep until the file grew or a second has passed; leave when nobody reads us. */
static void
wait_more(struct follower *f)
{
	struct pollfd p[2] = {
		{ .fd = STDOUT_FILENO },
		{ .fd = follower_fd(f), .events = POLLIN },
	};

	if (poll(p, 2, LOOK_MS) > 0 && p[0].revents & (POLLERR | POLLHUP | POLLNVAL))
		_exit(0);
}

static int
print_events(struct cmd *c, struct follower *f, const struct watch *w)
{
	struct buf b = BUF_INIT;
	struct jtext line;
	int rc;

	for (;;) {
		while ((rc = follower_next(f, &line, NULL, &c->e)) > 0) {
			if (w->payload)
				line = json_get(line, "payload");
			buf_put(&b, line.p, line.n);
			buf_putc(&b, '\n');
			if (b.n < FLUSH_AT)
				continue;
			if (cmd_write(c, &b) < 0)
				break;
			buf_trunc(&b, 0);
		}
		if (rc == 0)
			rc = cmd_write(c, &b);
		if (rc != 0 || !w->follow)
			break;
		buf_trunc(&b, 0);
		wait_more(f);
	}
	buf_free(&b);
	return rc ? -1 : 0;
}

VERB(verb_events)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "follow", no_argument, NULL, 'f' },
		{ "after", required_argument, NULL, 'a' },
		{ "payload", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	struct watch w = { .after = 0 };
	struct follower *f = NULL;
	char id[UUID_LEN + 1];
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":f", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'f': w.follow = true; break;
		case 'a': rc = cmd_number(c, "--after", optarg, 0, &w.after); break;
		case 'p': w.payload = true; break;
		default: return cmd_usage(c);
		}
	if (rc == 0 && argc - optind != 1)
		return cmd_usage(c);
	if (rc < 0 || cmd_resolve(c, argv[optind], id) < 0 ||
	    !(f = follower_open(&c->realm, id, w.after, &c->e)))
		return -1;
	db_close(c->db);	/* a follower may live long */
	c->db = NULL;
	rc = print_events(c, f, &w);
	follower_close(f);
	return rc;
}
