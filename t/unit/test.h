/*
 * The whole unit-test framework: TEST(name) { ... } and OK(condition).  A program
 * prints TAP and exits 1 if anything failed.  With arguments only tests whose name
 * contains one of them run.
 */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};
static struct test *tests, **tests_end = &tests;
static int test_bad;

#define TEST(fn) \
	static void fn(void); \
	static struct test test_##fn = { #fn, fn, NULL }; \
	__attribute__((constructor)) static void add_##fn(void) \
	{ *tests_end = &test_##fn; tests_end = &test_##fn.next; } \
	static void fn(void)

#define OK(cond) do { \
	if (!(cond)) { \
		printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
		test_bad++; \
	} } while (0)

#define STR_IS(got, want) do { \
	const char *got_ = (got), *want_ = (want); \
	if (!got_ || strcmp(got_, want_)) { \
		printf("# %s:%d: got  %s\n#    want %s\n", __FILE__, __LINE__, \
		    got_ ? got_ : "(null)", want_); \
		test_bad++; \
	} } while (0)

int
main(int argc, char *argv[])
{
	int n = 0, failed = 0;

	for (struct test *t = tests; t; t = t->next) {
		int wanted = argc < 2;

		for (int i = 1; i < argc; i++)
			if (strstr(t->name, argv[i]))
				wanted = 1;
		if (!wanted)
			continue;
		test_bad = 0;
		t->run();
		printf("%s %d %s\n", test_bad ? "not ok" : "ok", ++n, t->name);
		fflush(stdout);
		failed += test_bad != 0;
	}
	printf("1..%d\n", n);
	return failed != 0;
}

#endif
