#include "test.h"
#include "toolrig.h"
#include "store.h"

struct both {
	struct place p;
	struct rig g;
};

static void
open_both(struct both *b)
{
	place_open(&b->p);
	rig_init(&b->g, "{}");
	b->g.env.db = b->p.db;
	b->g.env.session = b->p.s.id;
	rig_open(&b->g);
}

static void
close_both(struct both *b)
{
	rig_free(&b->g);
	place_close(&b->p);
}

TEST(a_task_is_created_in_the_sheets_shape)
{
	struct both b;
	char *id, *at, *want;

	open_both(&b);
	call(&b.g, "task_create", "{\"subject\":\"s\",\"description\":\"d\"}");
	id = got(&b.g, "id");
	at = got(&b.g, "created_at");
	OK(uuid_valid(id) && strlen(at) == 35);
	free(at);
	want = xasprintf("{\"id\":\"%s\",\"subject\":\"s\",\"description\":\"d\","
	    "\"status\":\"pending\",\"priority\":\"medium\",\"labels\":[],"
	    "\"blocks\":[],\"created_at\":\"", id);
	OK(strncmp(b.g.text, want, strlen(want)) == 0);
	free(want);
	want = xasprintf("\",\"created_by_session\":\"%s\","
	    "\"updated_by_session\":\"%s\"}", b.p.s.id, b.p.s.id);
	OK(strcmp(b.g.text + strlen(b.g.text) - strlen(want), want) == 0);
	free(want);
	want = xasprintf("{\"id\":\"%s\"}", id);
	at = xstrdup(b.g.text);
	STR_IS(call(&b.g, "task_get", want), at);
	free(at);
	free(want);
	free(id);
	close_both(&b);
}

TEST(an_update_changes_what_it_names)
{
	struct both b;
	char *id, *args;

	open_both(&b);
	call(&b.g, "task_create", "{\"subject\":\"s\",\"description\":\"d\","
	    "\"priority\":\"high\",\"labels\":[\"x\"],\"blocks\":[\"1\",\"2\"],"
	    "\"owner\":\"me\",\"metadata\":{\"n\":9007199254740993,\"gone\":1},"
	    "\"blocked_by\":[\"9\"]}");
	OK(strstr(b.g.text, "\"owner\":\"me\",\"metadata\":"
	    "{\"n\":9007199254740993,\"gone\":1},\"blocked_by\":[\"9\"]}"));
	id = got(&b.g, "id");
	args = xasprintf("{\"id\":\"%s\",\"status\":\"completed\","
	    "\"add_blocks\":[\"3\",\"2\",\"3\"],\"remove_blocks\":[\"1\"],"
	    "\"labels\":[\"y\"],\"metadata\":{\"gone\":null,\"new\":{\"a\": [] }},"
	    "\"remove_blocked_by\":[\"9\"]}", id);
	call(&b.g, "task_update", args);
	SAME(got(&b.g, "status"), "completed");
	SAME(got(&b.g, "priority"), "high");
	SAME(got(&b.g, "labels"), "[\"y\"]");
	SAME(got(&b.g, "blocks"), "[\"2\",\"3\"]");
	SAME(got(&b.g, "metadata"), "{\"n\":9007199254740993,\"new\":{\"a\":[]}}");
	SAME(got(&b.g, "blocked_by"), "(absent)");
	SAME(got(&b.g, "owner"), "me");
	free(args);
	free(id);
	close_both(&b);
}

TEST(a_list_is_filtered_and_in_order)
{
	struct both b, other;

	open_both(&b);
	STR_IS(call(&b.g, "task_list", "{}"), "[]");
	call(&b.g, "task_create", "{\"subject\":\"1\",\"description\":\"\","
	    "\"labels\":[\"a\",\"b\"]}");
	call(&b.g, "task_create", "{\"subject\":\"2\",\"description\":\"\"}");
	call(&b.g, "task_list", "{}");
	OK(json_count(json_text(b.g.text)) == 2);
	OK(json_str_is(json_path(json_text(b.g.text), "0/subject"), "1"));
	call(&b.g, "task_list", "{\"labels\":[\"b\",\"z\"]}");
	OK(json_count(json_text(b.g.text)) == 1);
	call(&b.g, "task_list", "{\"status\":\"completed\"}");
	STR_IS(b.g.text, "[]");
	open_both(&other);
	STR_IS(call(&other.g, "task_list", "{}"), "[]");
	close_both(&other);
	close_both(&b);
}

TEST(what_is_wrong_is_said)
{
	struct both b;

	open_both(&b);
	call(&b.g, "task_get", "{\"id\":\"nope\"}");
	SAME(refused(&b.g, "execution_failed"),
	    "Tool execution failed: Task not found: nope");
	call(&b.g, "task_update", "{\"id\":\"nope\"}");
	SAME(refused(&b.g, "execution_failed"),
	    "Tool execution failed: Task not found: nope");
	call(&b.g, "task_list", "{\"status\":\"done\"}");
	SAME(refused(&b.g, "invalid_arguments"), "Invalid arguments for tool "
	    "'task_list': Invalid status: done. Must be pending, in_progress, or "
	    "completed");
	call(&b.g, "task_create", "{\"subject\":\"s\",\"description\":\"\","
	    "\"priority\":\"urgent\"}");
	SAME(refused(&b.g, "invalid_arguments"), "Invalid arguments for tool "
	    "'task_create': Invalid priority: urgent. Must be low, medium, or "
	    "high");
	call(&b.g, "task_create", "{\"subject\":\"s\"}");
	SAME(refused(&b.g, "invalid_arguments"), "Invalid arguments for tool "
	    "'task_create': missing field 'description'");
	close_both(&b);
}
