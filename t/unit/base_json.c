#include <dirent.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/jput.h"
#include "base/util.h"
#include "test.h"

static bool
valid(const char *s)
{
	return json_check(s, strlen(s), NULL) == 0;
}

TEST(accepts_and_refuses)
{
	OK(valid("{\"a\":[1,2.5e-3,true,false,null,\"x\\u00e9\"]}"));
	OK(valid(" 1e400 "));
	OK(valid("\"\\ud800\""));
	OK(!valid("01"));
	OK(!valid("NaN"));
	OK(!valid("[1,]"));
	OK(!valid("{\"a\":1,}"));
	OK(!valid("\"\xff\""));
	OK(!valid("\"\t\""));
	OK(!valid("1 2"));
	OK(!valid(""));
	OK(!valid("[1 2]"));
	OK(!valid("{a:1}"));
	OK(json_check("\"a\0b\"", 5, NULL) < 0);
}

TEST(deep_nesting_costs_no_stack)
{
	size_t depth = 5000000;
	char *s = malloc(2 * depth);

	memset(s, '[', depth);
	memset(s + depth, ']', depth);
	OK(json_check(s, 2 * depth, NULL) == 0);
	OK(json_check(s, 2 * depth - 1, NULL) < 0);
	OK(!jv_is_valid(json_jv(json_slice(s, 2 * depth))));
	free(s);
}

TEST(corpus)
{
	const char *dir = "../shared/corpora/json/test_parsing";
	DIR *d = opendir(dir);
	struct dirent *f;
	int y = 0, n = 0;

	if (!d) {
		printf("# skipped: no %s\n", dir);
		return;
	}
	while ((f = readdir(d))) {
		struct buf b = BUF_INIT;
		char *path = fs_join(dir, f->d_name);
		int rc;

		if (f->d_name[1] != '_' || fs_read(path, 1 << 24, &b, NULL) < 0)
			goto next;
		rc = json_check(buf_str(&b), b.n, NULL);
		if (*f->d_name == 'y') {
			y++;
			if (rc < 0)
				printf("# refused %s\n", f->d_name);
			OK(rc == 0);
		} else if (*f->d_name == 'n') {
			n++;
			if (rc == 0)
				printf("# accepted %s\n", f->d_name);
			OK(rc < 0);
		}
next:
		free(path);
		buf_free(&b);
	}
	closedir(d);
	OK(y == 95);
	OK(n == 188);
}

TEST(slices_keep_the_bytes)
{
	struct jtext o = json_text("{ \"n\" : 9007199254740993 , \"s\":\"a\\u0062\","
	    "\"x\":{\"y\":[10,20,{\"z\":1e400}]}, \"n\":9007199254740995 }");
	struct jtext v = json_get(o, "n");
	int64_t i;
	char *s;

	OK(v.n == 16 && !memcmp(v.p, "9007199254740995", 16));
	OK(json_i64(v, &i) && i == 9007199254740995);
	s = json_get_str(o, "s");
	STR_IS(s, "ab");
	free(s);
	v = json_path(o, "x/y/2/z");
	OK(v.n == 5 && !memcmp(v.p, "1e400", 5));
	OK(!json_get(o, "nope").p);
	OK(json_count(json_path(o, "x/y")) == 3);
}

/* Is the last member's value found, whatever stands in front of it? */
static bool
found_behind(const char *value)
{
	struct buf b = BUF_INIT;
	struct jtext v;
	bool found;

	buf_printf(&b, "{\"a\":%s,\"z\":7}", value);
	v = json_get(json_slice(b.p, b.n), "z");
	found = v.n == 1 && *v.p == '7';
	v = json_get(json_slice(b.p, b.n), "a");
	found &= v.n == strlen(value) && !memcmp(v.p, value, v.n);
	for (size_t n = b.n; n-- > 0; )	/* cut off anywhere: nothing is read behind it */
		json_get(json_slice(b.p, n), "z");
	buf_free(&b);
	return found;
}

TEST(values_end_where_they_end)
{
	OK(found_behind("\"\""));
	OK(found_behind("\"\\\"\""));
	OK(found_behind("\"\\\\\""));
	OK(found_behind("\"\\\\\\\",}\""));
	OK(found_behind("\"x\\\"\\\\\\\"y\\\\\""));
	OK(found_behind("\"]}{[,:\""));
	OK(found_behind("{\"}\":[\"]\",{\"\\\"\":[]}]}"));
	OK(found_behind("[[],{},[1,-2.5e3,true],\"[\"]"));
	OK(found_behind("-12.5e+3"));
	OK(found_behind("null"));
}

TEST(strings_decode)
{
	size_t n;
	char *s = json_str(json_text("\"\\ud83d\\ude00\\ud800x\\u0000y\""), &n);

	OK(n == 4 + 3 + 1 + 1 + 1 && !memcmp(s, "\xf0\x9f\x98\x80\xef\xbf\xbdx\0y", n));
	free(s);
	OK(!json_get_str(json_text("{\"a\":\"x\\u0000\"}"), "a"));
	OK(json_str_is(json_text("\"a\\/b\""), "a/b"));
	OK(json_str_whole(json_text("\"\\ud83d\\ude00 \\\\ud800 \\ufffd \\u00e9\"")));
	OK(!json_str_whole(json_text("\"x\\ud800\"")));
	OK(!json_str_whole(json_text("\"\\ude00\\ud83d\"")));
	OK(!json_str_whole(json_text("\"\\ud83d\\\\\"")));
}

TEST(numbers)
{
	int64_t i;
	double d;

	OK(json_i64(json_text("1e3"), &i) && i == 1000);
	OK(!json_i64(json_text("1.5"), &i));
	OK(!json_i64(json_text("9223372036854775808"), &i));
	OK(!json_f64(json_text("1e400"), &d));
	OK(json_f64(json_text("-0.25"), &d) && d == -0.25);
}

TEST(writer)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "s", "a\"\\\n\x01\x7f\xc3\xa9\xff{");
	jput_ki64(&b, "i", -5);
	jput_kf64(&b, "f", 0.1);
	jput_key(&b, "a");
	jput_open(&b, '[');
	jput_cstr(&b, "");
	jput_bool(&b, true);
	jput_null(&b);
	jput_open(&b, '{');
	jput_close(&b, '}');
	jput_close(&b, ']');
	jput_close(&b, '}');
	STR_IS(b.p, "{\"s\":\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\xef\xbf\xbd{\","
	    "\"i\":-5,\"f\":0.1,\"a\":[\"\",true,null,{}]}");
	OK(valid(b.p));
	buf_free(&b);
}

TEST(a_text_with_a_nul_is_no_c_string)
{
	char *s = json_cstr(json_text("\"a\\u0041\""));

	STR_IS(s, "aA");
	free(s);
	OK(!json_cstr(json_text("\"a\\u0000b\"")) && !json_cstr(json_text("1")) &&
	    !json_cstr(JTEXT_NONE));
}

TEST(white_space_alone_is_blank)
{
	OK(text_blank("", 0) && text_blank(" \t\r\n", 4));
	OK(!text_blank(" x ", 3) && text_blank(" x", 1));
}

TEST(times_are_written_as_everywhere)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_ktime(&b, "at", 1775829600123);
	jput_close(&b, '}');
	STR_IS(b.p, "{\"at\":\"2026-04-10T14:00:00.123Z\"}");
	buf_free(&b);
}

TEST(pretty_and_compact)
{
	struct buf b = BUF_INIT;
	const char *s = "{\"a\":[1, {}],\"b\":\"x, y\"}";

	jput_pretty(&b, s, strlen(s));
	STR_IS(b.p, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"x, y\"\n}");
	buf_trunc(&b, 0);
	jput_compact(&b, s, strlen(s));
	STR_IS(b.p, "{\"a\":[1,{}],\"b\":\"x, y\"}");
	buf_free(&b);
}

TEST(pretty_printing_deep_text_stays_linear)
{
	size_t depth = 100000;
	char *s = malloc(2 * depth);
	struct buf b = BUF_INIT;

	memset(s, '[', depth);
	memset(s + depth, ']', depth);
	jput_pretty(&b, s, 2 * depth);
	OK(b.n < 500 * depth);
	buf_free(&b);
	free(s);
}

TEST(utf8_is_right_up_to_the_byte_that_is_not)
{
	static const char *const bad[] = { "\x80", "\xff", "\xc3", "\xe2\x82",
	    "\xed\xa0\x80" };
	char s[40];

	for (size_t at = 0; at < 24; at++)
		for (size_t k = 0; k < COUNT(bad); k++) {
			memset(s, 'x', sizeof s);
			memcpy(s + at, bad[k], strlen(bad[k]));
			OK(utf8_prefix(s, 32) == at);
			OK(!utf8_valid(s, 32) && utf8_valid(s, at));
			memcpy(s + at, "\xe2\x82\xac", 3);
			OK(utf8_valid(s, 32) && utf8_prefix(s, at + 2) == at);
		}
}
