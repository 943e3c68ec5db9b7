#include "agent/schema_regex.h"
#include "base/json.h"
#include "fuzz.h"

/* A pattern, a newline, a text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	const char *line = n ? memchr(p, '\n', n) : NULL;
	size_t len = line ? (size_t)(line - p) : n;
	struct err e = ERR_NONE;
	struct regex *re;

	if (!utf8_valid(p, n))
		return 0;
	re = regex_new(p, len, &e);
	CLAIM(re || *e.text);
	if (re)
		regex_search(re, p + len, n - len);
	regex_free(re);
	return 0;
}
