#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "tool/builtin.h"
#include "tool/path.h"

#define MOST_BYTES 5242880

static const struct {
	const char *extension, *media_type;
} types[] = {
	{ "png", "image/png" }, { "jpg", "image/jpeg" },
	{ "jpeg", "image/jpeg" }, { "gif", "image/gif" },
	{ "webp", "image/webp" }, { "svg", "image/svg+xml" },
};

static void
put_base64(struct buf *b, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char *to = buf_room(b, (n + 2) / 3 * 4);

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16 |
		    (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
		    (i + 2 < n ? p[i + 2] : 0u);

		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*to++ = i + 2 < n ? digits[v & 63] : '=';
	}
	b->n += (n + 2) / 3 * 4;
	buf_end(b);
}

static const char *
type_of(struct call *c, const char *path)
{
	const char *base = strrchr(path, '/');
	const char *dot = strrchr(base ? base : path, '.');

	if (!dot || !dot[1] || dot == (base ? base + 1 : path)) {
		call_bad(c, "file '%s' has no extension", path);
		return NULL;
	}
	for (size_t i = 0; i < COUNT(types); i++)
		if (!strcasecmp(dot + 1, types[i].extension))
			return types[i].media_type;
	call_bad(c, "unsupported image extension '.%s'; supported: png, jpg, "
	    "jpeg, gif, webp, svg", dot + 1);
	return NULL;
}

static int
load(struct call *c, const char *path, const char *rel, struct buf *bytes)
{
	int fd = root_openat(c->t->root, rel, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct err e = ERR_NONE;
	struct stat st;

	if (fd < 0 && root_escaped(errno))
		call_bad(c, "path escapes project root (symlink detected)");
	else if (fd < 0 || fstat(fd, &st) < 0)
		call_failed(c, "cannot read '%s': %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		call_failed(c, "cannot read '%s': not a regular file", path);
	else if (st.st_size > MOST_BYTES)
		call_bad(c, "file size %lld bytes exceeds maximum %d bytes",
		    (long long)st.st_size, MOST_BYTES);
	else if (fs_read_fd(fd, MOST_BYTES, bytes, &e) < 0)
		call_failed(c, "cannot read '%s': %s", path, e.text);
	if (fd >= 0)
		close(fd);
	return c->r.is_error ? -1 : 0;
}

/* Tools sheet 4.4: an array of one image block. */
static void
put_image(struct call *c, const char *type, const struct buf *bytes)
{
	struct buf *b = &c->r.content;

	jput_open(b, '[');
	jput_open(b, '{');
	jput_kcstr(b, "type", "image");
	jput_kcstr(b, "media_type", type);
	jput_kcstr(b, "source", "inline");
	jput_key(b, "data");
	buf_putc(b, '"');
	put_base64(b, (const unsigned char *)buf_str(bytes), bytes->n);
	buf_putc(b, '"');
	jput_close(b, '}');
	jput_close(b, ']');
}

static void
view_image(struct call *c)
{
	char *path = arg_str(c, "path"), *rel = NULL;
	struct buf bytes = BUF_INIT;
	const char *type;

	if (!path)
		return;
	if (!(rel = root_relative(c->t->root, path)))
		call_bad(c, "path '%s' escapes the project root", path);
	else if ((type = type_of(c, path)) && load(c, path, rel, &bytes) == 0)
		put_image(c, type, &bytes);
	buf_free(&bytes);
	free(rel);
	free(path);
}

#define TEXT(s) { s, sizeof s - 1 }

const struct builtin image_tools[] = {
	{ .def = { "view_image",
	    "Look at an image file of the project (png, jpg, gif, webp, svg; at "
	    "most 5 MiB).",
	    TEXT("{\"type\":\"object\",\"properties\":{\"path\":{\"type\":"
	    "\"string\",\"description\":\"The file, relative to the project "
	    "root\"}},\"required\":[\"path\"]}") }, .start = view_image },
	{ .def = { .name = NULL } }
};
