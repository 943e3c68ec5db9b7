/*
 * Any bytes into the TOML reader; what it accepts is written, read again and must be
 * the same.
 */
#include "base/toml.h"
#include "fuzz.h"

static void
same(const struct buf *a, const struct buf *b)
{
	CLAIM(a->n == b->n && !memcmp(buf_str(a), buf_str(b), a->n));
}

/* But for the order of members: the writer puts tables last. */
static void
same_value(const struct buf *a, const struct buf *b)
{
	jv x = json_jv(json_slice(a->p, a->n));
	jv y = json_jv(json_slice(b->p, b->n));

	CLAIM(jv_is_valid(x) == jv_is_valid(y));
	if (jv_is_valid(x)) {
		CLAIM(jv_equal(x, y));
	} else {	/* too deep for it */
		jv_free(x);
		jv_free(y);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct buf tagged = BUF_INIT, tagged_again = BUF_INIT;
	struct toml *t = toml_parse((const char *)p, n, NULL), *u;

	if (!t)
		return 0;
	toml_emit(t, &text);
	toml_to_tagged(t, &tagged);
	CLAIM(json_check(tagged.p, tagged.n, NULL) == 0);
	u = toml_parse(buf_str(&text), text.n, NULL);
	CLAIM(u != NULL);
	toml_emit(u, &again);
	toml_to_tagged(u, &tagged_again);
	same(&text, &again);
	same_value(&tagged, &tagged_again);
	toml_free(u);

	buf_trunc(&text, 0);
	toml_to_json(t, &text);
	if ((u = toml_of_json(json_slice(text.p, text.n), NULL)))
		(void)toml_patch(u, json_slice(text.p, text.n), NULL);
	toml_free(u);
	toml_free(t);
	buf_free(&text);
	buf_free(&again);
	buf_free(&tagged);
	buf_free(&tagged_again);
	return 0;
}
