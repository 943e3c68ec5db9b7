#include <stdlib.h>
#include <string.h>

#include "agent/run.h"
#include "base/jput.h"
#include "store/blobs.h"

/* Message content: a string, or an array of text, image and video blocks (agent sheet 2.1). */

/* "image/png": what every provider takes as a type, and nothing that could break out of it. */
static bool
is_image_type(const char *media)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyz0123456789.+-";
	size_t n;

	if (strncmp(media, "image/", 6))
		return false;
	n = strlen(media + 6);
	return n > 0 && n < 32 && strspn(media + 6, legal) == n;
}

/* RFC 4648 section 4, padded, on one line.  A provider would refuse the session for ever. */
static bool
is_base64(const char *p, size_t n)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t body = strspn(p, legal);

	return n > 0 && n % 4 == 0 && n - body <= 2 &&
	    strspn(p + body, "=") == n - body;
}

static int
store_image(const struct realm *r, struct jtext block, struct buf *out,
    struct err *e)
{
	char *media = json_get_str(block, "media_type");
	struct jtext blob = json_get(block, "blob_id");
	char *data = NULL, id[72];
	size_t n = 0;
	int rc = -1;

	if (!media || !is_image_type(media)) {
		err_set(e, E_INVALID_PARAMS,
		    "image block: /media_type: want image/png or the like");
		goto done;
	}
	if (json_is(blob, '"')) {
		jput_raw(out, block.p, block.n);
		rc = 0;
		goto done;
	}
	data = json_str(json_get(block, "data"), &n);
	if (!data || !is_base64(data, n)) {
		err_set(e, E_INVALID_PARAMS,
		    "image block: /data: want base64 text, or /blob_id");
		goto done;
	}
	if (blob_put(r, media, data, n, id, e) < 0)
		goto done;
	jput_open(out, '{');
	jput_kcstr(out, "type", "image");
	jput_kcstr(out, "media_type", media);
	jput_kcstr(out, "source", "blob");
	jput_kcstr(out, "blob_id", id);
	jput_close(out, '}');
	rc = 0;
done:
	free(media);
	free(data);
	return rc;
}

static int
check_video(struct jtext block, struct err *e)
{
	static const char *const types[] = { "video/mp4", "video/webm",
		"video/quicktime" };
	char *media = json_get_str(block, "media_type");
	const char *m = media ? media : "";
	struct jtext data = json_get(block, "data");
	bool known = false;
	int rc = 0;

	for (size_t i = 0; i < COUNT(types); i++)
		known |= !strcmp(m, types[i]);
	if (!known)
		rc = err_set(e, E_INVALID_PARAMS,
		    "unsupported video media type '%s'; expected one of "
		    "video/mp4, video/webm, video/quicktime", m);
	else if (json_get_i64(block, "duration_ms", 0) <= 0)
		rc = err_set(e, E_INVALID_PARAMS,
		    "video block duration_ms must be greater than 0 for %s", m);
	else if (!json_is(data, '"') || data.n <= 2)
		rc = err_set(e, E_INVALID_PARAMS,
		    "video block data must not be empty for %s", m);
	free(media);
	return rc;
}

static int
store_block(const struct realm *r, struct jtext block, struct buf *out,
    struct err *e)
{
	struct jtext type = json_get(block, "type");

	if (json_str_is(type, "image"))
		return store_image(r, block, out, e);
	if (json_str_is(type, "video")) {
		if (check_video(block, e) < 0)
			return -1;
	} else if (!json_str_is(type, "text")) {
		return err_set(e, E_INVALID_PARAMS,
		    "content block: /type: want text, image or video");
	} else if (!json_is(json_get(block, "text"), '"')) {
		return err_set(e, E_INVALID_PARAMS,
		    "text block: /text: want a string");
	}
	jput_raw(out, block.p, block.n);
	return 0;
}

int
content_store(const struct realm *r, struct jtext content, struct buf *out,
    struct err *e)
{
	struct jiter it;
	struct jtext only;

	if (json_is(content, '"')) {
		jput_raw(out, content.p, content.n);
		return 0;
	}
	if (!json_is(content, '['))
		return err_set(e, E_INVALID_PARAMS,
		    "content: want a string or an array of blocks");
	/* Exactly one block, and it is text: a plain string. */
	only = json_path(content, "0");
	if (json_count(content) == 1 && json_str_is(json_get(only, "type"),
	    "text") && json_is(json_get(only, "text"), '"')) {
		only = json_get(only, "text");
		jput_raw(out, only.p, only.n);
		return 0;
	}
	jput_open(out, '[');
	for (it = json_iter(content); json_next(&it); )
		if (store_block(r, it.value, out, e) < 0)
			return -1;
	jput_close(out, ']');
	return 0;
}

int
content_fits(struct jtext content, enum provider p, struct err *e)
{
	struct jiter it = json_iter(content);

	if (!json_is(content, '[') || p == PROVIDER_GEMINI)
		return 0;
	while (json_next(&it))
		if (json_str_is(json_get(it.value, "type"), "video"))
			return err_set(e, E_INVALID_PARAMS, "inline video input "
			    "requires a Gemini model; current provider is '%s'",
			    provider_name(p));
	return 0;
}
