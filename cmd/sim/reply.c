#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "sim/base64.h"
#include "sim/fields.h"
#include "sim/reply_parts.h"

/* A reply object before it is understood. */
struct raw_reply {
	struct raw_parts parts;
	struct jtext usage, error, retry_after, headers, stream_error, raw;
	char *stop, *end;
	int64_t cut_after, reset_after, hang_after, drop_after;
	struct reply r;
};

static int
read_usage(struct reply *r, struct jtext v, struct err *e)
{
	static const struct field fields[USE_COUNT] = {
		{ "input", FIELD_I64, USE_INPUT * sizeof(int64_t), 0 },
		{ "output", FIELD_I64, USE_OUTPUT * sizeof(int64_t), 0 },
		{ "cache_read", FIELD_I64, USE_CACHE_READ * sizeof(int64_t), 0 },
		{ "cache_creation", FIELD_I64, USE_CACHE_CREATION * sizeof(int64_t), 0 },
	};

	return v.p ? fields_read(v, fields, COUNT(fields), r->usage,
	    "/reply/usage", e) : 0;
}

/* The index of a word in a NULL terminated list, or -1 with an error that lists them. */
static int
word(const char *s, const char *const *words, const char *where, struct err *e)
{
	struct buf b = BUF_INIT;

	for (int i = 0; words[i]; i++)
		if (!strcmp(s, words[i]))
			return i;
	for (int i = 0; words[i]; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", words[i]);
	err_set(e, E_INVALID_PARAMS, "%s: \"%.60s\" is none of: %s", where, s,
	    buf_str(&b));
	buf_free(&b);
	return -1;
}

static int
read_stop(struct reply *r, const char *s, struct err *e)
{
	static const char *const words[] = { "end_turn", "tool_use",
	    "max_tokens", "stop_sequence", "content_filter", NULL };
	int i = s ? word(s, words, "/reply/stop", e) : 0;

	if (i < 0)
		return -1;
	if (s)
		r->stop = STOP_END + (enum stop)i;
	return 0;
}

static int
read_error(struct reply *r, struct jtext v, struct err *e)
{
	static const struct field fields[] = {
		{ "type", FIELD_STR, offsetof(struct reply, err_type), 0 },
		{ "message", FIELD_STR, offsetof(struct reply, err_message), 0 },
		{ "code", FIELD_STR, offsetof(struct reply, err_code), 0 },
	};

	return v.p ? fields_read(v, fields, COUNT(fields), r, "/reply/error", e) : 0;
}

static int
read_stream_error(struct reply *r, struct jtext v, struct err *e)
{
	static const struct field fields[] = {
		{ "type", FIELD_STR, offsetof(struct reply, fail_type), 0 },
		{ "message", FIELD_STR, offsetof(struct reply, fail_message), 0 },
		{ "code", FIELD_STR, offsetof(struct reply, fail_code), 0 },
		{ "after", FIELD_I64, offsetof(struct reply, fail_after), 0 },
	};

	if (!v.p)
		return 0;
	r->fail_after = 0;
	return fields_read(v, fields, COUNT(fields), r, "/reply/stream_error", e);
}

/* The framing is ours; a value must not smuggle in another line. */
static int
read_header(struct reply *r, const char *name, const char *value,
    struct err *e)
{
	if (!name || !http_is_token(name, strlen(name)) ||
	    !strcasecmp(name, "content-length") ||
	    !strcasecmp(name, "transfer-encoding") ||
	    !strcasecmp(name, "connection"))
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/headers: cannot set \"%.60s\"", name ? name : "");
	if (!value)
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/headers/%s: want a string", name);
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_set(e, E_INVALID_PARAMS,
			    "/reply/headers/%s: holds a control character", name);
	buf_printf(&r->fields, "%s: %s\r\n", name, value);
	return 0;
}

static int
read_headers(struct reply *r, struct jtext v, struct err *e)
{
	struct jiter it;
	int rc = 0;

	for (it = json_iter(v); rc == 0 && json_next(&it);) {
		size_t nn = 0, nv = 0;
		char *name = json_str(it.key, &nn);
		char *value = json_str(it.value, &nv);

		if (value && strlen(value) != nv) {
			free(value);
			value = NULL;
		}
		rc = read_header(r, name && strlen(name) == nn ? name : NULL,
		    value, e);
		free(name);
		free(value);
	}
	return rc;
}

struct raw_piece {
	struct jtext bytes, base64;
	struct piece piece;
};

static int
read_piece(struct reply *r, struct jtext v, const char *where, struct err *e)
{
	static const struct field fields[] = {
		{ "bytes", FIELD_RAW, offsetof(struct raw_piece, bytes), '"' },
		{ "base64", FIELD_RAW, offsetof(struct raw_piece, base64), '"' },
		{ "delay_ms", FIELD_I64, offsetof(struct raw_piece, piece.delay_ms), 0 },
		{ "times", FIELD_I64, offsetof(struct raw_piece, piece.times), 0 },
	};
	struct raw_piece raw = { .piece.times = 1 };
	struct piece *p = &raw.piece;

	if (fields_read(v, fields, COUNT(fields), &raw, where, e) < 0)
		return -1;
	if (!raw.bytes.p == !raw.base64.p)
		return err_set(e, E_INVALID_PARAMS,
		    "%s: want one of bytes, base64", where);
	p->p = json_str(raw.bytes.p ? raw.bytes : raw.base64, &p->n);
	if (raw.base64.p && base64_decode(p->p, &p->n) < 0) {
		free(p->p);
		return err_set(e, E_INVALID_PARAMS,
		    "%s/base64: not base64 text", where);
	}
	r->pieces = xrealloc(r->pieces, (r->n_pieces + 1) * sizeof *r->pieces);
	r->pieces[r->n_pieces++] = *p;
	return 0;
}

static int
read_raw(struct raw_reply *raw, struct err *e)
{
	static const char *const ends[] = { "close", "drop", "reset", "hang", NULL };
	struct reply *r = &raw->r;
	struct jiter it;
	int i = 0;

	r->raw = raw->raw.p != NULL;
	for (it = json_iter(raw->raw); json_next(&it); i++) {
		char where[48];

		snprintf(where, sizeof where, "/reply/raw/%d", i);
		if (read_piece(r, it.value, where, e) < 0)
			return -1;
	}
	if (!raw->end)
		return 0;
	if (!r->raw)
		return err_set(e, E_INVALID_PARAMS, "/reply/end: belongs to raw; "
		    "else say cut_after, drop_after, reset_after or hang_after");
	i = word(raw->end, ends, "/reply/end", e);
	if (i < 0)
		return -1;
	r->end = (enum ending)i;
	return 0;
}

static int
read_limits(struct raw_reply *raw, struct err *e)
{
	const struct { int64_t after; enum ending end; } limits[] = {
		{ raw->cut_after, END_CLEAN }, { raw->drop_after, END_DROP },
		{ raw->reset_after, END_RESET }, { raw->hang_after, END_HANG },
	};
	struct reply *r = &raw->r;

	for (size_t i = 0; i < COUNT(limits); i++) {
		if (limits[i].after < 0)
			continue;
		if (r->end_after >= 0)
			return err_set(e, E_INVALID_PARAMS, "/reply: more than one "
			    "of cut_after, drop_after, reset_after, hang_after");
		r->end_after = limits[i].after;
		r->end = limits[i].end;
	}
	return 0;
}

/* An answer, an error, or raw bytes: keys of two of them do not mix. */
static int
check_kind(const struct raw_reply *raw, struct err *e)
{
	const struct reply *r = &raw->r;
	bool answer = r->n_parts || raw->parts.blocks.p || raw->parts.tool_calls.p ||
	    raw->usage.p || raw->stop || r->end_after >= 0 || r->fail_after >= 0;
	bool error = raw->error.p || raw->retry_after.p;

	if (r->status < 200 || r->status > 599)
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/status: want 200 to 599");
	if (error && (r->status == 200 || r->raw))
		return err_set(e, E_INVALID_PARAMS, "/reply: error and retry_after "
		    "need an error status, and do not go with raw");
	if (answer && (r->status != 200 || r->raw))
		return err_set(e, E_INVALID_PARAMS, "/reply: %s has no text, tool "
		    "calls, usage, stop or events", r->raw ? "raw" :
		    "an error status");
	if (r->content_type && !r->raw)
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/content_type: belongs to raw");
	return 0;
}

static int
read_retry_after(struct reply *r, struct jtext v, struct err *e)
{
	double seconds;

	if (!v.p)
		return 0;
	if (!json_f64(v, &seconds) || seconds < 0)
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/retry_after: want seconds");
	r->retry_after = xstrndup(v.p, v.n);
	return 0;
}

void
reply_init(struct reply *r, const struct defaults *d)
{
	*r = (struct reply){ .status = 200, .usage = { -1, -1, -1, -1 },
	    .chunk = d->chunk, .chunk_delay_ms = d->chunk_delay_ms,
	    .end_after = -1, .fail_after = -1 };
}

#define RAW(key, kind)	{ #key, FIELD_RAW, offsetof(struct raw_reply, key), kind }
#define PART(key, kind)	{ #key, FIELD_RAW, offsetof(struct raw_reply, parts.key), kind }
#define OWN(type, key)	{ #key, type, offsetof(struct raw_reply, key), 0 }
#define KEEP(type, key)	{ #key, type, offsetof(struct raw_reply, r.key), 0 }

static const struct field reply_fields[] = {
	PART(text, '"'), PART(thinking, '"'), PART(tool_calls, '['),
	PART(blocks, '['), PART(repeat, '{'),
	{ "signature", FIELD_STR, offsetof(struct raw_reply, parts.signature), 0 },
	RAW(usage, '{'), RAW(error, '{'), RAW(retry_after, '0'),
	RAW(headers, '{'), RAW(stream_error, '{'), RAW(raw, '['),
	OWN(FIELD_STR, stop), OWN(FIELD_STR, end),
	OWN(FIELD_I64, cut_after), OWN(FIELD_I64, reset_after),
	OWN(FIELD_I64, hang_after), OWN(FIELD_I64, drop_after),
	KEEP(FIELD_I64, status), KEEP(FIELD_I64, delay_ms),
	KEEP(FIELD_I64, first_delay_ms), KEEP(FIELD_I64, chunk_delay_ms),
	KEEP(FIELD_I64, chunk), KEEP(FIELD_STR, content_type),
};

int
reply_parse(struct jtext v, const struct defaults *d, struct reply *r,
    struct err *e)
{
	struct raw_reply raw = { .cut_after = -1, .reset_after = -1,
	    .hang_after = -1, .drop_after = -1 };
	int rc = -1;

	reply_init(&raw.r, d);
	if (fields_read(v, reply_fields, COUNT(reply_fields), &raw, "/reply", e) < 0 ||
	    parts_parse(&raw.parts, &raw.r, e) < 0 ||
	    read_usage(&raw.r, raw.usage, e) < 0 ||
	    read_stop(&raw.r, raw.stop, e) < 0 ||
	    read_error(&raw.r, raw.error, e) < 0 ||
	    read_retry_after(&raw.r, raw.retry_after, e) < 0 ||
	    read_headers(&raw.r, raw.headers, e) < 0 ||
	    read_stream_error(&raw.r, raw.stream_error, e) < 0 ||
	    read_raw(&raw, e) < 0 || read_limits(&raw, e) < 0 ||
	    check_kind(&raw, e) < 0)
		goto done;
	rc = 0;
done:
	free(raw.parts.signature);
	free(raw.stop);
	free(raw.end);
	*r = raw.r;
	return rc;
}

void
reply_free(struct reply *r)
{
	parts_free(r->parts, r->n_parts);
	for (size_t i = 0; i < r->n_pieces; i++)
		free(r->pieces[i].p);
	free(r->pieces);
	buf_free(&r->fields);
	free(r->err_type);
	free(r->err_message);
	free(r->err_code);
	free(r->retry_after);
	free(r->fail_type);
	free(r->fail_message);
	free(r->fail_code);
	free(r->content_type);
	*r = (struct reply){ .parts = NULL };
}
