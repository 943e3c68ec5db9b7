#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "session/document.h"
#include "store/blobs.h"

/* ---- images: in a document inline, in the store by reference ---- */

/* What becomes of one content block: appended to b; -1 for an error. */
typedef int block_fn(const struct realm *r, struct jtext block, struct buf *b,
    struct err *e);

static void
put_image(struct buf *b, const char *media_type, const char *source,
    const char *key, const char *value, size_t n)
{
	jput_open(b, '{');
	jput_kcstr(b, "type", "image");
	jput_kcstr(b, "media_type", media_type);
	jput_kcstr(b, "source", source);
	jput_kstr(b, key, value, n);
	jput_close(b, '}');
}

static bool
is_image(struct jtext block, const char *source)
{
	return json_str_is(json_get(block, "type"), "image") &&
	    json_str_is(json_get(block, "source"), source);
}

static int
inline_block(const struct realm *r, struct jtext block, struct buf *b,
    struct err *e)
{
	char *id = is_image(block, "blob") ? json_get_str(block, "blob_id") :
	    NULL, *media_type = NULL;
	struct buf data = BUF_INIT;

	(void)e;
	if (id && blob_get(r, id, &media_type, &data, NULL) == 0)
		put_image(b, media_type, "inline", "data", data.p, data.n);
	else
		jput_raw(b, block.p, block.n);
	free(media_type);
	free(id);
	buf_free(&data);
	return 0;
}

static int
store_block(const struct realm *r, struct jtext block, struct buf *b,
    struct err *e)
{
	char *media_type, *data, id[72];
	size_t n = 0;
	int rc;

	if (!is_image(block, "inline")) {
		jput_raw(b, block.p, block.n);
		return 0;
	}
	media_type = json_get_str(block, "media_type");
	data = json_str(json_get(block, "data"), &n);
	rc = media_type && data ? blob_put(r, media_type, data, n, id, e) :
	    err_set(e, E_INVALID_PARAMS, "image: no media_type or no data");
	if (rc == 0)
		put_image(b, media_type, "blob", "blob_id", id, strlen(id));
	free(media_type);
	free(data);
	return rc;
}

static int
put_content(const struct realm *r, struct jtext content, block_fn *fn,
    struct buf *b, struct err *e)
{
	struct jiter it = json_iter(content);

	if (!json_is(content, '[')) {
		jput_raw(b, content.p, content.n);
		return 0;
	}
	jput_open(b, '[');
	while (json_next(&it))
		if (fn(r, it.value, b, e) < 0)
			return -1;
	jput_close(b, ']');
	return 0;
}

static int put_object(const struct realm *r, struct jtext obj, block_fn *fn,
    struct buf *b, struct err *e);

/* A copy of a message or tool result, member by member, its images changed by fn. */
static int
put_member(const struct realm *r, struct jiter *it, block_fn *fn,
    struct buf *b, struct err *e)
{
	struct jiter results;

	if (json_str_is(it->key, "content"))
		return put_content(r, it->value, fn, b, e);
	if (!json_str_is(it->key, "results")) {
		jput_raw(b, it->value.p, it->value.n);
		return 0;
	}
	jput_open(b, '[');
	for (results = json_iter(it->value); json_next(&results); )
		if (put_object(r, results.value, fn, b, e) < 0)
			return -1;
	jput_close(b, ']');
	return 0;
}

static int
put_object(const struct realm *r, struct jtext obj, block_fn *fn,
    struct buf *b, struct err *e)
{
	struct jiter it = json_iter(obj);

	jput_open(b, '{');
	while (json_next(&it)) {
		jput_raw(b, it.key.p, it.key.n);
		buf_putc(b, ':');
		if (put_member(r, &it, fn, b, e) < 0)
			return -1;
	}
	jput_close(b, '}');
	return 0;
}

/* ---- writing ---- */

static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	jput_key(b, key);
	jput_open(b, '{');
	jput_ki64(b, "secs_since_epoch", ms / 1000);
	jput_ki64(b, "nanos_since_epoch", ms % 1000 * 1000000);
	jput_close(b, '}');
}

static void
put_raw(struct buf *b, const char *key, const char *json)
{
	jput_kraw(b, key, json, strlen(json));
}

static void
put_metadata(struct buf *b, const struct session *s)
{
	struct jiter it = json_iter(json_text(s->state));

	jput_key(b, "metadata");
	jput_open(b, '{');
	put_raw(b, "session_metadata", s->meta);
	put_raw(b, "session_build_state", s->build);
	if (json_count(json_text(s->labels)))
		put_raw(b, "session_labels", s->labels);
	while (json_next(&it)) {
		jput_raw(b, it.key.p, it.key.n);
		buf_putc(b, ':');
		jput_raw(b, it.value.p, it.value.n);
	}
	if (s->archived)
		jput_kbool(b, "session_archived", true);
	jput_close(b, '}');
}

void
document_emit(const struct realm *r, const struct session *s,
    const struct messages *m, struct buf *b)
{
	jput_open(b, '{');
	jput_ki64(b, "version", 1);
	jput_kcstr(b, "id", s->id);
	jput_key(b, "messages");
	jput_open(b, '[');
	for (size_t i = 0; i < m->n; i++)
		put_object(r, m->v[i], inline_block, b, NULL);
	jput_close(b, ']');
	put_time(b, "created_at", s->created_ms);
	put_time(b, "updated_at", s->updated_ms);
	put_metadata(b, s);
	jput_key(b, "usage");
	usage_emit(b, &s->usage);
	jput_close(b, '}');
}

/* ---- reading ---- */

static int
wrong(struct err *e, const char *at, const char *want)
{
	return err_set(e, E_INVALID_PARAMS, "%s: want %s", at, want);
}

static int
read_time(struct jtext doc, const char *key, int64_t *ms, struct err *e)
{
	struct jtext v = json_get(doc, key);
	int64_t secs, nanos;

	if (!v.p)
		return 0;
	if (!json_i64(json_get(v, "secs_since_epoch"), &secs) ||
	    !json_i64(json_get(v, "nanos_since_epoch"), &nanos) ||
	    secs < 0 || secs > INT64_MAX / 2000 || nanos < 0 ||
	    nanos > 999999999)
		return err_set(e, E_INVALID_PARAMS, "/%s: want "
		    "{\"secs_since_epoch\":n,\"nanos_since_epoch\":n}", key);
	*ms = secs * 1000 + nanos / 1000000;
	return 0;
}

/* Sums of counts must not overflow. */
#define COUNT_MAX ((int64_t)1 << 53)

static int
read_count(struct jtext usage, const char *key, bool nullable, int64_t *n,
    struct err *e)
{
	struct jtext v = json_get(usage, key);

	if (!v.p || (nullable && json_is(v, 'n')) ||
	    (json_i64(v, n) && *n >= 0 && *n <= COUNT_MAX))
		return 0;
	return err_set(e, E_INVALID_PARAMS, "/usage/%s: want a count%s", key,
	    nullable ? " or null" : "");
}

static int
read_usage(struct jtext usage, struct usage *u, struct err *e)
{
	*u = (struct usage)USAGE_NONE;
	if (usage.p && !json_is(usage, '{'))
		return wrong(e, "/usage", "an object");
	return read_count(usage, "input_tokens", false, &u->input, e) < 0 ||
	    read_count(usage, "output_tokens", false, &u->output, e) < 0 ||
	    read_count(usage, "cache_creation_tokens", true,
	    &u->cache_creation, e) < 0 ||
	    read_count(usage, "cache_read_tokens", true, &u->cache_read,
	    e) < 0 ? -1 : 0;
}

/* Each known key to its column, the rest to `state`. */
static int
read_key(struct jtext key, struct jtext v, struct session *s,
    struct buf *state, struct err *e)
{
	const struct { const char *key; char **column; } columns[] = {
		{ "session_metadata", &s->meta },
		{ "session_build_state", &s->build },
		{ "session_labels", &s->labels },
	};

	for (size_t i = 0; i < COUNT(columns); i++) {
		if (!json_str_is(key, columns[i].key))
			continue;
		if (!json_is(v, '{'))
			return err_set(e, E_INVALID_PARAMS,
			    "/metadata/%s: want an object", columns[i].key);
		free(*columns[i].column);
		*columns[i].column = xstrndup(v.p, v.n);
		return 0;
	}
	if (json_str_is(key, "session_archived"))
		return json_bool(v, &s->archived) ? 0 :
		    wrong(e, "/metadata/session_archived", "true or false");
	jput_raw(state, key.p, key.n);
	buf_putc(state, ':');
	jput_raw(state, v.p, v.n);
	return 0;
}

static int
check_labels(const struct session *s, struct err *e)
{
	struct jiter it = json_iter(json_text(s->labels));

	while (json_next(&it))
		if (!json_is(it.value, '"'))
			return wrong(e, "/metadata/session_labels",
			    "an object of strings");
	return 0;
}

static int
read_metadata(struct jtext meta, struct session *s, struct err *e)
{
	struct buf state = BUF_INIT;
	struct jiter it = json_iter(meta);
	int rc = 0;

	if (meta.p && !json_is(meta, '{'))
		return wrong(e, "/metadata", "an object");
	jput_open(&state, '{');
	while (rc == 0 && json_next(&it))
		rc = read_key(it.key, it.value, s, &state, e);
	jput_close(&state, '}');
	s->state = buf_steal(&state);
	if (rc == 0 && s->meta && json_get(json_text(s->meta), "model").p &&
	    !json_is(json_get(json_text(s->meta), "model"), '"'))
		rc = wrong(e, "/metadata/session_metadata/model", "a string");
	return rc < 0 ? -1 : check_labels(s, e);
}

/* Every result must answer a call of the message in front of it: no provider takes it otherwise. */
static int
check_answers(struct jtext call, struct jtext m, const char *at, struct err *e)
{
	struct jiter r = json_iter(json_get(m, "results"));

	while (json_next(&r)) {
		struct jtext id = json_get(r.value, "tool_use_id");
		struct jiter b = json_iter(json_get(call, "blocks"));
		char *want = json_str(id, NULL);
		bool found = false;

		while (json_next(&b))
			found |= json_str_is(json_path(b.value, "data/id"),
			    want);
		b = json_iter(json_get(call, "tool_calls"));
		while (json_next(&b))
			found |= json_str_is(json_get(b.value, "id"), want);
		if (!found)
			err_set(e, E_INVALID_PARAMS, "%s: result for '%.64s', "
			    "which the message before did not call", at, want);
		free(want);
		if (!found)
			return -1;
	}
	return 0;
}

/* All of them, before the first image is stored. */
static int
check_messages(struct jtext list, struct err *e)
{
	struct jiter it = json_iter(list);
	struct jtext last = JTEXT_NONE;
	char at[40];

	if (!json_is(list, '['))
		return wrong(e, "/messages", "an array");
	for (size_t i = 0; json_next(&it); i++) {
		snprintf(at, sizeof at, "/messages/%zu", i);
		if (message_check(it.value, at, e) < 0 ||
		    check_answers(last, it.value, at, e) < 0)
			return -1;
		if (i && json_str_is(json_get(it.value, "role"), "system"))
			return err_set(e, E_INVALID_PARAMS, "%s: a system "
			    "message is only ever the first", at);
		last = it.value;
	}
	return 0;
}

static int
read_messages(const struct realm *r, struct jtext list, struct messages *m,
    struct err *e)
{
	struct jiter it = json_iter(list);
	struct buf b = BUF_INIT;
	int rc = check_messages(list, e);

	while (rc == 0 && json_next(&it)) {
		rc = put_object(r, it.value, store_block, &b, e);
		messages_push(m, buf_str(&b), b.n);
		buf_trunc(&b, 0);
	}
	buf_free(&b);
	return rc;
}

static int
read_head(struct jtext doc, bool keep, struct session *s, struct err *e)
{
	struct jtext version = json_get(doc, "version");
	char *id = json_get_str(doc, "id");
	int64_t v = 1;
	int rc = 0;

	if (!json_is(doc, '{'))
		rc = wrong(e, "document", "an object");
	else if (version.p && (!json_i64(version, &v) || v != 1))
		rc = wrong(e, "/version", "1");
	else if (!id || !uuid_valid(id))
		rc = wrong(e, "/id", "a UUID");
	else if (keep)
		for (size_t i = 0; i < UUID_LEN; i++)
			s->id[i] = (char)(id[i] >= 'A' && id[i] <= 'F' ?
			    id[i] | 0x20 : id[i]);
	free(id);
	return rc;
}

int
document_read(const struct realm *r, struct jtext doc, bool keep,
    struct session *s, struct messages *m, struct err *e)
{
	memset(s, 0, sizeof *s);
	memset(m, 0, sizeof *m);
	if (read_head(doc, keep, s, e) < 0 ||
	    read_time(doc, "created_at", &s->created_ms, e) < 0 ||
	    read_time(doc, "updated_at", &s->updated_ms, e) < 0 ||
	    read_usage(json_get(doc, "usage"), &s->usage, e) < 0 ||
	    read_metadata(json_get(doc, "metadata"), s, e) < 0 ||
	    read_messages(r, json_get(doc, "messages"), m, e) < 0)
		return -1;
	if (!keep) {
		s->created_ms = s->updated_ms = 0;
		s->archived = false;
	}
	return 0;
}
