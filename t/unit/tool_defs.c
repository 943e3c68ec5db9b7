#include "test.h"
#include "tool/defs.h"

#define DEF(name, text) "{\"name\":\"" name "\",\"description\":\"" text \
	"\",\"input_schema\":{\"type\":\"object\"}}"

static const char *
wrong(const char *list)
{
	static struct err e;

	e = (struct err)ERR_NONE;
	return tool_defs_check(json_text(list), "tools", &e) < 0 ? e.text : "";
}

TEST(what_is_wrong_has_a_place)
{
	STR_IS(wrong("[]"), "");
	STR_IS(wrong("[" DEF("a", "") "]"), "");
	STR_IS(wrong("{}"), "/tools: want an array");
	STR_IS(wrong("[" DEF("a", "") ",7]"), "/tools/1: want an object");
	STR_IS(wrong("[" DEF("", "x") "]"), "/tools/0/name: want a string");
	STR_IS(wrong("[{\"name\":\"a\\u0000b\",\"description\":\"\","
	    "\"input_schema\":{}}]"), "/tools/0/name: want a string");
	STR_IS(wrong("[{\"name\":\"a\",\"input_schema\":{}}]"),
	    "/tools/0/description: want a string");
	STR_IS(wrong("[{\"name\":\"a\",\"description\":\"\"}]"),
	    "/tools/0: missing field `input_schema`");
}

TEST(a_list_has_its_size)
{
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;

	for (int i = 0; i < 1024; i++)
		buf_puts(&b, i ? ",1" : "[1");
	buf_putc(&b, ']');
	OK(tool_defs_fit(json_slice(b.p, b.n), "tools", &e) == 0);
	buf_trunc(&b, b.n - 1);
	buf_puts(&b, ",1]");
	OK(tool_defs_fit(json_slice(b.p, b.n), "tools", &e) < 0);
	STR_IS(e.text, "/tools: more than 1024 tools or 4 MiB");
	buf_free(&b);
}

TEST(of_one_name_the_last_counts_at_the_place_of_the_first)
{
	struct tool_defs d;
	struct buf b = BUF_INIT;

	tool_defs_parse(json_text("[" DEF("a", "old") "," DEF("b", "b") ","
	    DEF("a", "new") "]"), &d);
	OK(d.n == 2);
	STR_IS(d.v[0].name, "a");
	STR_IS(tool_defs_find(&d, "a")->description, "new");
	OK(!tool_defs_find(&d, "c"));
	tool_defs_emit(&d, &b);
	STR_IS(b.p, "[{\"name\":\"a\",\"description\":\"new\","
	    "\"input_schema\":{\"type\":\"object\"},\"provenance\":"
	    "{\"kind\":\"callback\",\"source_id\":\"callback\"}},"
	    "{\"name\":\"b\",\"description\":\"b\","
	    "\"input_schema\":{\"type\":\"object\"},\"provenance\":"
	    "{\"kind\":\"callback\",\"source_id\":\"callback\"}}]");
	buf_free(&b);
	tool_defs_free(&d);
}

TEST(a_schema_that_is_no_object_becomes_one)
{
	struct tool_defs d;

	tool_defs_parse(json_text("[{\"name\":\"a\",\"description\":\"\","
	    "\"input_schema\":true}]"), &d);
	OK(d.v[0].schema.n == 17);
	STR_IS(d.v[0].schema.p, "{\"type\":\"object\"}");
	tool_defs_free(&d);
}
