#include <math.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/toml.h"
#include "base/util.h"
#include "test.h"

/* ---- the public suite: tagged JSON is compared by meaning ---- */

/* Equal but for zeros at the end of a fraction: 56.6Z and 56.600Z. */
static bool
same_time(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	while (*a == '0')
		a++;
	while (*b == '0')
		b++;
	return !strcmp(a, b);
}

static bool
same_leaf(struct jtext got, struct jtext want)
{
	char *type = json_get_str(want, "type");
	char *a = json_str(json_get(got, "value"), NULL);
	char *b = json_str(json_get(want, "value"), NULL);
	bool same = json_str_is(json_get(got, "type"), type) && a && b;

	if (same && !strcmp(type, "float"))
		same = strstr(b, "nan") ? strstr(a, "nan") != NULL :
		    strtod(a, NULL) == strtod(b, NULL);
	else if (same && (!strncmp(type, "date", 4) || !strncmp(type, "time", 4)))
		same = same_time(a, b);
	else if (same)
		same = !strcmp(a, b);
	free(type);
	free(a);
	free(b);
	return same;
}

/* json_get for names that hold NULs. */
static struct jtext
get_by_token(struct jtext obj, struct jtext token)
{
	struct jtext found = JTEXT_NONE;
	size_t want_n, n;
	char *want = json_str(token, &want_n), *key;

	for (struct jiter it = json_iter(obj); json_next(&it); ) {
		key = json_str(it.key, &n);
		if (n == want_n && !memcmp(key, want, n))
			found = it.value;
		free(key);
	}
	free(want);
	return found;
}

static bool
same_tree(struct jtext got, struct jtext want)
{
	struct jiter g = json_iter(got);

	if (json_is(want, '{') && json_is(json_get(want, "type"), '"') &&
	    json_count(want) == 2)
		return same_leaf(got, want);
	if (json_kind(got) != json_kind(want) ||
	    json_count(got) != json_count(want))
		return false;
	for (struct jiter w = json_iter(want); json_next(&w); ) {
		struct jtext v = JTEXT_NONE;

		if (json_is(want, '[')) {
			json_next(&g);
			v = g.value;
		} else {
			v = get_by_token(got, w.key);
		}
		if (!v.p || !same_tree(v, w.value))
			return false;
	}
	return true;
}

static const char suite[] = "../shared/corpora/toml/tests";

static void
read_file(const char *name, struct buf *b)
{
	char *path = fs_join(suite, name);

	if (fs_read(path, 1 << 24, b, NULL) < 0)
		printf("# cannot read %s\n", path);
	free(path);
}

static bool
means(const struct toml *t, const char *json_name)
{
	struct buf want = BUF_INIT, got = BUF_INIT;
	struct jtext v;
	bool same;

	read_file(json_name, &want);
	toml_to_tagged(t, &got);
	same = json_parse(buf_str(&want), want.n, &v, NULL) == 0 &&
	    json_check(buf_str(&got), got.n, NULL) == 0 &&
	    same_tree(json_slice(got.p, got.n), v);
	buf_free(&want);
	buf_free(&got);
	return same;
}

/* Reads as the suite says, and again after our writer wrote it. */
static bool
valid_case(const char *name)
{
	char *json = xasprintf("%.*sjson", (int)strlen(name) - 4, name);
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct err e = ERR_NONE;
	struct toml *t, *u = NULL;
	bool ok = false;

	read_file(name, &b);
	if ((t = toml_parse(buf_str(&b), b.n, &e))) {
		toml_emit(t, &again);
		u = toml_parse(buf_str(&again), again.n, &e);
		ok = u && means(t, json) && means(u, json);
	}
	if (!ok)
		printf("# %s %s\n", name, e.text);
	toml_free(t);
	toml_free(u);
	buf_free(&b);
	buf_free(&again);
	free(json);
	return ok;
}

static bool
invalid_case(const char *name)
{
	struct buf b = BUF_INIT;
	struct toml *t;

	read_file(name, &b);
	t = toml_parse(buf_str(&b), b.n, NULL);
	if (t)
		printf("# accepted %s\n", name);
	toml_free(t);
	buf_free(&b);
	return !t;
}

TEST(corpus)
{
	struct buf list = BUF_INIT;
	char *path = fs_join(suite, "files-toml-1.0.0"), *save = NULL;
	int valid = 0, invalid = 0, failed = 0;

	if (!fs_exists(path)) {
		printf("# skipped: no %s\n", path);
		free(path);
		return;
	}
	OK(fs_read(path, 1 << 20, &list, NULL) == 0);
	for (char *name = strtok_r(list.p, "\n", &save); name;
	    name = strtok_r(NULL, "\n", &save)) {
		size_t n = strlen(name);

		if (n < 5 || strcmp(name + n - 5, ".toml"))
			continue;
		if (!strncmp(name, "valid/", 6)) {
			valid++;
			failed += !valid_case(name);
		} else {
			invalid++;
			failed += !invalid_case(name);
		}
	}
	printf("# toml-test 1.0.0: %d valid, %d invalid, %d failed\n", valid,
	    invalid, failed);
	OK(failed == 0);
	OK(valid > 200 && invalid > 450);
	buf_free(&list);
	free(path);
}

/* ---- ours ---- */

static struct toml *
parse(const char *s, struct err *e)
{
	return toml_parse(s, strlen(s), e);
}

TEST(errors_name_line_and_column)
{
	struct err e = ERR_NONE;

	OK(!parse("a = 1\n  b = \xc3\xa9\n", &e));
	STR_IS(e.text, "line 2, column 7: expected a value");
	OK(!parse("a = 1\na = 2\n", &e));
	STR_IS(e.text, "line 2, column 1: 'a' is already defined");
	OK(!parse("[x]\nwhen = 2021-02-29\n", &e));
	STR_IS(e.text, "line 2, column 8: not a date or time: 2021-02-29");
	OK(!toml_parse("a = '\xff'", 8, &e));
	STR_IS(e.text, "line 1, column 6: not UTF-8");
	OK(!toml_parse("\0", 1, &e));
}

TEST(depth_is_limited)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	struct toml *t;

	buf_puts(&b, "a = ");
	for (int i = 0; i < 200; i++)
		buf_putc(&b, '[');
	for (int i = 0; i < 200; i++)
		buf_putc(&b, ']');
	t = parse(b.p, &e);
	OK(t);
	toml_free(t);
	buf_trunc(&b, 0);
	buf_puts(&b, "a = ");
	for (int i = 0; i < 1000000; i++)
		buf_putc(&b, '[');
	OK(!parse(b.p, &e));
	STR_IS(e.text, "line 1, column 205: nested deeper than 200 levels");
	buf_trunc(&b, 0);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "a.");
	OK(!parse(b.p, NULL));
	buf_trunc(&b, 0);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "[");
	OK(toml_from_json(json_slice(b.p, b.n), &b, NULL) < 0);
	buf_free(&b);
}

TEST(many_keys_take_linear_time)
{
	struct buf b = BUF_INIT;
	int64_t from = time_mono_ms();
	struct toml *t;

	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "k%d = %d\n", i, i);
	t = parse(b.p, NULL);
	OK(t && t->n == 100000);
	OK(time_mono_ms() - from < 3000);
	toml_free(t);
	buf_free(&b);
}

TEST(integers_are_exact)
{
	struct buf b = BUF_INIT;
	struct toml *t = parse("a = 9007199254740993\nb = -9223372036854775808\n"
	    "c = 0xff", NULL);

	OK(!parse("a = 9223372036854775808", NULL));
	toml_to_json(t, &b);
	STR_IS(b.p, "{\"a\":9007199254740993,\"b\":-9223372036854775808,"
	    "\"c\":255}");
	toml_free(t);
	buf_free(&b);
}

static void
from_json_is(const char *json, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (toml_from_json(json_text(json), &b, &e) < 0)
		buf_puts(&b, e.text);
	STR_IS(buf_str(&b), want);
	buf_free(&b);
}

TEST(json_becomes_toml)
{
	from_json_is("{}", "");
	from_json_is("{\"t\":{\"x\":1},\"a\":9007199254740993,\"n\":null,"
	    "\"s\":\"q\\\"\\n\\u0000\\u007f\",\"f\":1e3,\"e\":[],\"o\":{},"
	    "\"l\":[{\"y\":[1,\"b\"]},{\"z\":{\"w\":true}}],\"m\":[1,{\"k v\":2}],"
	    "\"\":1}",
	    "a = 9007199254740993\n"
	    "s = \"q\\\"\\n\\u0000\\u007f\"\n"
	    "f = 1e+03\n"
	    "e = []\n"
	    "m = [1, { \"k v\" = 2 }]\n"
	    "\"\" = 1\n"
	    "\n[t]\nx = 1\n"
	    "\n[o]\n"
	    "\n[[l]]\ny = [1, \"b\"]\n"
	    "\n[[l]]\n\n[l.z]\nw = true\n");
	from_json_is("{\"a\":1,\"b\":2,\"a\":3}", "a = 3\nb = 2\n");
	from_json_is("{\"a\":1e400}", "number out of range: 1e400");
	from_json_is("{\"a\":9223372036854775808}",
	    "number out of range: 9223372036854775808");
	from_json_is("{\"a\":[null]}", "TOML has no null in an array");
	from_json_is("[]", "a document must be a JSON object");
}

TEST(patches_as_rfc_7396)
{
	struct toml *t = parse("when = 1979-05-27\nkeep = 1\n[a]\nb = 1\nc = 2\n"
	    "[d]\ne = 1\n", NULL);
	struct buf b = BUF_INIT;

	OK(toml_patch(t, json_text("{\"a\":{\"b\":null,\"x\":{\"y\":null}},"
	    "\"d\":5,\"keep\":{\"k\":[1]},\"none\":null}"), NULL) == 0);
	toml_emit(t, &b);
	STR_IS(b.p, "when = 1979-05-27\nd = 5\n\n[keep]\nk = [1]\n\n[a]\nc = 2\n"
	    "\n[a.x]\n");
	toml_free(t);
	buf_free(&b);
}
