#include <stdlib.h>

#include "test.h"
#include "tool/policy.h"

TEST(globs)
{
	static const struct {
		const char *glob, *s;
		bool path, want;
	} rows[] = {
		{ "git *", "git status", false, true },
		{ "git *", "git", false, false },
		{ "*", "", false, true },
		{ "*", "a/b c", false, true },
		{ "ls ?", "ls x", false, true },
		{ "ls ?", "ls \xc3\xa9", false, true },
		{ "ls [ab]", "ls b", false, true },
		{ "ls [!ab]", "ls b", false, false },
		{ "ls [^a-c]", "ls d", false, true },
		{ "ls [a", "ls [a", false, true },
		{ "{git,hg} *", "hg log", false, true },
		{ "{git,hg} *", "svn log", false, false },
		{ "a{b,{c,d}e}f", "adef", false, true },
		{ "a{b", "a{b", false, true },
		{ "\\*", "*", false, true },
		{ "\\*", "x", false, false },
		{ "[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", false, true },
		{ "*.c", "a.c", true, true },
		{ "*.c", "d/a.c", true, false },
		{ "**/*.c", "d/e/a.c", true, true },
		{ "**/*.c", "a.c", true, true },
		{ "d/**", "d/e/f", true, true },
		{ "d/*/f", "d/e/f", true, true },
		{ "d?e", "d/e", true, false },
		{ "d[/]e", "d/e", true, false },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    false, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool is = glob_match(rows[i].glob, rows[i].s, rows[i].path);

		if (is != rows[i].want)
			printf("# %s on %s\n", rows[i].glob, rows[i].s);
		OK(is == rows[i].want);
	}
}

TEST(braces_that_explode_are_cut_short)
{
	OK(!glob_match("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"
	    "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
	    "x", false));
}

TEST(canonical_commands)
{
	static const struct {
		const char *command, *want;
	} rows[] = {
		{ "git   status", "git status" },
		{ "git status; rm -rf x", "git 'status;' rm -rf x" },
		{ "echo \"a b\" 'c d'e", "echo 'a b' 'c de'" },
		{ "echo it\\'s", "echo 'it'\\''s'" },
		{ "echo \"\\$x \\n\"", "echo '$x \\n'" },
		{ "ls # all of it", "ls" },
		{ "ls a#b", "ls 'a#b'" },
		{ "a\\\nb", "ab" },
		{ "''", "''" },
		{ " \n ", "" },
		{ "x=1 make -j2", "x=1 make -j2" },
		{ "echo 'open", NULL },
		{ "echo \"open", NULL },
		{ "echo open\\", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;
		bool good = policy_canonical(rows[i].command, &b);

		OK(good == (rows[i].want != NULL));
		if (good && rows[i].want)
			STR_IS(buf_str(&b), rows[i].want);
		buf_free(&b);
	}
}

static const char *
asked(enum policy_mode m, const char *patterns, const char *command)
{
	static struct buf why = BUF_INIT;

	buf_trunc(&why, 0);
	return policy_allows(m, json_text(patterns), command, &why) ? "yes" :
	    buf_str(&why);
}

TEST(modes)
{
	STR_IS(asked(POLICY_UNRESTRICTED, NULL, "echo 'open"), "yes");
	STR_IS(asked(POLICY_ALLOW, "[\"git *\",\"ls\"]", "git log"), "yes");
	STR_IS(asked(POLICY_ALLOW, "[\"git *\"]", "rm x"), "Security policy "
	    "violation: Command 'rm x' does not match any allowed patterns");
	STR_IS(asked(POLICY_ALLOW, "[]", "ls"), "Security policy "
	    "violation: Command 'ls' does not match any allowed patterns");
	STR_IS(asked(POLICY_ALLOW, "[]", "  "), "yes");
	STR_IS(asked(POLICY_DENY, "[\"rm *\"]", "rm  -rf x"), "Security policy "
	    "violation: Command 'rm -rf x' matches a denied pattern");
	STR_IS(asked(POLICY_DENY, "[\"rm *\"]", "ls"), "yes");
	STR_IS(asked(POLICY_DENY, "[]", "ls 'x"), "IO error: Malformed shell "
	    "command: unclosed quotes or invalid escape sequences");
}
