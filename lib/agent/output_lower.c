/*
 * What a provider is sent of an output schema, and which of its keywords the provider
 * may ignore.  The rewriting itself is the model layer's (model/lower.h).
 */
#include <stdarg.h>
#include <stdlib.h>

#include "agent/output.h"
#include "base/jput.h"
#include "base/util.h"
#include "model/jtree.h"
#include "model/lower.h"

/* ---- what a provider may ignore (12.4) ---- */

static void
put_warning(struct buf *b, enum provider p, const char *path,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
put_warning(struct buf *b, enum provider p, const char *path,
    const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (!b->n)
		jput_open(b, '[');
	jput_open(b, '{');
	jput_kcstr(b, "provider", provider_name(p));
	jput_kcstr(b, "path", path);
	jput_kstr(b, "message", text.p, text.n);
	jput_close(b, '}');
	buf_free(&text);
}

/* Append "/<name>", escaped as in a JSON pointer. */
static void
path_name(struct buf *path, struct jtext key)
{
	char *name = json_str(key, NULL);

	buf_putc(path, '/');
	for (const char *p = name; *p; p++)
		if (*p == '~' || *p == '/')
			buf_puts(path, *p == '~' ? "~0" : "~1");
		else
			buf_putc(path, *p);
	free(name);
}

static bool
gemini_knows(struct jtext key)
{
	static const char *const known[] = { "$id", "$defs", "$ref", "$anchor",
		"type", "format", "title", "description", "const", "default",
		"examples", "enum", "items", "prefixItems", "minItems",
		"maxItems", "minimum", "maximum", "anyOf", "oneOf",
		"properties", "additionalProperties", "required",
		"propertyOrdering", "nullable" };

	for (size_t i = 0; i < COUNT(known); i++)
		if (json_str_is(key, known[i]))
			return true;
	return false;
}

static void gemini_warnings(struct jtext schema, int depth, struct buf *path,
    struct buf *b);

static void
gemini_each(struct jtext v, int depth, struct buf *path, struct buf *b)
{
	struct jiter it = json_iter(v);
	size_t n = path->n;

	for (size_t i = 0; json_next(&it); i++) {
		if (it.object)
			path_name(path, it.key);
		else
			buf_printf(path, "/%zu", i);
		gemini_warnings(it.value, depth + 1, path, b);
		buf_trunc(path, n);
	}
}

/* A wrapper has been normalized, so depth is limited already. */
static void
gemini_warnings(struct jtext schema, int depth, struct buf *path,
    struct buf *b)
{
	struct jiter it = json_iter(schema);
	size_t n = path->n;
	char *name;

	if (!json_is(schema, '{') || depth > OUTPUT_DEPTH_MAX + 1)
		return;
	while (json_next(&it)) {
		path_name(path, it.key);
		if (!gemini_knows(it.key)) {
			name = json_str(it.key, NULL);
			put_warning(b, PROVIDER_GEMINI, path->p, "Keyword '%s'"
			    " may be ignored by Gemini responseJsonSchema",
			    name);
			free(name);
		}
		switch (jtree_place(it.key, it.value)) {
		case PLACE_SCHEMA:
			gemini_warnings(it.value, depth + 1, path, b);
			break;
		case PLACE_MAP: case PLACE_LIST:
			gemini_each(it.value, depth, path, b);
			break;
		case PLACE_DATA:
			break;
		}
		buf_trunc(path, n);
	}
}

/* ---- lowering ---- */

static int
lower(struct jtext wrapper, enum provider p, struct buf *out,
    struct buf *warnings, struct err *e)
{
	struct jtext schema = json_get(wrapper, "schema");
	bool wanted = json_get_bool(wrapper, "strict", false), strict = wanted;
	struct buf path = BUF_INIT;

	switch (p) {
	case PROVIDER_ANTHROPIC:
		return lower_closed(schema, out, e);
	case PROVIDER_GEMINI:
		jput_raw(out, schema.p, schema.n);
		gemini_warnings(schema, 0, &path, warnings);
		buf_free(&path);
		return 0;
	case PROVIDER_OPENAI: case PROVIDER_SELF_HOSTED: case PROVIDER_OTHER:
		break;
	}
	if (lower_strict(schema, &strict, out, e) < 0)
		return -1;
	if (wanted && !strict)
		put_warning(warnings, p, "", "The schema is outside of what"
		    " strict mode accepts; it is sent with strict false");
	return 0;
}

int
output_lower(struct jtext wrapper, enum provider p, struct buf *schema,
    struct buf *warnings, struct err *e)
{
	struct jtext first;
	char *path, *message;

	if (lower(wrapper, p, schema, warnings, e) < 0)
		return -1;
	if (!warnings->n)
		return 0;
	jput_close(warnings, ']');
	if (!json_str_is(json_get(wrapper, "compat"), "strict"))
		return 0;
	first = json_path(json_slice(warnings->p, warnings->n), "0");
	path = json_get_str(first, "path");
	message = json_get_str(first, "message");
	err_set(e, E_INVALID_PARAMS, "%s%s%s (compat is strict)",
	    path ? path : "", path && *path ? ": " : "", message);
	free(path);
	free(message);
	return -1;
}

