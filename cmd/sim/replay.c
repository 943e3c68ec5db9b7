#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/jput.h"
#include "base/util.h"
#include "sim/fields.h"
#include "sim/record.h"

#define FILE_MAX	((size_t)512 << 20)
#define DIFF_DEPTH	64

struct exchange {
	char *file;		/* its name, for messages */
	bool used;
	struct http_request http;
	struct request rq;
	char *target;
	struct buf body;	/* compact */
	struct reply reply;
};

struct replay {
	struct exchange *v;
	size_t n;
};

char *
request_target(const struct http_request *http)
{
	struct buf b = BUF_INIT, query = BUF_INIT;

	put_query(&query, http->query);
	buf_puts(&b, http->path);
	if (query.n)
		buf_printf(&b, "?%s", query.p);
	buf_free(&query);
	return buf_steal(&b);
}

static void
compact_body(const struct http_request *http, struct buf *out)
{
	if (json_check(buf_str(&http->body), http->body.n, NULL) == 0)
		jput_compact(out, http->body.p, http->body.n);
	else
		buf_put(out, buf_str(&http->body), http->body.n);
}

/* ---- loading ---- */

struct raw_exchange {
	struct jtext request, response;
};

struct raw_request {
	char *method, *path;
	struct jtext body;
};

struct raw_response {
	struct jtext headers, events, body, base64;
	int64_t status;
	int truncated;
};

static int
load_request(struct exchange *x, struct jtext v, struct err *e)
{
	static const struct field fields[] = {
		{ "method", FIELD_STR, offsetof(struct raw_request, method), 0 },
		{ "path", FIELD_STR, offsetof(struct raw_request, path), 0 },
		{ "body", FIELD_RAW, offsetof(struct raw_request, body), 0 },
	};
	struct raw_request raw = { .body = JTEXT_NONE };
	char *q;
	int rc = fields_read(v, fields, COUNT(fields), &raw, "/request", e);

	if (rc == 0 && (!raw.method || !raw.path || !raw.body.p))
		rc = err_set(e, E_INVALID_PARAMS,
		    "/request: want method, path and body");
	x->http.method = raw.method;
	x->http.path = raw.path;
	q = rc == 0 ? strchr(raw.path, '?') : NULL;
	x->http.query = xstrdup(q ? q + 1 : "");
	if (q)
		*q = '\0';
	if (rc < 0)
		return -1;
	buf_put(&x->http.body, raw.body.p, raw.body.n);
	request_read(&x->rq, &x->http, 0);
	x->target = request_target(&x->http);
	compact_body(&x->http, &x->body);
	return 0;
}

/* The response in the words of a script: {"status","headers","raw":[..],"content_type","end"}. */
static void
put_as_reply(struct buf *b, const struct raw_response *raw)
{
	struct jtext type = json_get(raw->headers, "content-type");

	jput_open(b, '{');
	jput_ki64(b, "status", raw->status);
	if (type.p)
		jput_kraw(b, "content_type", type.p, type.n);
	jput_key(b, "headers");
	jput_open(b, '{');
	for (struct jiter it = json_iter(raw->headers); json_next(&it);) {
		char *name = json_str_is(it.key, "content-type") ? NULL :
		    json_str(it.key, NULL);

		if (name)
			jput_kraw(b, name, it.value.p, it.value.n);
		free(name);
	}
	jput_close(b, '}');
	jput_key(b, "raw");
	jput_open(b, '[');
	for (struct jiter it = json_iter(raw->events); json_next(&it);) {
		jput_open(b, '{');
		jput_kraw(b, "bytes", it.value.p, it.value.n);
		jput_close(b, '}');
	}
	if (raw->body.p || raw->base64.p) {
		const struct jtext *v = raw->body.p ? &raw->body : &raw->base64;

		jput_open(b, '{');
		jput_kraw(b, raw->body.p ? "bytes" : "base64", v->p, v->n);
		jput_close(b, '}');
	}
	jput_close(b, ']');
	jput_kcstr(b, "end", raw->truncated ? "drop" : "close");
	jput_close(b, '}');
}

static int
load_response(struct exchange *x, struct jtext v, const struct defaults *d,
    struct err *e)
{
	static const struct field fields[] = {
		{ "status", FIELD_I64, offsetof(struct raw_response, status), 0 },
		{ "headers", FIELD_RAW, offsetof(struct raw_response, headers), '{' },
		{ "events", FIELD_RAW, offsetof(struct raw_response, events), '[' },
		{ "body", FIELD_RAW, offsetof(struct raw_response, body), '"' },
		{ "base64", FIELD_RAW, offsetof(struct raw_response, base64), '"' },
		{ "truncated", FIELD_FLAG, offsetof(struct raw_response, truncated), 0 },
	};
	struct raw_response raw = { .headers = json_text("{}") };
	struct buf b = BUF_INIT;
	int rc = -1;

	if (fields_read(v, fields, COUNT(fields), &raw, "/response", e) < 0)
		return -1;
	if (!!raw.events.p + !!raw.body.p + !!raw.base64.p != 1)
		return err_set(e, E_INVALID_PARAMS,
		    "/response: want one of events, body, base64");
	put_as_reply(&b, &raw);
	rc = reply_parse(json_slice(b.p, b.n), d, &x->reply, e);
	buf_free(&b);
	for (size_t i = 0; rc == 0 && i < x->reply.n_pieces; i++)
		x->reply.pieces[i].delay_ms = d->chunk_delay_ms;
	return rc;
}

static int
load(struct exchange *x, const char *path, const struct defaults *d,
    struct err *e)
{
	static const struct field fields[] = {
		{ "request", FIELD_RAW, offsetof(struct raw_exchange, request), '{' },
		{ "response", FIELD_RAW, offsetof(struct raw_exchange, response), '{' },
	};
	struct raw_exchange raw = { .request = JTEXT_NONE };
	struct buf b = BUF_INIT;
	struct jtext v;
	int rc = -1;

	if (fs_read(path, FILE_MAX, &b, e) < 0 ||
	    json_parse(buf_str(&b), b.n, &v, e) < 0 ||
	    fields_read(v, fields, COUNT(fields), &raw, "", e) < 0 ||
	    load_request(x, raw.request, e) < 0 ||
	    load_response(x, raw.response, d, e) < 0)
		err_wrap(e, "%s", path);
	else
		rc = 0;
	buf_free(&b);
	return rc;
}

static int
is_exchange(const struct dirent *f)
{
	size_t n = strlen(f->d_name);

	return n > 5 && !strcmp(f->d_name + n - 5, ".json");
}

struct replay *
replay_open(const char *dir, const struct defaults *d, struct err *e)
{
	struct replay *r;
	struct dirent **files = NULL;
	int n = scandir(dir, &files, is_exchange, alphasort), rc = 0;

	if (n < 0) {
		err_sys(e, E_FAILED, "%s", dir);
		return NULL;
	}
	r = xcalloc(1, sizeof *r);
	r->v = xcalloc((size_t)n + 1, sizeof *r->v);
	for (int i = 0; i < n; i++) {
		char *path = fs_join(dir, files[i]->d_name);

		if (rc == 0) {
			r->v[r->n].file = xstrdup(files[i]->d_name);
			rc = load(&r->v[r->n++], path, d, e);
		}
		free(path);
		free(files[i]);
	}
	free(files);
	if (rc == 0 && !r->n)
		rc = err_set(e, E_INVALID_PARAMS, "%s: holds no exchange", dir);
	if (rc < 0) {
		replay_close(r);
		return NULL;
	}
	return r;
}

void
replay_close(struct replay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		struct exchange *x = &r->v[i];

		request_free(&x->rq);
		http_request_free(&x->http);
		reply_free(&x->reply);
		buf_free(&x->body);
		free(x->target);
		free(x->file);
	}
	free(r->v);
	free(r);
}

/* ---- finding ---- */

struct diff {
	struct buf path;
	struct jtext a, b;	/* recorded and got; JTEXT_NONE: not there */
};

static bool find_diff(struct diff *d, struct jtext a, struct jtext b, int depth);

static bool
diff_member(struct diff *d, struct jtext key, struct jtext a, struct jtext b,
    int depth)
{
	size_t n = d->path.n;
	char *name = json_str(key, NULL);

	buf_printf(&d->path, "/%.80s", name ? name : "");
	free(name);
	if (find_diff(d, a, b, depth + 1))
		return true;
	buf_trunc(&d->path, n);
	return false;
}

static bool
diff_objects(struct diff *d, struct jtext a, struct jtext b, int depth)
{
	char *name;
	struct jtext other;

	for (int turn = 0; turn < 2; turn++)
		for (struct jiter it = json_iter(turn ? b : a); json_next(&it);) {
			name = json_str(it.key, NULL);
			other = json_get(turn ? a : b, name ? name : "");
			free(name);
			if (turn && other.p)
				continue;
			if (diff_member(d, it.key, turn ? other : it.value,
			    turn ? it.value : other, depth))
				return true;
		}
	return false;
}

static bool
diff_arrays(struct diff *d, struct jtext a, struct jtext b, int depth)
{
	struct jiter ia = json_iter(a), ib = json_iter(b);
	size_t n = d->path.n;

	for (int i = 0;; i++) {
		bool more_a = json_next(&ia), more_b = json_next(&ib);

		if (!more_a && !more_b)
			return false;
		buf_printf(&d->path, "/%d", i);
		if (find_diff(d, more_a ? ia.value : JTEXT_NONE,
		    more_b ? ib.value : JTEXT_NONE, depth + 1))
			return true;
		buf_trunc(&d->path, n);
	}
}

/* Where do they differ first?  Sets path, a and b. */
static bool
find_diff(struct diff *d, struct jtext a, struct jtext b, int depth)
{
	char kind = json_kind(a);

	d->a = a;
	d->b = b;
	if (a.p && b.p && kind == json_kind(b) && depth < DIFF_DEPTH) {
		if (kind == '{')
			return diff_objects(d, a, b, depth);
		if (kind == '[')
			return diff_arrays(d, a, b, depth);
	}
	return a.n != b.n || (a.n && memcmp(a.p, b.p, a.n));
}

static char *
describe(const struct exchange *x, const char *target, const struct buf *body)
{
	struct diff d = { .path = BUF_INIT };
	char *why;

	if (strcmp(x->target, target))
		return xasprintf("rkat-sim: no recorded exchange is left for %.200s; "
		    "the next one, %s, is for %.200s", target, x->file, x->target);
	find_diff(&d, json_slice(buf_str(&x->body), x->body.n),
	    json_slice(buf_str(body), body->n), 0);
	why = xasprintf("rkat-sim: no recorded exchange matches: %s differs "
	    "at %s: recorded %.*s, got %.*s", x->file,
	    d.path.n ? d.path.p : "/",
	    d.a.p ? (int)utf8_cut(d.a.p, d.a.n, 100) : 7,
	    d.a.p ? d.a.p : "nothing",
	    d.b.p ? (int)utf8_cut(d.b.p, d.b.n, 100) : 7,
	    d.b.p ? d.b.p : "nothing");
	buf_free(&d.path);
	return why;
}

static bool
same_buf(const struct buf *a, const struct buf *b)
{
	return a->n == b->n && !memcmp(buf_str(a), buf_str(b), a->n);
}

/* The first that is unused, for the target if there is one, and has the body (1) or the user text (2). */
static struct exchange *
first_unused(struct replay *r, const struct request *rq, const char *target,
    const struct buf *body, int by)
{
	for (size_t i = 0; i < r->n; i++) {
		struct exchange *x = &r->v[i];

		if (x->used || (target && strcmp(x->target, target)))
			continue;
		if ((by == 1 && !same_buf(&x->body, body)) ||
		    (by == 2 && !same_buf(&x->rq.user, &rq->user)))
			continue;
		return x;
	}
	return NULL;
}

const struct reply *
replay_find(struct replay *r, const struct request *rq, char **why)
{
	struct buf body = BUF_INIT;
	char *target = request_target(rq->http);
	struct exchange *x;
	const struct reply *reply = NULL;

	compact_body(rq->http, &body);
	if ((x = first_unused(r, rq, target, &body, 1)) ||
	    (x = first_unused(r, rq, target, &body, 2))) {
		x->used = true;
		reply = &x->reply;
	} else if ((x = first_unused(r, rq, target, &body, 0)) ||
	    (x = first_unused(r, rq, NULL, &body, 0))) {
		*why = describe(x, target, &body);
	} else {
		*why = xasprintf("rkat-sim: all %zu recorded exchanges are used",
		    r->n);
	}
	buf_free(&body);
	free(target);
	return reply;
}
