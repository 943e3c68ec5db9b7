/* Tokens of a file: lib/serve/auth.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "serve/auth.h"
#include "test.h"

#define ONE "0123456789abcdef"
#define TWO "another-token-of-somebody"

static char path[] = "/tmp/rkat-auth.XXXXXX";

static void
write_file(const char *text, mode_t mode)
{
	struct err e = ERR_NONE;

	if (strstr(path, "XXXXXX"))
		close(mkstemp(path));
	OK(fs_write_atomic(path, text, strlen(text), mode, &e) == 0);
}

TEST(tokens_are_lines_without_comments_and_white_space)
{
	struct err e = ERR_NONE;
	struct auth *a;

	write_file("# mine\n\n  " ONE " \r\n" TWO, 0600);
	a = auth_load(path, &e);
	OK(a != NULL);
	OK(auth_token(a, ONE, strlen(ONE)));
	OK(auth_token(a, TWO, strlen(TWO)));
	OK(!auth_token(a, "# mine", 6));
	OK(!auth_token(a, ONE, strlen(ONE) - 1));
	OK(!auth_token(a, "", 0));
	auth_free(a);
}

TEST(a_header_needs_the_scheme)
{
	struct err e = ERR_NONE;
	struct auth *a;

	write_file(ONE "\n", 0400);
	a = auth_load(path, &e);
	OK(auth_header(a, "Bearer " ONE));
	OK(auth_header(a, "bearer  " ONE));
	OK(!auth_header(a, "Bearer " ONE "x"));
	OK(!auth_header(a, "Bearer "));
	OK(!auth_header(a, "Basic " ONE));
	OK(!auth_header(a, ONE));
	OK(!auth_header(a, NULL));
	auth_free(a);
}

TEST(a_file_for_others_or_without_a_good_token_is_refused)
{
	static const char *const bad[] = { "", "# none\n", "short\n",
	    ONE "\nshort\n" };
	struct err e = ERR_NONE;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file(bad[i], 0600);
		OK(!auth_load(path, &e) && e.code == E_INVALID_PARAMS);
		OK(!strstr(e.text, "short"));
	}
	write_file(ONE "\n", 0640);
	OK(!auth_load(path, &e) && strstr(e.text, "chmod 600"));
	OK(!auth_load("/nowhere/at/all", &e));
}

TEST(a_reload_replaces_and_a_bad_one_changes_nothing)
{
	struct err e = ERR_NONE;
	struct auth *a;

	write_file(ONE "\n", 0600);
	a = auth_load(path, &e);
	write_file("bad\n", 0600);
	OK(auth_reload(a, &e) < 0);
	OK(auth_token(a, ONE, strlen(ONE)));
	write_file(TWO "\n", 0600);
	OK(auth_reload(a, &e) == 0);
	OK(!auth_token(a, ONE, strlen(ONE)));
	OK(auth_token(a, TWO, strlen(TWO)));
	auth_free(a);
	unlink(path);
}
