#include "agent/output.h"
#include "agent/schema.h"
#include "base/json.h"
#include "fuzz.h"
#include "model/lower.h"

/* A schema, a zero byte, a value. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	const char *zero = n ? memchr(p, '\0', n) : NULL;
	size_t schema_n = zero ? (size_t)(zero - p) : n;
	struct jtext schema = json_slice(p, schema_n);
	struct jtext value = zero ? json_slice(zero + 1, n - schema_n - 1) :
	    json_text("{\"a\":[1,\"b\",null,{}]}");
	struct buf wrapper = BUF_INIT, out = BUF_INIT, warnings = BUF_INIT;
	struct err e = ERR_NONE;
	struct schema *s = schema_new(schema, NULL, NULL, &e);

	CLAIM(s || *e.text);
	if (s && schema_check(s, value, &e) < 0)
		CLAIM(*e.text);
	schema_free(s);
	if (json_check(p, schema_n, NULL) < 0 ||
	    output_wrap(schema, &wrapper, &e) < 0)
		goto done;
	CLAIM(json_check(wrapper.p, wrapper.n, NULL) == 0);
	for (int i = PROVIDER_ANTHROPIC; i <= PROVIDER_GEMINI; i++) {
		buf_trunc(&out, 0);
		buf_trunc(&warnings, 0);
		if (output_lower(json_slice(wrapper.p, wrapper.n),
		    (enum provider)i, &out, &warnings, &e) == 0)
			CLAIM(json_check(out.p, out.n, NULL) == 0);
		CLAIM(!warnings.n ||
		    json_check(warnings.p, warnings.n, NULL) == 0);
	}
	buf_trunc(&out, 0);
	if (lower_parameters(schema, &out, &e) == 0)
		CLAIM(json_check(out.p, out.n, NULL) == 0);
	buf_trunc(&out, 0);
	if (output_read(json_slice(wrapper.p, wrapper.n), value.p, value.n,
	    &out, &e) == 0)
		CLAIM(json_check(out.p, out.n, NULL) == 0);
done:
	buf_free(&wrapper);
	buf_free(&out);
	buf_free(&warnings);
	return 0;
}
