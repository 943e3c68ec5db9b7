#include <sys/stat.h>

#include "base/jput.h"
#include "toolrig.h"

/* Apply one patch text to the rig. */
static const char *
patch(struct rig *g, const char *text)
{
	struct buf b = BUF_INIT;
	const char *r;

	jput_open(&b, '{');
	jput_kcstr(&b, "patch", text);
	jput_close(&b, '}');
	r = call(g, "apply_patch", b.p);
	buf_free(&b);
	return r;
}

#define BEGIN "*** Begin Patch\n"
#define END "*** End Patch"

/* One update of a file f: before, chunks, after (NULL: refused). */
static const struct {
	const char *what, *before, *chunks, *after;
} updates[] = {
	{ "a line changes", "a\nb\nc\n", "@@\n a\n-b\n+B\n c\n", "a\nB\nc\n" },
	{ "the first header may be missing", "a\nb\n", " a\n-b\n+B\n", "a\nB\n" },
	{ "a context line moves the cursor", "x\nf()\nx\n",
	    "@@ f()\n-x\n+y\n", "x\nf()\ny\n" },
	{ "two chunks in order", "1\n2\n3\n4\n5\n",
	    "@@\n 1\n-2\n+two\n@@\n-4\n 5\n", "1\ntwo\n3\n5\n" },
	{ "insert behind the context", "a\nb\n", "@@ a\n+new\n", "a\nnew\nb\n" },
	{ "insert at the end without context", "a\n", "@@\n+new\n", "a\nnew\n" },
	{ "into an empty file", "", "@@\n+new\n", "new\n" },
	{ "no newline at the end becomes one", "a", "@@\n-a\n+b\n", "b\n" },
	{ "end of file matches the end", "a\nb\na\n",
	    "@@\n-a\n+z\n*** End of File\n", "a\nb\nz" },
	{ "end of file is not the middle", "a\nb\n",
	    "@@\n-a\n+z\n*** End of File\n", NULL },
	{ "trailing blanks do not matter", "a  \nb\n", "@@\n a\n-b\n+c\n",
	    "a  \nc\n" },
	{ "typographic characters match plain ones",
	    "say \xe2\x80\x9chi\xe2\x80\x9d \xe2\x80\x94 now\nx\n",
	    "@@\n say \"hi\" - now\n-x\n+y\n",
	    "say \xe2\x80\x9chi\xe2\x80\x9d \xe2\x80\x94 now\ny\n" },
	{ "indentation may differ at last", "\tif (x)\n\t\ty\n",
	    "@@\n if (x)\n-    y\n+\t\tz\n", "\tif (x)\n\t\tz\n" },
	{ "exact wins over loose", " a\na\n", "@@\n-a\n+b\n", " a\nb\n" },
	{ "CRLF stays", "a\r\nb\r\n", "@@\n a\n-b\n+c\n", "a\r\nc\r\n" },
	{ "one empty line too many", "a\nb\n", "@@\n a\n-b\n+c\n\n", "a\nc\n" },
	{ "an empty line is context", "a\n\nb\n", "@@\n a\n\n-b\n+c\n",
	    "a\n\nc\n" },
	{ "blank lines between chunks", "a\nb\n", "@@\n-a\n+A\n\n@@\n-b\n+B\n",
	    "A\nB\n" },
	{ "order matters", "1\n2\n", "@@\n-2\n+b\n@@\n-1\n+a\n", NULL },
	{ "context that is not there", "a\n", "@@ zz\n+b\n", NULL },
	{ "delete everything", "a\nb\n", "@@\n-a\n-b\n", "" },
};

TEST(updates_match_and_change_what_they_should)
{
	for (size_t i = 0; i < COUNT(updates); i++) {
		struct rig g;
		char *text, *now;
		int bad = test_bad;

		rig_init(&g, "{}");
		rig_open(&g);
		put_file(&g, "f", updates[i].before);
		text = xasprintf(BEGIN "*** Update File: f\n%s" END,
		    updates[i].chunks);
		patch(&g, text);
		now = file_text(&g, "f");
		STR_IS(now, updates[i].after ? updates[i].after :
		    updates[i].before);
		OK(g.r.is_error == !updates[i].after);
		if (test_bad > bad)
			printf("# %s: %s\n", updates[i].what, g.text);
		free(now);
		free(text);
		rig_free(&g);
	}
}

static const struct {
	const char *patch, *code, *message;
} errors[] = {
	{ "hello", "invalid_arguments", "Invalid arguments for tool 'apply_patch': "
	    "invalid patch: The first line of the patch must be "
	    "'*** Begin Patch'" },
	{ BEGIN "*** Delete File: f", "invalid_arguments", "Invalid arguments for "
	    "tool 'apply_patch': invalid patch: The last line of the patch must "
	    "be '*** End Patch'" },
	{ BEGIN END, "execution_failed",
	    "Tool execution failed: No files were modified." },
	{ BEGIN "nonsense\n" END, "invalid_arguments", "Invalid arguments for tool "
	    "'apply_patch': invalid hunk at line 2, 'nonsense' is not a valid "
	    "hunk header. Valid hunk headers: '*** Add File: {path}', "
	    "'*** Delete File: {path}', '*** Update File: {path}'" },
	{ BEGIN "*** Update File: f\n" END, "invalid_arguments", "Invalid arguments "
	    "for tool 'apply_patch': invalid hunk at line 2, Update file hunk "
	    "for path 'f' is empty" },
	{ BEGIN "*** Update File: f\n@@\nzzz\n" END, "invalid_arguments",
	    "Invalid arguments for tool 'apply_patch': invalid hunk at line 4, "
	    "Unexpected line found in update hunk: 'zzz'. Every line should "
	    "start with ' ' (context line), '+' (added line), or '-' (removed "
	    "line)" },
	{ BEGIN "*** Update File: f\n@@\n-a\nzzz\n" END, "invalid_arguments",
	    "Invalid arguments for tool 'apply_patch': invalid hunk at line 5, "
	    "Expected update hunk to start with a @@ context marker, got: "
	    "'zzz'" },
	{ BEGIN "*** Update File: f\n@@\n-zz\n" END, "execution_failed",
	    "Tool execution failed: Failed to find expected lines in f:\nzz" },
	{ BEGIN "*** Update File: f\n@@ q\n-a\n" END, "execution_failed",
	    "Tool execution failed: Failed to find context 'q' in f" },
	{ BEGIN "*** Update File: none\n@@\n-a\n" END, "execution_failed",
	    "Tool execution failed: Failed to read file to update none: No such "
	    "file or directory" },
	{ BEGIN "*** Delete File: none\n" END, "execution_failed", "Tool execution "
	    "failed: Failed to delete file none: No such file or directory" },
	{ BEGIN "*** Delete File: .\n" END, "execution_failed", "Tool execution "
	    "failed: Failed to delete file .: Is a directory" },
	{ BEGIN "*** Add File: f\n+x\n" END, "execution_failed", "Tool execution "
	    "failed: Failed to write file f: it exists already" },
	{ BEGIN "*** Add File: ../f\n+x\n" END, "invalid_arguments", "Invalid "
	    "arguments for tool 'apply_patch': path '../f' escapes the project "
	    "root" },
	{ BEGIN "*** Add File: /etc/f\n+x\n" END, "invalid_arguments", "Invalid "
	    "arguments for tool 'apply_patch': path '/etc/f' escapes the project "
	    "root" },
};

TEST(errors_are_named_and_nothing_changes)
{
	struct rig g;

	rig_init(&g, "{}");
	rig_open(&g);
	put_file(&g, "f", "a\n");
	for (size_t i = 0; i < COUNT(errors); i++) {
		patch(&g, errors[i].patch);
		SAME(refused(&g, errors[i].code), errors[i].message);
	}
	SAME(file_text(&g, "f"), "a\n");
	rig_free(&g);
}

TEST(files_are_added_moved_and_deleted)
{
	struct rig g;
	struct stat st;
	char *want, *path;

	rig_init(&g, "{}");
	rig_open(&g);
	put_file(&g, "gone", "x\n");
	put_file(&g, "old", "1\n2\n");
	path = fs_join(g.root, "old");
	OK(chmod(path, 0750) == 0);
	free(path);
	patch(&g, BEGIN "*** Add File: a/b/new\n+one\n+\n*** Delete File: gone\n"
	    "*** Update File: old\n*** Move to: c/moved\n@@\n 1\n-2\n+3\n\n" END
	    "\n");
	want = xasprintf("{\"status\":\"success\",\"added_files\":"
	    "[\"%s/a/b/new\"],\"modified_files\":[\"%s/c/moved\"],"
	    "\"deleted_files\":[\"%s/gone\"]}", g.root, g.root, g.root);
	STR_IS(g.text, want);
	free(want);
	SAME(file_text(&g, "a/b/new"), "one\n\n");
	SAME(file_text(&g, "c/moved"), "1\n3\n");
	SAME(file_text(&g, "gone"), "(no such file)");
	SAME(file_text(&g, "old"), "(no such file)");
	path = fs_join(g.root, "c/moved");
	OK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0750);
	free(path);
	rig_free(&g);
}

TEST(one_patch_may_touch_a_file_twice)
{
	struct rig g;

	rig_init(&g, "{}");
	rig_open(&g);
	patch(&g, BEGIN "*** Add File: f\n+1\n+2\n*** Update File: f\n@@\n-1\n"
	    "+one\n*** Update File: f\n@@\n one\n-2\n+two\n" END);
	SAME(file_text(&g, "f"), "one\ntwo\n");
	patch(&g, BEGIN "*** Delete File: f\n*** Add File: f\n+new\n" END);
	SAME(file_text(&g, "f"), "new\n");
	rig_free(&g);
}

TEST(a_late_failure_leaves_everything_as_it_was)
{
	struct rig g;
	char *dir;

	rig_init(&g, "{}");
	rig_open(&g);
	put_file(&g, "f", "a\n");
	patch(&g, BEGIN "*** Update File: f\n@@\n-a\n+b\n*** Add File: n\n+x\n"
	    "*** Update File: none\n@@\n-a\n+b\n" END);
	OK(g.r.is_error);
	/* A file where a directory is needed shows only while writing. */
	patch(&g, BEGIN "*** Update File: f\n@@\n-a\n+b\n"
	    "*** Add File: d/e/n\n+x\n*** Add File: x\n+x\n"
	    "*** Add File: x/y\n+y\n" END);
	OK(g.r.is_error);
	SAME(file_text(&g, "f"), "a\n");
	SAME(file_text(&g, "n"), "(no such file)");
	SAME(file_text(&g, "x"), "(no such file)");
	dir = fs_join(g.root, "d");
	OK(!fs_exists(dir));
	free(dir);
	/* Nothing else lies about. */
	STR_IS(call(&g, "list_files", "{\"depth\":9}"), "f\n");
	rig_free(&g);
}

TEST(links_inside_are_written_through_links_outside_are_refused)
{
	struct rig g;
	char *out, *a, *b, *c;
	struct stat st;

	rig_init(&g, "{}");
	rig_open(&g);
	put_file(&g, "real", "a\n");
	a = fs_join(g.root, "link");
	OK(symlink("real", a) == 0);
	patch(&g, BEGIN "*** Update File: link\n@@\n-a\n+b\n" END);
	SAME(file_text(&g, "real"), "b\n");
	OK(lstat(a, &st) == 0 && S_ISLNK(st.st_mode));

	out = fs_join(g.dir, "outside");
	b = fs_join(g.root, "out");
	OK(symlink(out, b) == 0);
	patch(&g, BEGIN "*** Update File: out\n@@\n+x\n" END);
	OK(g.r.is_error);
	patch(&g, BEGIN "*** Add File: out\n+x\n" END);
	OK(g.r.is_error && !fs_exists(out));
	c = fs_join(g.root, "up");
	OK(symlink("..", c) == 0);
	patch(&g, BEGIN "*** Add File: up/evil\n+x\n" END);
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'apply_patch': path 'up/evil' escapes the project root");
	patch(&g, BEGIN "*** Delete File: out\n*** Delete File: up\n" END);
	OK(!g.r.is_error && lstat(b, &st) < 0 && lstat(c, &st) < 0);
	free(a);
	free(b);
	free(c);
	free(out);
	rig_free(&g);
}
