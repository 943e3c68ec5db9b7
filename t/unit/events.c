/*
 * Events against the contract's schema (../shared/contract/schemas/events.json, or
 * $RKAT_EVENT_SCHEMA).  With $RKAT_EVENT_LOGS a directory of event logs is checked,
 * too: t/helper.bash does so after every test that left some.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "agent/schema.h"
#include "base/fs.h"
#include "base/util.h"
#include "test.h"

#define SCHEMA "../shared/contract/schemas/events.json"
#define FILE_MAX (1u << 30)
#define DELTAS_MAX 100		/* of one log that are looked at: they are all alike */

static struct buf contract;
static struct schema *schema;

static bool
have_schema(void)
{
	const char *path = getenv("RKAT_EVENT_SCHEMA");
	struct err e = ERR_NONE;
	struct jtext doc;

	if (schema)
		return true;
	path = path ? path : SCHEMA;
	if (!fs_exists(path)) {
		printf("# skipped: there is no %s\n", path);
		return false;
	}
	if (fs_read(path, FILE_MAX, &contract, &e) < 0 ||
	    json_parse(contract.p, contract.n, &doc, &e) < 0 ||
	    !(schema = schema_new(json_get(doc, "AgentEvent"), NULL, NULL, &e))) {
		printf("# %s\n", e.text);
		test_bad++;
	}
	return schema;
}

static bool
fits(const char *payload)
{
	return schema_check(schema, json_text(payload), NULL) == 0;
}

TEST(the_schema_tells_events_from_other_things)
{
	if (!have_schema())
		return;
	OK(fits("{\"type\":\"turn_started\",\"turn_number\":0}"));
	OK(!fits("{\"type\":\"turn_started\",\"turn_number\":\"0\"}"));
	OK(!fits("{\"type\":\"turn_started\"}"));
	OK(!fits("{\"type\":\"turn_begun\",\"turn_number\":0}"));
}

static void
bad_line(const char *file, size_t line, struct jtext text, const char *why)
{
	printf("# %s:%zu: %s\n# %.*s\n", file, line, why,
	    (int)(text.n < 300 ? text.n : 300), text.p);
	test_bad++;
}

static void
check_line(const char *file, size_t n, struct jtext line, size_t *deltas)
{
	struct jtext event, payload, type;
	struct err e = ERR_NONE;

	if (json_parse(line.p, line.n, &event, &e) < 0) {
		bad_line(file, n, line, e.text);
		return;
	}
	payload = json_get(event, "payload");
	type = json_get(payload, "type");
	if (type.n > 7 && !memcmp(type.p + type.n - 7, "_delta\"", 7) &&
	    ++*deltas > DELTAS_MAX)
		return;
	if (!json_is(json_get(event, "event_id"), '"') ||
	    !json_is(json_get(event, "source_id"), '"') ||
	    !json_is(json_get(event, "timestamp_ms"), '0') ||
	    json_get_i64(event, "seq", 0) <= 0)
		bad_line(file, n, line, "the envelope lacks something");
	if (schema_check(schema, payload, &e) < 0)
		bad_line(file, n, payload, e.text);
}

static void
check_file(const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	size_t line = 0, deltas = 0;
	char *p, *end, *nl;

	if (fs_read(path, FILE_MAX, &b, &e) < 0) {
		printf("# %s\n", e.text);
		test_bad++;
	}
	/* What a crash cut off has no newline. */
	for (p = b.p, end = p + b.n; p < end &&
	    (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
		check_line(path, ++line, json_slice(p, (size_t)(nl - p)),
		    &deltas);
	buf_free(&b);
}

TEST(every_logged_event_is_of_the_contract)
{
	const char *dir = getenv("RKAT_EVENT_LOGS");
	struct dirent *d;
	DIR *list;

	if (!dir || !have_schema() || !(list = opendir(dir)))
		return;
	while ((d = readdir(list))) {
		char *path = fs_join(dir, d->d_name);

		if (*d->d_name != '.')
			check_file(path);
		free(path);
	}
	closedir(list);
}
