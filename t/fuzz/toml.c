/*
 * Any bytes into the TOML reader; what it accepts is written, read again and must be
 * the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
same(const struct buf *a, const struct buf *b)
{
	if (a->n != b->n || memcmp(buf_str(a), buf_str(b), a->n))
		abort();
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
	if (json_check(tagged.p, tagged.n, NULL) < 0)
		abort();
	if (!(u = toml_parse(buf_str(&text), text.n, NULL)))
		abort();
	toml_emit(u, &again);
	toml_to_tagged(u, &tagged_again);
	same(&text, &again);
	/* Tables move behind plain values, so only the sum must be the same. */
	if (tagged.n != tagged_again.n)
		abort();
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
