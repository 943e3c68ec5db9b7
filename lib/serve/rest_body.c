#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/catalog.h"
#include "serve/params.h"
#include "serve/rest_impl.h"
#include "serve/sessions.h"
#include "store/realm.h"

/* What comes in and what is wrong with it: rest sheet sections 1.4, 1.5 and 2. */

/* ---- answers ---- */

void
rest_unprocessable(struct http_req *r, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	buf_puts(&b, "Failed to deserialize the JSON body into the target "
	    "type: ");
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	http_reply_text(r, 422, b.p);
	buf_free(&b);
}

void
rest_fail(struct http_req *r, int status, const char *code, const char *fmt,
    ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	http_fail(r, status, code, buf_str(&b), JTEXT_NONE);
	buf_free(&b);
}

/* Without the words of the other surface. */
static const char *
words(const struct err *e)
{
	static const char prefix[] = "Invalid params: ";

	return strncmp(e->text, prefix, sizeof prefix - 1) ? e->text :
	    e->text + sizeof prefix - 1;
}

void
rest_fail_err(struct http_req *r, const struct err *e)
{
	static const struct {
		enum err_code code;
		int status;
		const char *name;
	} names[] = {
		{ E_SESSION_NOT_FOUND, 404, "NOT_FOUND" },
		{ E_NOT_FOUND, 404, "NOT_FOUND" },
		{ E_INVALID_PARAMS, 400, "BAD_REQUEST" },
		{ E_CONFLICT, 409, "CONFLICT" },
		{ E_SESSION_BUSY, 409, "SESSION_BUSY" },
		{ E_CAPABILITY_UNAVAILABLE, 501, "CAPABILITY_UNAVAILABLE" },
		{ E_STORAGE_ERROR, 507, "STORAGE_ERROR" },
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].code == e->code) {
			rest_fail(r, names[i].status, names[i].name, "%s",
			    words(e));
			return;
		}
	rest_fail(r, 500, "INTERNAL_ERROR", "%s", words(e));
}

void
rest_fail_text(struct http_req *r, int status, const char *text)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "error", text);
	jput_close(&b, '}');
	http_reply_json(r, status, b.p, b.n);
	buf_free(&b);
}

void
rest_fail_bare(struct http_req *r, const struct err *e)
{
	int status = e->code == E_SESSION_NOT_FOUND ? 404 :
	    e->code == E_INVALID_PARAMS ? 400 : 500;

	rest_fail_text(r, status, words(e));
}

void
rest_send(struct http_req *r, struct buf *b)
{
	http_reply_json(r, 200, buf_str(b), b->n);
	buf_free(b);
}

void
rest_reply(struct http_req *r, int rc, struct buf *b, const struct err *e)
{
	if (rc < 0)
		rest_fail_err(r, e);
	else
		http_reply_json(r, 200, buf_str(b), b->n);
	buf_free(b);
}

/* ---- bodies ---- */

static bool
all_texts(struct jtext v)
{
	struct jiter it = json_iter(v);

	while (json_next(&it))
		if (!json_is(it.value, '"'))
			return false;
	return true;
}

/* Blocks have a type; what they hold is the agent's to judge. */
static bool
is_content(struct jtext v)
{
	struct jiter it = json_iter(v);

	if (!json_is(v, '['))
		return json_is(v, '"');
	while (json_next(&it))
		if (!json_is(json_get(it.value, "type"), '"'))
			return false;
	return true;
}

static bool
is_provider(struct jtext v)
{
	char *name = json_str(v, NULL);
	enum provider p;
	bool known = name && provider_parse(name, &p);

	free(name);
	return known;
}

static bool
is_number(struct jtext v, int64_t max)
{
	int64_t n;

	return json_i64(v, &n) && n >= 0 && n <= max;
}

/* What it should have been; NULL: it is. */
static const char *
wrong(enum rest_kind kind, struct jtext v)
{
	switch (kind) {
	case REST_TEXT: return json_is(v, '"') ? NULL : "a string";
	case REST_CONTENT: return is_content(v) ? NULL :
	    "a string or an array of content blocks";
	case REST_PROVIDER: return is_provider(v) ? NULL :
	    "one of `anthropic`, `openai`, `gemini`, `self_hosted`, `other`";
	case REST_U32: return is_number(v, UINT32_MAX) ? NULL : "u32";
	case REST_U64: return is_number(v, INT64_MAX) ? NULL : "u64";
	case REST_BOOL: return json_is(v, 't') ? NULL : "a boolean";
	case REST_OBJECT: return json_is(v, '{') ? NULL : "an object";
	case REST_TEXTS: return json_is(v, '[') && all_texts(v) ? NULL :
	    "an array of strings";
	case REST_MAP: return json_is(v, '{') && all_texts(v) ? NULL :
	    "an object of strings";
	case REST_ARRAY: return json_is(v, '[') ? NULL : "an array";
	case REST_ANY: break;
	}
	return NULL;
}

/* One member: is it there once, and what it must be? */
static bool
check_field(struct http_req *r, struct jtext body, const struct rest_field *f)
{
	struct jiter it = json_iter(body);
	struct jtext v = JTEXT_NONE;
	const char *want;
	size_t n = 0;

	while (json_next(&it)) {
		if (!json_str_is(it.key, f->name))
			continue;
		v = it.value;
		n++;
	}
	if (n > 1) {
		rest_unprocessable(r, "duplicate field `%s`", f->name);
		return false;
	}
	if (!n && f->needed) {
		rest_unprocessable(r, "missing field `%s` at line 1 column %zu",
		    f->name, body.n);
		return false;
	}
	if (!n || (json_is(v, 'n') && !f->needed) ||
	    !(want = wrong(f->kind, v)))
		return true;
	rest_unprocessable(r, "%s: invalid type, expected %s", f->name, want);
	return false;
}

bool
rest_body(struct http_req *r, const struct rest_field *f, size_t n)
{
	struct jtext body = http_json(r);

	if (!json_is(body, '{')) {
		rest_unprocessable(r, "invalid type, expected an object");
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (!check_field(r, body, &f[i]))
			return false;
	return true;
}

bool
rest_query_count(struct http_req *r, const char *key, int64_t *out)
{
	const char *v = http_query(r, key);
	char *text;

	/* Digits alone: 1e3, which JSON has, is none here. */
	if (!v || (*v && !v[strspn(v, "0123456789")] &&
	    json_i64(json_text(v), out)))
		return true;
	text = xasprintf("Failed to deserialize query string: %s: invalid "
	    "digit found in string", key);
	http_reply_text(r, 400, text);
	free(text);
	return false;
}

/* ---- sessions ---- */

bool
rest_locate(const struct rest *s, const char *raw, char id[UUID_LEN + 1],
    struct err *e)
{
	struct locator l;
	const char *colon = strchr(raw, ':');
	enum locator_fault fault = locator_parse(s->realm, raw, &l);

	switch (fault) {
	case LOCATOR_OK:
		memcpy(id, l.id, sizeof l.id);
		return true;
	case LOCATOR_FORM:
		err_set(e, E_INVALID_PARAMS, "Invalid session locator "
		    "'%.120s': invalid session locator: expected <session_id> "
		    "or <realm_id>:<session_id>", raw);
		break;
	case LOCATOR_ID:
		err_set(e, E_INVALID_PARAMS, "Invalid session locator "
		    "'%.120s': invalid session id in session locator: %.120s",
		    raw, colon ? colon + 1 : raw);
		break;
	case LOCATOR_REALM:
		err_set(e, E_INVALID_PARAMS, "Invalid session locator "
		    "'%.200s': invalid realm id in session locator: %.120s",
		    raw, l.realm);
		break;
	case LOCATOR_ELSEWHERE:
		err_set(e, E_INVALID_PARAMS, "Session locator realm '%s' does "
		    "not match active realm '%s'", l.realm, s->realm->id);
		break;
	}
	return false;
}

bool
rest_session(struct rest *s, struct http_req *r, bool archived,
    struct session *row)
{
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];

	if (rest_locate(s, http_segment(r, 0), id, &e) &&
	    sessions_load(s->o.db, id, archived, row, &e) == 0)
		return true;
	rest_fail_err(r, &e);
	return false;
}
