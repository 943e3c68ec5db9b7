#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "tool/builtin.h"

void
tool_result_free(struct tool_result *r)
{
	buf_free(&r->content);
}

void
tool_result_text(struct tool_result *r, const char *p, size_t n)
{
	buf_trunc(&r->content, 0);
	jput_str(&r->content, p, n);
}

static void
error_text(struct tool_result *r, const char *code, const char *message,
    size_t n)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kcstr(&b, "error", code);
	jput_kstr(&b, "message", message, n);
	jput_close(&b, '}');
	tool_result_text(r, b.p, b.n);
	r->is_error = true;
	buf_free(&b);
}

void
tool_result_error(struct tool_result *r, const char *code, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	error_text(r, code, buf_str(&b), b.n);
	buf_free(&b);
}

/* ---- what a builtin answers ---- */

void
call_text(struct call *c, const char *p, size_t n)
{
	tool_result_text(&c->r, p, n);
}

void
call_json(struct call *c, const struct buf *json)
{
	call_text(c, buf_str(json), json->n);
}

static void
call_error(struct call *c, const char *code, struct buf *prefix,
    const char *fmt, va_list ap)
{
	if (!c->r.is_error) {
		buf_vprintf(prefix, fmt, ap);
		error_text(&c->r, code, prefix->p, prefix->n);
	}
	buf_free(prefix);
}

void
call_bad(struct call *c, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	buf_printf(&b, "Invalid arguments for tool '%s': ", c->tool->def.name);
	va_start(ap, fmt);
	call_error(c, "invalid_arguments", &b, fmt, ap);
	va_end(ap);
}

void
call_failed(struct call *c, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	buf_puts(&b, "Tool execution failed: ");
	va_start(ap, fmt);
	call_error(c, "execution_failed", &b, fmt, ap);
	va_end(ap);
}

/* ---- arguments ---- */

static struct jtext
given(struct call *c, const char *key)
{
	struct jtext v = json_get(c->args, key);

	return json_is(v, 'n') ? JTEXT_NONE : v;
}

char *
arg_opt_str(struct call *c, const char *key)
{
	struct jtext v = given(c, key);
	size_t n = 0;
	char *s;

	if (!v.p)
		return NULL;
	s = json_str(v, &n);
	if (!s || strlen(s) != n || !json_str_whole(v)) {
		call_bad(c, "'%s': want a string%s", key, !s ? "" :
		    strlen(s) != n ? " without NUL characters" :
		    " of whole characters; one is a lone surrogate");
		free(s);
		return NULL;
	}
	return s;
}

char *
arg_str(struct call *c, const char *key)
{
	if (!given(c, key).p)
		call_bad(c, "missing field '%s'", key);
	return arg_opt_str(c, key);
}

int64_t
arg_i64(struct call *c, const char *key, int64_t min, int64_t max,
    int64_t otherwise)
{
	struct jtext v = given(c, key);
	int64_t i;

	if (!v.p)
		return otherwise;
	if (json_i64(v, &i) && i >= min && i <= max)
		return i;
	call_bad(c, "'%s': want an integer from %lld to %lld", key,
	    (long long)min, (long long)max);
	return otherwise;
}

bool
arg_bool(struct call *c, const char *key, bool otherwise)
{
	struct jtext v = given(c, key);
	bool b;

	if (!v.p)
		return otherwise;
	if (json_bool(v, &b))
		return b;
	call_bad(c, "'%s': want true or false", key);
	return otherwise;
}

struct jtext
arg_strings(struct call *c, const char *key)
{
	struct jtext v = given(c, key);
	bool good = !v.p || json_is(v, '[');

	for (struct jiter it = json_iter(good ? v : JTEXT_NONE);
	    json_next(&it); )
		good = good && json_is(it.value, '"');
	if (good)
		return v;
	call_bad(c, "'%s': want an array of strings", key);
	return JTEXT_NONE;
}

struct jtext
arg_object(struct call *c, const char *key)
{
	struct jtext v = given(c, key);

	if (!v.p || json_is(v, '{'))
		return v;
	call_bad(c, "'%s': want an object", key);
	return JTEXT_NONE;
}

/* ---- content as text (agent sheet 2.1) ---- */

static void
add_projection(struct buf *text, size_t from, const char *p, size_t n)
{
	if (text->n > from && n)
		buf_putc(text, '\n');
	buf_put(text, p, n);
}

static void
project_block(struct jtext block, struct buf *text, size_t from, bool *images)
{
	struct jtext type = json_get(block, "type");
	char *s = NULL, *media;
	size_t n = 0;

	if (json_str_is(type, "text")) {
		s = json_str(json_get(block, "text"), &n);
	} else if (json_str_is(type, "image") || json_str_is(type, "video")) {
		media = json_get_str(block, "media_type");
		s = xasprintf("[%s: %s]", json_str_is(type, "image") ? "image" :
		    "video", media ? media : "unknown");
		n = strlen(s);
		free(media);
		if (images && json_str_is(type, "image"))
			*images = true;
	}
	if (s)
		add_projection(text, from, s, n);
	free(s);
}

void
content_project(struct jtext content, struct buf *text, bool *images)
{
	size_t from = text->n, n;
	char *s;

	if (images)
		*images = false;
	if ((s = json_str(content, &n)))
		buf_put(text, s, n);
	free(s);
	if (json_is(content, '['))
		for (struct jiter it = json_iter(content); json_next(&it); )
			project_block(it.value, text, from, images);
}
