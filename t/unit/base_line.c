#include "base/line.h"
#include "test.h"

/* The table of comms sheet 16.1, and what is at its edges. */
static const struct {
	const char *line, *says;
} cases[] = {
	{ "{\"body\":\"hi\",\"x\":1}", "hi" },
	{ "{\"body\":42}", "{\n  \"body\": 42\n}" },
	{ "[1,2]", "[\n  1,\n  2\n]" },
	{ "\"str\"", "\"str\"" },
	{ "{\"broken\"", "{\"broken\"" },
	{ "  text ", "text" },
	{ "{\"body\":\"\"}", "" },
	{ "{}", "{}" },
	{ "[]", "[]" },
	{ "42", "42" },
	{ "{\"body\":\"a\"} x", "{\"body\":\"a\"} x" },
	{ "\xc2\xa0\xe2\x80\x83text\xe3\x80\x80", "text" },
	{ "{\"n\":9007199254740993}", "{\n  \"n\": 9007199254740993\n}" },
};

TEST(a_line_as_the_text_of_an_event)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *p = cases[i].line;
		struct buf b = BUF_INIT;
		size_t n = strlen(p);

		line_trim(&p, &n);
		line_text(p, n, &b);
		STR_IS(buf_str(&b), cases[i].says);
		buf_free(&b);
	}
}

TEST(white_space_alone_is_nothing)
{
	const char *p = " \t\xc2\x85 ";
	size_t n = strlen(p);

	line_trim(&p, &n);
	OK(n == 0);
}
