#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <oniguruma.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/util.h"
#include "tool/files.h"
#include "tool/policy.h"

#define MOST_FILE (32 << 20)
#define MOST_LINE 500

/* ---- the walk ---- */

static int
unhidden(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool
is_dir(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

static bool
wanted(const struct query *q, const char *name, const char *path)
{
	size_t skip = strcmp(q->rel, ".") ? strlen(q->rel) + 1 : 0;

	if (!q->pattern)
		return true;
	return strchr(q->pattern, '/') ?
	    glob_match(q->pattern, path + skip, true) :
	    glob_match(q->pattern, name, true);
}

static bool walk_dir(struct walk *w, int dir, const char *path, int depth);

/* One entry, and what is below it; false stops the walk. */
static bool
walk_entry(struct walk *w, int dir, const struct dirent *d, const char *up,
    int depth)
{
	char *path = strcmp(up, ".") ? fs_join(up, d->d_name) :
	    xstrdup(d->d_name);
	bool sub = is_dir(dir, d), go = true;
	int fd;

	if (time_mono_ms() > w->deadline) {
		w->late = true;
		go = false;
	} else if (wanted(w->q, d->d_name, path)) {
		go = w->visit(w, dir, d->d_name, path, sub);
	}
	if (go && sub && depth < w->q->depth && depth < WALK_DEPTH &&
	    strcmp(d->d_name, ".git")) {
		fd = openat(dir, d->d_name, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0) {
			go = walk_dir(w, fd, path, depth + 1);
			close(fd);
		}
	}
	free(path);
	return go;
}

static bool
walk_dir(struct walk *w, int dir, const char *path, int depth)
{
	struct dirent **names;
	int n = scandirat(dir, ".", &names, unhidden, by_bytes);
	bool go = true;

	if (n < 0)
		return true;	/* not readable: as if empty */
	for (int i = 0; i < n; i++) {
		if (go)
			go = walk_entry(w, dir, names[i], path, depth);
		free(names[i]);
	}
	free(names);
	return go;
}

int
walk_tree(struct walk *w)
{
	int dir = root_openat(w->q->root, w->q->rel, O_RDONLY | O_DIRECTORY);

	if (dir < 0)
		return -1;
	walk_dir(w, dir, w->q->rel, 1);
	close(dir);
	return 0;
}

/* ---- list_files ---- */

struct listing {
	struct buf *out;
	int64_t n;
	bool full;
};

static bool
list_one(struct walk *w, int dir, const char *name, const char *path, bool sub)
{
	struct listing *l = w->arg;

	(void)dir;
	(void)name;
	if (l->n == w->q->limit) {
		l->full = true;
		return false;
	}
	buf_printf(l->out, "%s%s\n", path, sub ? "/" : "");
	l->n++;
	return true;
}

static void
put_late(const struct walk *w, struct buf *out)
{
	if (w->late)
		buf_printf(out, "[stopped after %d s: not everything was looked "
		    "at; narrow it with path or pattern]\n", WALK_MS / 1000);
}

enum answer
list_work(const struct query *q, struct buf *out)
{
	struct listing l = { .out = out };
	struct walk w = { .q = q, .visit = list_one, .arg = &l,
	    .deadline = time_mono_ms() + WALK_MS };

	if (walk_tree(&w) < 0)
		return open_failed(q, errno, out);
	if (l.full)
		buf_printf(out, "[stopped at %lld entries: there are more; narrow "
		    "it with path, pattern or depth]\n", (long long)l.n);
	put_late(&w, out);
	if (!out->n)
		buf_puts(out, q->pattern ? "[no match]\n" : "[empty]\n");
	return ANSWER_TEXT;
}

/* ---- search_files ---- */

struct search {
	struct buf *out;
	regex_t *re;		/* oniguruma's: libjq brings it, and it hides libc's regcomp */
	size_t len;		/* of a fixed query */
	int64_t n, big;
	bool full;
};

static bool
hits(const struct search *s, const struct query *q, const char *line, size_t n)
{
	const OnigUChar *p = (const OnigUChar *)line;

	if (q->regex)
		return onig_search(s->re, p, p + n, p, p + n, NULL,
		    ONIG_OPTION_NONE) >= 0;
	return memmem(line, n, q->text, s->len) != NULL;
}

/* Bytes, not characters: a file may hold anything.  The library limits backtracking. */
static int
compile(struct search *s, const struct query *q, struct buf *why)
{
	const OnigUChar *p = (const OnigUChar *)q->text;
	OnigEncoding enc = ONIG_ENCODING_ASCII;
	OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
	OnigErrorInfo info;
	int rc;

	onig_initialize(&enc, 1);
	rc = onig_new(&s->re, p, p + s->len, ONIG_OPTION_NONE, enc,
	    ONIG_SYNTAX_PERL_NG, &info);
	if (rc == ONIG_NORMAL)
		return 0;
	onig_error_code_to_str(text, rc, &info);
	buf_printf(why, "'query': %s", (const char *)text);
	return -1;
}

static void
put_hit(struct buf *out, const char *path, int64_t line, const char *p,
    size_t n)
{
	size_t cut = n > MOST_LINE ? utf8_cut(p, n, MOST_LINE) : n;

	buf_printf(out, "%s:%lld:", path, (long long)line);
	buf_put(out, p, cut);
	if (cut < n)
		buf_printf(out, " [%zu more bytes]", n - cut);
	buf_putc(out, '\n');
}

/* Every line of a text; false when there are enough. */
static bool
search_text(struct walk *w, const char *path, const char *p, size_t n)
{
	struct search *s = w->arg;
	int64_t line = 1;

	for (const char *end = p + n; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (len && p[len - 1] == '\r')
			len--;
		if (hits(s, w->q, p, len)) {
			if (s->n == w->q->limit) {
				s->full = true;
				return false;
			}
			put_hit(s->out, path, line, p, len);
			s->n++;
		}
		if (!(line & 255) && time_mono_ms() > w->deadline) {
			w->late = true;
			return false;
		}
		p = nl ? nl + 1 : end;
	}
	return true;
}

/* One open file; closes it. */
static bool
search_fd(struct walk *w, int fd, const char *path)
{
	struct search *s = w->arg;
	struct buf text = BUF_INIT;
	struct stat st;
	bool go = true;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		goto done;
	if (st.st_size > MOST_FILE) {
		s->big++;
		goto done;
	}
	if (fs_read_fd(fd, MOST_FILE, &text, NULL) == 0 && text.n &&
	    !memchr(text.p, 0, text.n < BINARY_PROBE ? text.n : BINARY_PROBE))
		go = search_text(w, path, text.p, text.n);
done:
	buf_free(&text);
	close(fd);
	return go;
}

static bool
search_one(struct walk *w, int dir, const char *name, const char *path,
    bool sub)
{
	int fd;

	if (sub)
		return true;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
	    O_CLOEXEC);
	return fd < 0 || search_fd(w, fd, path);
}

/* q->rel may be one file. */
static int
search_all(struct walk *w)
{
	struct stat st;
	int fd;

	fd = root_openat(w->q->root, w->q->rel, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		search_fd(w, fd, w->q->rel);
		return 0;
	}
	close(fd);
	return walk_tree(w);
}

enum answer
search_work(const struct query *q, struct buf *out)
{
	struct search s = { .out = out, .len = strlen(q->text) };
	struct walk w = { .q = q, .visit = search_one, .arg = &s,
	    .deadline = time_mono_ms() + WALK_MS };
	int rc;

	if (q->regex && compile(&s, q, out) < 0)
		return ANSWER_BAD;
	rc = search_all(&w);
	if (q->regex)
		onig_free(s.re);
	if (rc < 0)
		return open_failed(q, errno, out);
	if (s.full)
		buf_printf(out, "[stopped at %lld matches: there are more]\n",
		    (long long)s.n);
	put_late(&w, out);
	if (!s.n && !w.late)
		buf_puts(out, "[no match]\n");
	if (s.big)
		buf_printf(out, "[%lld files over 32 MiB were skipped]\n",
		    (long long)s.big);
	return ANSWER_TEXT;
}
