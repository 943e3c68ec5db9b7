#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fs.h"
#include "base/jput.h"
#include "session/session.h"
#include "store/blobs.h"

/* blob get: cli sheet 8.2. */

static int
decode(struct cmd *c, const struct buf *base64, struct buf *bytes)
{
	size_t n = 0, max = base64->n / 4 * 3 + 3;
	char *to = buf_room(bytes, max);

	if (sodium_base642bin((unsigned char *)to, max, buf_str(base64),
	    base64->n, "\r\n", &n, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
		return err_set(&c->e, E_INTERNAL_ERROR,
		    "blob: its data is no base64");
	bytes->n += n;
	buf_end(bytes);
	return 0;
}

static void
as_json(const char *id, const char *media_type, const struct buf *base64,
    struct buf *out)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "blob_id", id);
	jput_kcstr(&b, "media_type", media_type);
	jput_kstr(&b, "data", buf_str(base64), base64->n);
	jput_close(&b, '}');
	jput_pretty(out, b.p, b.n);
	buf_putc(out, '\n');
	buf_free(&b);
}

/* A device, a pipe or a link that stands there is written to, never replaced. */
static int
put_file(struct cmd *c, const char *file, const struct buf *b)
{
	char *real = realpath(file, NULL);
	const char *path = real ? real : file;
	struct stat st;
	int fd = -1, rc;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		rc = fs_write_atomic(path, buf_str(b), b->n, 0644, &c->e);
	else if ((fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)) < 0 ||
	    fs_write_all(fd, buf_str(b), b->n) < 0)
		rc = err_sys(&c->e, E_FAILED, "%s", file);
	else
		rc = 0;
	if (fd >= 0)
		close(fd);
	free(real);
	return rc;
}

static int
get(struct cmd *c, const char *id, const char *file)
{
	struct buf base64 = BUF_INIT, out = BUF_INIT;
	char *media_type = NULL;
	int rc = -1;

	if (cmd_open_existing(c) < 0) {
		if (c->e.code == E_SESSION_NOT_FOUND)
			err_set(&c->e, E_NOT_FOUND, "blob not found: %.80s", id);
		goto done;
	}
	if (blob_get(&c->realm, id, &media_type, &base64, &c->e) < 0)
		goto done;
	if (c->json)
		as_json(id, media_type, &base64, &out);
	else if (decode(c, &base64, &out) < 0)
		goto done;
	rc = file ? put_file(c, file, &out) : cmd_write(c, &out);
done:
	free(media_type);
	buf_free(&base64);
	buf_free(&out);
	return rc;
}

VERB(verb_blob)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 }
	};
	const char *file = NULL;
	int o;

	while ((o = cmd_option(c, argc, argv, ":o:", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'o': file = optarg; break;
		default: return cmd_usage(c);
		}
	if (argc - optind != 2 || strcmp(argv[optind], "get"))
		return cmd_usage(c);
	return get(c, argv[optind + 1], file);
}
