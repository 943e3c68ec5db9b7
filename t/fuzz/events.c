#include <unistd.h>

#include "base/fs.h"
#include "fuzz.h"
#include "store/events.h"

/*
 * Any bytes as an event log: the follower gives only lines with growing numbers that
 * are in the file, and a writer goes on behind them.
 */
static struct realm realm;
static char dir[] = "/dev/shm/rkat-fuzz.XXXXXX";

static void
tidy(void)
{
	fs_remove_tree(dir, NULL);
}

static void
set_up(void)
{
	char *events;

	CLAIM(mkdtemp(dir));
	atexit(tidy);
	events = fs_join(dir, "events");
	CLAIM(fs_mkdirs(events, 0700, NULL) == 0);
	free(events);
	realm.dir = dir;
}

/* The last number seen; each line must check out. */
static int64_t
follow(int64_t after)
{
	struct follower *f = follower_open(&realm, "s", after, NULL);
	struct jtext line;
	int64_t seq = after, last = after;

	CLAIM(f != NULL);
	while (follower_next(f, &line, &seq, NULL) == 1) {
		CLAIM(seq > after);
		CLAIM(!memchr(line.p, '\n', line.n));
		CLAIM(json_is(line, '{'));
		last = seq;
	}
	follower_close(f);
	return last;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char event[] = "{\"type\":\"run_started\"}";
	struct eventlog *l;
	char *path, type[32];
	FILE *file;
	int64_t seq;

	if (!realm.dir)
		set_up();
	path = realm_file(&realm, "events", "s", ".jsonl");
	file = fopen(path, "we");
	CLAIM(file != NULL);
	fwrite(data, 1, n, file);
	fclose(file);
	free(path);
	follow(0);
	follow(3);
	l = eventlog_open(&realm, "s", NULL);
	if (!l)
		return 0;
	seq = eventlog_seq(l);
	eventlog_last_lifecycle(l, type);
	CLAIM(strlen(type) < sizeof type);
	eventlog_put(l, event, sizeof event - 1);
	CLAIM(eventlog_seq(l) == seq + 1);
	eventlog_close(l);
	CLAIM(follow(seq) == seq + 1);
	return 0;
}
