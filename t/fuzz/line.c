/*
 * The plain text of an event's line (comms sheet section 16.1): any line of UTF-8 has
 * one, which is UTF-8, too; a value that is no object with a body loses nothing.
 */
#include "base/json.h"
#include "base/line.h"
#include "fuzz.h"

static void
value(struct jtext v, const struct buf *text)
{
	struct jtext again;

	if (json_is(json_get(v, "body"), '"'))
		return;
	CLAIM(json_parse(text->p, text->n, &again, NULL) == 0);
	CLAIM(json_kind(v) == json_kind(again));
	CLAIM(json_count(v) == json_count(again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct buf text = BUF_INIT;
	struct jtext v;
	size_t m = n;

	line_trim(&p, &m);
	CLAIM(p >= (const char *)data && p + m <= (const char *)data + n);
	if (m == 0 || !utf8_valid(p, m))
		return 0;
	line_text(p, m, &text);
	CLAIM(utf8_valid(buf_str(&text), text.n));
	if (json_parse(p, m, &v, NULL) == 0)
		value(v, &text);
	else
		CLAIM(text.n == m && !memcmp(text.p, p, m));
	buf_free(&text);
	return 0;
}
