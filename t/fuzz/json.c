#include "base/buf.h"
#include "base/json.h"
#include "base/jput.h"
#include "fuzz.h"

/* Everything that looks into a value, at bytes that may be no JSON at all. */
static void
look(struct jtext v, int depth)
{
	struct jiter it = json_iter(v);
	size_t n = 0, len;
	int64_t i;
	double d;
	bool b;
	char *s = json_str(v, &len);

	CLAIM(!s || (strlen(s) <= len && len <= v.n));
	free(s);
	json_i64(v, &i);
	json_f64(v, &d);
	json_bool(v, &b);
	json_get(v, "a");
	json_path(v, "a/0/b");
	while (json_next(&it)) {
		CLAIM(it.value.p >= v.p && it.value.n > 0);
		CLAIM(it.value.p + it.value.n <= v.p + v.n);
		if (depth < 100)
			look(it.value, depth + 1);
		n++;
	}
	CLAIM(n == json_count(v));
}

/* Another spelling of the same value; spelling that again changes nothing. */
static void
respell(struct jtext v)
{
	struct buf pretty = BUF_INIT, compact = BUF_INIT, again = BUF_INIT;

	jput_compact(&compact, v.p, v.n);
	jput_pretty(&pretty, v.p, v.n);
	CLAIM(json_check(compact.p, compact.n, NULL) == 0);
	CLAIM(json_check(pretty.p, pretty.n, NULL) == 0);
	CLAIM(!memchr(compact.p, '\n', compact.n));
	jput_compact(&again, pretty.p, pretty.n);
	CLAIM(again.n == compact.n && !memcmp(again.p, compact.p, again.n));
	buf_free(&pretty);
	buf_free(&compact);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	struct jtext v;
	jv tree;

	look(json_slice(p, n), 0);
	CLAIM(utf8_prefix(p, n) <= n);
	CLAIM(utf8_cut(p, utf8_prefix(p, n), n / 2) <= n);
	jput_str(&b, p, n);	/* any bytes make a valid string */
	CLAIM(json_check(b.p, b.n, NULL) == 0);
	buf_free(&b);
	if (json_parse(p, n, &v, &e) < 0) {
		CLAIM(e.code == E_INVALID_PARAMS && *e.text);
		return 0;
	}
	CLAIM(utf8_valid(p, n));
	look(v, 0);
	if (json_kind(v) != '[' && json_kind(v) != '{')
		CLAIM(json_count(v) == 0);
	respell(v);
	tree = json_jv(v);
	jv_free(tree);
	return 0;
}
