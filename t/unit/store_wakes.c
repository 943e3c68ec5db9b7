#include <poll.h>

#include "store/inputs.h"
#include "store/wakes.h"
#include "test.h"
#include "store.h"

/* The bell of a realm. */

static bool
rang(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool yes = poll(&p, 1, 0) == 1;

	wakes_read(fd);
	return yes;
}

static int
admit(struct place *p, bool wake)
{
	struct input in = { .session = p->s.id,
	    .kind = (char []){ "external_event" },
	    .source = (char []){ "cron" }, .mode = (char []){ "queue" },
	    .body = (char []){ "1" }, .wake = wake };
	bool seen;

	return inputs_admit(p->db, &in, &seen, NULL);
}

static int
count(void *arg, const char *session)
{
	int *n = arg;

	(void)session;
	++*n;
	return 0;
}

TEST(it_rings_behind_the_commit_of_input_that_wakes)
{
	struct place p;
	int fd, other, n = 0;

	place_open(&p);
	OK(admit(&p, true) == 0);	/* nobody listens */
	fd = wakes_open(&p.r, NULL);
	other = wakes_open(&p.r, NULL);
	OK(fd >= 0 && other >= 0 && !rang(fd));
	OK(admit(&p, false) == 0 && !rang(fd));
	OK(db_begin(p.db, NULL) == 0 && admit(&p, true) == 0 && !rang(fd));
	OK(db_commit(p.db, NULL) == 0 && rang(fd) && rang(other) && !rang(fd));
	OK(inputs_waking(p.db, count, &n, NULL) == 0 && n == 1);
	close(fd);
	close(other);
	place_close(&p);
}

TEST(what_was_rolled_back_does_not_ring)
{
	struct place p;
	int fd;

	place_open(&p);
	fd = wakes_open(&p.r, NULL);
	OK(db_begin(p.db, NULL) == 0 && admit(&p, true) == 0);
	db_rollback(p.db);
	OK(!rang(fd));
	OK(admit(&p, false) == 0 && !rang(fd));
	close(fd);
	place_close(&p);
}
