#include <dirent.h>
#include <stdlib.h>

#include "agent/schema.h"
#include "agent/schema_regex.h"
#include "agent/schema_tree.h"
#include "base/fs.h"
#include "base/json.h"
#include "test.h"

/* ---- the public suite ---- */

#define CORPUS "../shared/corpora/json-schema"
#define REMOTE "http://localhost:1234/"

struct files {
	struct buf text[256];
	char *uri[256];
	size_t n;
};

static bool
remote(void *arg, const char *uri, struct jtext *doc)
{
	struct files *f = arg;
	struct buf b = BUF_INIT;
	char *path;
	size_t i;

	for (i = 0; i < f->n; i++)
		if (!strcmp(f->uri[i], uri))
			break;
	if (i == f->n) {
		if (strncmp(uri, REMOTE, strlen(REMOTE)) || f->n == 256)
			return false;
		path = xasprintf(CORPUS "/remotes/%s", uri + strlen(REMOTE));
		if (fs_read(path, 1 << 20, &b, NULL) < 0)
			i = f->n + 1;
		free(path);
		if (i > f->n)
			return false;
		f->uri[f->n] = xstrdup(uri);
		f->text[f->n++] = b;
	}
	*doc = json_slice(f->text[i].p, f->text[i].n);
	return true;
}

struct score {
	int cases, failed;
};

/* The folder says the draft where "$schema" does not. */
static struct jtext
with_draft(struct jtext schema, const char *file, struct buf *b)
{
	if (!strstr(file, "/draft7/") || !json_is(schema, '{') ||
	    json_get(schema, "$schema").p)
		return schema;
	buf_puts(b, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"");
	buf_puts(b, json_count(schema) ? "," : "");
	buf_put(b, schema.p + 1, schema.n - 1);
	return json_slice(b->p, b->n);
}

static void
run_group(struct jtext group, struct files *f, const char *file,
    struct score *score)
{
	char *what = json_get_str(group, "description");
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;
	struct schema *s = schema_new(with_draft(json_get(group, "schema"),
	    file, &b), remote, f, &e);
	struct jiter it = json_iter(json_get(group, "tests"));

	if (!s)
		printf("# %s: %s: %s\n", file, what, e.text);
	while (json_next(&it)) {
		bool want = json_get_bool(it.value, "valid", false);
		bool got = s && !schema_check(s, json_get(it.value, "data"), &e);
		char *name;

		score->cases++;
		if (s && got == want)
			continue;
		score->failed++;
		name = json_get_str(it.value, "description");
		printf("# %s: %s: %s: want %s (%s)\n", file, what, name,
		    want ? "valid" : "invalid", e.text);
		free(name);
	}
	schema_free(s);
	free(what);
	buf_free(&b);
}

static void
run_file(const char *dir, const char *name, struct files *f,
    struct score *score)
{
	struct buf b = BUF_INIT;
	char *path = fs_join(dir, name);
	struct jtext all;
	struct jiter it;

	OK(fs_read(path, 1 << 24, &b, NULL) == 0);
	OK(json_parse(b.p, b.n, &all, NULL) == 0);
	it = json_iter(all);
	while (json_next(&it))
		run_group(it.value, f, path, score);
	free(path);
	buf_free(&b);
}

static void
run_dir(const char *dir, struct score *score)
{
	struct files f = { .n = 0 };
	DIR *d = opendir(dir);
	struct dirent *ent;

	if (!d) {
		printf("# skipped: no %s\n", dir);
		return;
	}
	while ((ent = readdir(d)))
		if (strstr(ent->d_name, ".json"))
			run_file(dir, ent->d_name, &f, score);
	closedir(d);
	for (size_t i = 0; i < f.n; i++) {
		free(f.uri[i]);
		buf_free(&f.text[i]);
	}
	printf("# %s: %d cases, %d failed\n", dir, score->cases, score->failed);
}

TEST(every_required_case_of_the_suite_passes)
{
	static const char *const dirs[] = { CORPUS "/tests/draft2020-12",
		CORPUS "/tests/draft7" };

	for (size_t i = 0; i < 2; i++) {
		struct score score = { 0, 0 };

		run_dir(dirs[i], &score);
		OK(score.failed == 0);
	}
}

/* Not required; shown so that a change for the worse is seen. */
TEST(most_optional_cases_pass_too)
{
	static const char *const dirs[] = {
		CORPUS "/tests/draft2020-12/optional",
		CORPUS "/tests/draft7/optional" };

	for (size_t i = 0; i < 2; i++) {
		struct score score = { 0, 0 };

		run_dir(dirs[i], &score);
		OK(score.failed <= score.cases / 10);
	}
}

/* ---- own cases ---- */

/* "" valid, else the reason; of the compiler with "schema: " in front. */
static const char *
check(const char *schema, const char *value)
{
	static char why[600];
	struct err e = ERR_NONE;
	struct schema *s = schema_new(json_text(schema), NULL, NULL, &e);

	if (!s)
		snprintf(why, sizeof why, "schema: %s", e.text);
	else if (schema_check(s, json_text(value), &e) < 0)
		snprintf(why, sizeof why, "%s", e.text);
	else
		*why = '\0';
	schema_free(s);
	return why;
}

TEST(errors_name_place_keyword_and_reason)
{
	const char *s = "{\"type\":\"object\",\"required\":[\"a\"],"
	    "\"properties\":{\"a\":{\"type\":\"array\","
	    "\"items\":{\"type\":[\"string\",\"null\"],\"maxLength\":2}},"
	    "\"x/y~\":{\"enum\":[1,\"two\"]},\"n\":{\"minimum\":1.50}},"
	    "\"additionalProperties\":false}";

	STR_IS(check(s, "{\"a\":[\"ab\",null]}"), "");
	STR_IS(check(s, "[]"), "(root): type: want object, not array");
	STR_IS(check(s, "{}"),
	    "(root): required: property \"a\" is missing");
	STR_IS(check(s, "{\"a\":[\"\",1.0]}"),
	    "/a/1: type: want null or string, not integer");
	STR_IS(check(s, "{\"a\":[\"\\u00e4\\u00e4\\u00e4\"]}"),
	    "/a/0: maxLength: has 3 characters, at most 2 are allowed");
	STR_IS(check(s, "{\"a\":[],\"x/y~\":2}"),
	    "/x~1y~0: enum: want one of: 1, two");
	STR_IS(check(s, "{\"a\":[],\"n\":1.4999999999999999999}"),
	    "/n: minimum: must be at least 1.50");
	STR_IS(check(s, "{\"a\":[],\"b\":1}"),
	    "/b: additionalProperties: this property is not allowed");
	STR_IS(check("{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}"),
	    "(root): maxLength: a property name: has 2 characters, at most 1"
	    " are allowed");
	STR_IS(check("false", "1"), "(root): false: nothing is allowed here");
	STR_IS(check("{}", "{\"a\":}"),
	    "not JSON: want a value at byte 5");
}

TEST(a_broken_schema_is_named)
{
	STR_IS(check("{\"properties\":{\"a\":{\"type\":\"strin\"}}}", "1"),
	    "schema: /properties/a/type: not a type name");
	STR_IS(check("{\"minimum\":\"1\"}", "1"),
	    "schema: /minimum: want a number");
	STR_IS(check("{\"items\":[{}]}", "1"),
	    "schema: /items: want a schema: an object, true or false");
	STR_IS(check("{\"$recursiveRef\":\"#\"}", "1"), "schema: "
	    "/$recursiveRef: this keyword is of draft 2019-09 and not supported");
	STR_IS(check("{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
	    "1"), "schema: (root): $schema: unsupported dialect http://json-"
	    "schema.org/draft-04/schema# (draft-07 and 2020-12 are known)");
	STR_IS(check("{\"$ref\":\"#/$defs/a\"}", "1"),
	    "schema: /$ref: nothing at #/$defs/a");
	STR_IS(check("{\"$ref\":\"http://x.test/a.json\"}", "1"),
	    "schema: /$ref: no document at http://x.test/a.json");
	STR_IS(check("{\"$ref\":\"#nope\"}", "1"),
	    "schema: /$ref: no anchor at #nope");
	STR_IS(check("{\"pattern\":\"a(\"}", "1"), "schema: /pattern: pattern: "
	    "end pattern with unmatched parenthesis");
	STR_IS(check("{\"pattern\":\"\\\\Aa\"}", "1"),
	    "schema: /pattern: pattern: \\A is not in ECMA 262");
	STR_IS(check("{\"multipleOf\":0}", "1"),
	    "schema: /multipleOf: want a number above 0");
	STR_IS(check("{\"maxLength\":-1}", "1"),
	    "schema: /maxLength: want an integer that is not negative");
	STR_IS(check("[]", "1"),
	    "schema: (root): want a schema: an object, true or false");
}

TEST(numbers_are_what_they_say)
{
	static const char *const same[][2] = {
		{ "1.0", "1" }, { "1e2", "100" }, { "-0.0", "0" },
		{ "0.001e3", "1" }, { "1E-2", "0.0100" },
		{ "10000000000000000000000e-22", "1" }, { "0e5", "0" },
	}, *const differ[][2] = {
		{ "9007199254740993", "9007199254740992" },
		{ "1", "-1" }, { "1e400", "1e401" },
		{ "0.1", "0.10000000000000000000001" }, { "1e-400", "0" },
	};
	char s[100];

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		snprintf(s, sizeof s, "{\"const\":%s}", same[i][0]);
		STR_IS(check(s, same[i][1]), "");
		snprintf(s, sizeof s, "{\"enum\":[0.5,%s]}", same[i][1]);
		STR_IS(check(s, same[i][0]), "");
	}
	for (size_t i = 0; i < sizeof differ / sizeof *differ; i++) {
		snprintf(s, sizeof s, "{\"const\":%s}", differ[i][0]);
		OK(*check(s, differ[i][1]));
	}
	STR_IS(check("{\"type\":\"integer\"}", "1e400"), "");
	OK(*check("{\"type\":\"integer\"}", "1.00000000000000000000000001"));
	STR_IS(check("{\"maximum\":9007199254740992}", "9007199254740992"), "");
	OK(*check("{\"maximum\":9007199254740992}", "9007199254740993"));
	OK(*check("{\"exclusiveMinimum\":-1e-30}", "-1e-30"));
	STR_IS(check("{\"exclusiveMinimum\":-1e-30}", "-1e-31"), "");
}

TEST(multiples_are_exact)
{
	STR_IS(check("{\"multipleOf\":0.0001}", "0.0075"), "");
	OK(*check("{\"multipleOf\":0.0001}", "0.00751"));
	STR_IS(check("{\"multipleOf\":1e-8}", "12391239123"), "");
	STR_IS(check("{\"multipleOf\":0.01}", "19.99"), "");
	OK(*check("{\"multipleOf\":2}", "9007199254740993"));
	STR_IS(check("{\"multipleOf\":3}", "-30000000000000000000000003"), "");
	STR_IS(check("{\"multipleOf\":7}", "7e300"), "");
	OK(*check("{\"multipleOf\":20}", "10"));
	STR_IS(check("{\"multipleOf\":20}", "0"), "");
}

TEST(of_equal_names_the_last_counts)
{
	const char *s = "{\"properties\":{\"a\":{\"type\":\"string\"}},"
	    "\"maxProperties\":1}";

	STR_IS(check(s, "{\"a\":1,\"\\u0061\":\"x\"}"), "");
	OK(*check(s, "{\"a\":\"x\",\"a\":1}"));
	STR_IS(check("{\"const\":{\"a\":2}}", "{\"a\":1,\"a\":2}"), "");
}

TEST(patterns_are_ecma_262)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} rows[] = {
		{ "^a$", "\"a\\n\"", 0 }, { "^b", "\"a\\nb\"", 0 },
		{ "a.c", "\"a\\u2028c\"", 0 }, { "a.c", "\"a\\u00e4c\"", 1 },
		{ "^\\\\d$", "\"\\u0665\"", 0 }, { "^\\\\w$", "\"\\u00e4\"", 0 },
		{ "^\\\\s$", "\"\\u00a0\"", 1 }, { "^\\\\S$", "\"\\ufeff\"", 0 },
		{ "^[\\\\w.-]+$", "\"a-b.c\"", 1 },
		{ "^[\\\\w-]+$", "\"a-b\"", 1 },
		{ "^[^\\\\d\\\\W]$", "\"a\"", 1 },
		{ "^[^\\\\d\\\\W]$", "\"1\"", 0 },
		{ "^[[a]$", "\"[\"", 1 }, { "^[a&&b]+$", "\"&ab\"", 1 },
		{ "^\\\\p{Letter}+$", "\"\\u03c0a\"", 1 },
		{ "^\\\\p{Script=Greek}$", "\"\\u03c0\"", 1 },
		{ "^\\\\P{Lu}$", "\"a\"", 1 },
		{ "^\\\\u{1f600}$", "\"\\ud83d\\ude00\"", 1 },
		{ "^\\\\ud83d\\\\ude00$", "\"\\ud83d\\ude00\"", 1 },
		{ "^(?<y>a)\\\\k<y>$", "\"aa\"", 1 },
		{ "^(a)\\\\1$", "\"aa\"", 1 }, { "(?<!a)b", "\"ab\"", 0 },
		{ "^\\\\/\\\\-\\\\cJ$", "\"/-\\n\"", 1 }, { "[]", "\"a\"", 0 },
		{ "^[^]$", "\"\\n\"", 1 }, { "^a{,2}$", "\"a{,2}\"", 1 },
		{ "\\\\bb", "\"\\u00e4b\"", 1 }, { "", "\"\"", 1 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char s[100];
		const char *got;

		snprintf(s, sizeof s, "{\"pattern\":\"%s\"}", rows[i].pattern);
		got = check(s, rows[i].text);
		if ((*got == '\0') != rows[i].match || *got == 's')
			printf("# %s on %s: %s\n", s, rows[i].text, got);
		OK((*got == '\0') == rows[i].match && *got != 's');
	}
	OK(strstr(check("{\"pattern\":\"a++\"}", "1"), "schema: "));
	OK(strstr(check("{\"pattern\":\"(?i)a\"}", "1"), "schema: "));
	OK(strstr(check("{\"pattern\":\"(?>a)\"}", "1"), "schema: "));
}

TEST(relative_references_follow_rfc_3986)
{
	STR_IS(check("{\"$id\":\"http://a.test/b/c/d;p?q\",\"$defs\":{"
	    "\"x\":{\"$id\":\"../g?y\",\"type\":\"string\"}},"
	    "\"$ref\":\"http://a.test/b/g?y\"}", "\"\""), "");
	STR_IS(check("{\"$id\":\"http://a.test/b/c/d\",\"$defs\":{"
	    "\"x\":{\"$id\":\"/./e/../f/\",\"$anchor\":\"k\",\"type\":\"null\"}},"
	    "\"$ref\":\"../../f/#k\"}", "null"), "");
	OK(*check("{\"$id\":\"urn:x:1\",\"$defs\":{\"a%b\":{\"type\":\"null\"}},"
	    "\"$ref\":\"#/%24defs/a%25b\"}", "1"));
}

TEST(unevaluated_counts_only_what_holds)
{
	const char *s = "{\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}},"
	    "\"required\":[\"a\"]},{\"properties\":{\"b\":true}}],"
	    "\"unevaluatedProperties\":false}";

	STR_IS(check(s, "{\"a\":\"x\",\"b\":1}"), "");
	STR_IS(check(s, "{\"b\":1}"), "");
	STR_IS(check(s, "{\"a\":1,\"b\":1}"),
	    "/a: unevaluatedProperties: this property is not allowed");
}

TEST(hostile_schemas_end_with_an_error)
{
	struct buf b = BUF_INIT;
	char *deep = malloc(400001);

	OK(strstr(check("{\"$ref\":\"#\"}", "1"), "1000 levels"));
	OK(strstr(check("{\"not\":{\"$ref\":\"#\"}}", "1"), "1000 levels"));
	OK(strstr(check("{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"},"
	    "{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"},"
	    "false]}},\"$ref\":\"#/$defs/a\"}", "1"), "1000 levels"));
	memset(deep, '[', 200000);
	memset(deep + 200000, ']', 200000);
	deep[400000] = '\0';
	STR_IS(check("true", deep), "");
	STR_IS(check("{\"const\":1}", deep), "(root): const: want 1");
	OK(strstr(check("{\"items\":{\"$ref\":\"#\"}}", deep), "1000 levels"));
	OK(strstr(check(deep, "1"), "schema: "));
	/* Two to the power of thirty ways to fail. */
	buf_puts(&b, "{\"$ref\":\"#/$defs/0\",\"$defs\":{\"30\":false");
	for (int i = 0; i < 30; i++)
		buf_printf(&b, ",\"%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/%d\"},"
		    "{\"$ref\":\"#/$defs/%d\"}]}", i, i + 1, i + 1);
	buf_puts(&b, "}}");
	OK(strstr(check(b.p, "1"), "too much work"));
	OK(strstr(check("{\"pattern\":\"^(a|aa)+$\"}",
	    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""),
	    "too long"));
	buf_free(&b);
	free(deep);
}

TEST(large_values_are_fast)
{
	struct buf b = BUF_INIT;

	buf_putc(&b, '[');
	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "%s{\"id\":%d,\"n\":\"x\"}", i ? "," : "", i);
	buf_putc(&b, ']');
	STR_IS(check("{\"uniqueItems\":true,\"items\":{\"type\":\"object\","
	    "\"properties\":{\"id\":{\"type\":\"integer\"}},"
	    "\"required\":[\"id\",\"n\"],\"additionalProperties\":"
	    "{\"type\":\"string\"}}}", b.p), "");
	buf_free(&b);
}
