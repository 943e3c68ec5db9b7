#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "toolrig.h"

static void
rig_tree(struct rig *g)
{
	static const char *const dirs[] = { "src", "src/deep", ".git", "empty" };

	rig_init(g, "{}");
	for (size_t i = 0; i < COUNT(dirs); i++) {
		char *d = fs_join(g->root, dirs[i]);

		OK(mkdir(d, 0755) == 0);
		free(d);
	}
	put_file(g, "README", "hello\nworld\n");
	put_file(g, "src/a.c", "int main;\r\nreturn 0;\n");
	put_file(g, "src/deep/b.h", "no end");
	put_file(g, ".git/config", "hello\n");
	rig_open(g);
}

TEST(a_file_is_read_as_it_is)
{
	struct rig g;

	rig_tree(&g);
	STR_IS(call(&g, "read_file", "{\"path\":\"README\"}"), "hello\nworld\n");
	STR_IS(call(&g, "read_file", "{\"path\":\"src/../src/a.c\"}"),
	    "int main;\r\nreturn 0;\n");
	STR_IS(call(&g, "read_file", "{\"path\":\"src/deep/b.h\"}"), "no end");
	rig_free(&g);
}

TEST(a_part_says_what_it_is)
{
	struct rig g;
	struct buf b = BUF_INIT;

	rig_tree(&g);
	STR_IS(call(&g, "read_file", "{\"path\":\"README\",\"limit\":1}"),
	    "hello\n[lines 1-1 of 2; go on with offset 2]\n");
	STR_IS(call(&g, "read_file", "{\"path\":\"README\",\"offset\":2}"),
	    "world\n[lines 2-2 of 2]\n");
	call(&g, "read_file", "{\"path\":\"README\",\"offset\":3}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'read_file': offset 3 is behind the end: 'README' has 2 lines");
	for (int i = 1; i <= 3000; i++)
		buf_printf(&b, "%d\n", i);
	put_file(&g, "long", b.p);
	call(&g, "read_file", "{\"path\":\"long\",\"limit\":99999}");
	OK(strstr(g.text, "\n2000\n[lines 1-2000 of 3000; go on with offset "
	    "2001]\n") != NULL);
	buf_trunc(&b, 0);
	for (int i = 0; i < 300000; i++)
		buf_puts(&b, "\xc3\xa9");
	put_file(&g, "wide", b.p);
	call(&g, "read_file", "{\"path\":\"wide\"}");
	OK(strlen(g.text) < (256 << 10) + 100);
	OK(strstr(g.text, "\xc3\xa9\n[lines 1-1 of 1; line 1 is cut: 256 KiB is "
	    "the limit]\n") != NULL);
	put_file(&g, "none", "");
	STR_IS(call(&g, "read_file", "{\"path\":\"none\"}"),
	    "[the file is empty]\n");
	buf_free(&b);
	rig_free(&g);
}

TEST(what_is_not_text_is_refused_with_a_hint)
{
	struct rig g;
	char *path, *fifo;
	FILE *f;

	rig_tree(&g);
	path = fs_join(g.root, "bin");
	f = fopen(path, "w");
	fwrite("ab\0c", 1, 4, f);
	fclose(f);
	call(&g, "read_file", "{\"path\":\"bin\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: 'bin' is a "
	    "binary file (a NUL byte at offset 2); use view_image for images, or "
	    "the shell");
	call(&g, "read_file", "{\"path\":\"src\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: 'src' is a "
	    "directory: see list_files");
	fifo = fs_join(g.root, "fifo");
	OK(mkfifo(fifo, 0600) == 0);
	call(&g, "read_file", "{\"path\":\"fifo\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: 'fifo' is "
	    "not a regular file");
	call(&g, "read_file", "{\"path\":\"zip\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: cannot "
	    "read 'zip': No such file or directory");
	STR_IS(call(&g, "search_files", "{\"query\":\"zz\"}"), "[no match]\n");
	free(fifo);
	free(path);
	rig_free(&g);
}

/* Each leads out of the root in its own way. */
TEST(no_path_leads_out)
{
	static const char *const paths[] = { "../secret", "src/../../secret",
	    "/etc/passwd", "link", "dir/secret", "rel", "/", "..",
	    "src/../../root/../secret" };
	struct rig g;
	char *a, *b;

	rig_tree(&g);
	a = fs_join(g.dir, "secret");
	OK(fs_write_atomic(a, "s", 1, 0600, NULL) == 0);
	b = fs_join(g.root, "link");
	OK(symlink(a, b) == 0);
	free(b);
	b = fs_join(g.root, "dir");
	OK(symlink(g.dir, b) == 0);
	free(b);
	b = fs_join(g.root, "rel");
	OK(symlink("src/../../secret", b) == 0);
	free(b);
	for (size_t i = 0; i < COUNT(paths); i++) {
		char *args = xasprintf("{\"path\":\"%s\"}", paths[i]);

		call(&g, "read_file", args);
		OK(g.r.is_error && strstr(g.text, "escapes") != NULL);
		call(&g, "list_files", args);
		OK(g.r.is_error);
		free(args);
	}
	/* Inside, links and absolute names are fine. */
	b = fs_join(g.root, "in");
	OK(symlink("src/a.c", b) == 0);
	free(b);
	call(&g, "read_file", "{\"path\":\"in\"}");
	OK(!g.r.is_error);
	b = xasprintf("{\"path\":\"%s/README\"}", g.root);
	STR_IS(call(&g, "read_file", b), "hello\nworld\n");
	free(b);
	free(a);
	rig_free(&g);
}

struct flipper {
	char *dir, *link, *tmp;
	volatile bool stop;
};

static void *
flip(void *arg)
{
	struct flipper *f = arg;

	while (!f->stop) {
		if (renameat2(AT_FDCWD, f->link, AT_FDCWD, f->dir,
		    RENAME_EXCHANGE) < 0)
			break;
	}
	return NULL;
}

TEST(a_race_with_a_link_does_not_lead_out)
{
	struct rig g;
	struct flipper f = { .stop = false };
	pthread_t t;
	char *secret;

	rig_tree(&g);
	put_file(&g, "src/secret", "inside\n");
	secret = fs_join(g.dir, "secret");
	OK(fs_write_atomic(secret, "outside\n", 8, 0600, NULL) == 0);
	f.dir = fs_join(g.root, "src");
	f.link = fs_join(g.root, "out");
	OK(symlink(g.dir, f.link) == 0);
	OK(pthread_create(&t, NULL, flip, &f) == 0);
	for (int i = 0; i < 60; i++) {
		call(&g, "read_file", "{\"path\":\"src/secret\"}");
		OK(strstr(g.text, "outside") == NULL);
		call(&g, "search_files", "{\"query\":\"outside\"}");
		OK(g.r.is_error || !strcmp(g.text, "[no match]\n"));
	}
	f.stop = true;
	pthread_join(t, NULL);
	free(f.dir);
	free(f.link);
	free(secret);
	rig_free(&g);
}

TEST(a_directory_is_listed_in_order)
{
	struct rig g;

	rig_tree(&g);
	STR_IS(call(&g, "list_files", "{}"), ".git/\nREADME\nempty/\nsrc/\n");
	STR_IS(call(&g, "list_files", "{\"path\":\"src\",\"depth\":2}"),
	    "src/a.c\nsrc/deep/\nsrc/deep/b.h\n");
	STR_IS(call(&g, "list_files", "{\"pattern\":\"*.[ch]\"}"),
	    "src/a.c\nsrc/deep/b.h\n");
	STR_IS(call(&g, "list_files", "{\"pattern\":\"src/*\"}"),
	    "src/a.c\nsrc/deep/\n");
	STR_IS(call(&g, "list_files", "{\"path\":\"src\",\"pattern\":\"**/*.h\"}"),
	    "src/deep/b.h\n");
	STR_IS(call(&g, "list_files", "{\"pattern\":\"*.zip\"}"), "[no match]\n");
	STR_IS(call(&g, "list_files", "{\"path\":\"empty\"}"), "[empty]\n");
	STR_IS(call(&g, "list_files", "{\"limit\":2}"), ".git/\nREADME\n"
	    "[stopped at 2 entries: there are more; narrow it with path, pattern "
	    "or depth]\n");
	call(&g, "list_files", "{\"path\":\"README\"}");
	OK(g.r.is_error);
	call(&g, "list_files", "{\"limit\":0}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'list_files': 'limit': want an integer from 1 to "
	    "9223372036854775807");
	rig_free(&g);
}

TEST(text_is_found_with_file_and_line)
{
	struct rig g;

	rig_tree(&g);
	STR_IS(call(&g, "search_files", "{\"query\":\"l\"}"),
	    "README:1:hello\nREADME:2:world\n");
	STR_IS(call(&g, "search_files", "{\"query\":\"^ret.*;$\",\"regex\":true}"),
	    "src/a.c:2:return 0;\n");
	STR_IS(call(&g, "search_files", "{\"query\":\"main;$\",\"regex\":true}"),
	    "src/a.c:1:int main;\n");
	STR_IS(call(&g, "search_files", "{\"query\":\"e\",\"pattern\":\"*.h\"}"),
	    "src/deep/b.h:1:no end\n");
	STR_IS(call(&g, "search_files", "{\"query\":\"world\",\"path\":"
	    "\"README\"}"), "README:2:world\n");
	STR_IS(call(&g, "search_files", "{\"query\":\"l\",\"limit\":1}"),
	    "README:1:hello\n[stopped at 1 matches: there are more]\n");
	call(&g, "search_files", "{\"query\":\"(\",\"regex\":true}");
	OK(g.r.is_error && strstr(g.text, "'query': "));
	call(&g, "search_files", "{\"query\":\"\"}");
	OK(g.r.is_error);
	rig_free(&g);
}

TEST(an_image_is_looked_at)
{
	struct rig g;
	char *big;
	FILE *f;

	rig_tree(&g);
	put_file(&g, "x.PNG", "abcd");
	call(&g, "view_image", "{\"path\":\"x.PNG\"}");
	STR_IS(g.r.content.p, "[{\"type\":\"image\",\"media_type\":\"image/png\","
	    "\"source\":\"inline\",\"data\":\"YWJjZA==\"}]");
	call(&g, "view_image", "{\"path\":\"README\"}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'view_image': file 'README' has no extension");
	call(&g, "view_image", "{\"path\":\"a.bmp\"}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'view_image': unsupported image extension '.bmp'; supported: png, "
	    "jpg, jpeg, gif, webp, svg");
	big = fs_join(g.root, "big.gif");
	f = fopen(big, "w");
	OK(ftruncate(fileno(f), 5242881) == 0);
	fclose(f);
	call(&g, "view_image", "{\"path\":\"big.gif\"}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'view_image': file size 5242881 bytes exceeds maximum 5242880 "
	    "bytes");
	call(&g, "view_image", "{\"path\":\"../x.png\"}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'view_image': path '../x.png' escapes the project root");
	call(&g, "view_image", "{\"path\":\"none.png\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: cannot "
	    "read 'none.png': No such file or directory");
	free(big);
	rig_free(&g);
}
