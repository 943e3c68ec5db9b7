#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/toml_read.h"

/*
 * Trees to JSON, to the tagged form of toml-test, to TOML; and trees from JSON.
 */

/* ---- to JSON ---- */

static void
put_key(struct buf *b, const struct toml *t)
{
	jput_str(b, t->key, t->key_len);
	buf_putc(b, ':');
}

void
toml_to_json(const struct toml *t, struct buf *b)
{
	switch (t->kind) {
	case TOML_INTEGER:
		jput_i64(b, t->i);
		break;
	case TOML_FLOAT:
		jput_f64(b, t->f);
		break;
	case TOML_BOOL:
		jput_bool(b, t->b);
		break;
	case TOML_ARRAY:
		jput_open(b, '[');
		for (size_t i = 0; i < t->n; i++)
			toml_to_json(t->kids[i], b);
		jput_close(b, ']');
		break;
	case TOML_TABLE:
		jput_open(b, '{');
		for (size_t i = 0; i < t->n; i++) {
			put_key(b, t->kids[i]);
			toml_to_json(t->kids[i], b);
		}
		jput_close(b, '}');
		break;
	default:
		jput_str(b, t->s, t->s_len);
	}
}

static void
put_float(struct buf *b, double f)
{
	if (isnan(f))
		buf_puts(b, "nan");
	else if (isinf(f))
		buf_puts(b, f < 0 ? "-inf" : "inf");
	else
		jput_f64(b, f);
}

/* RFC 3339 with capital letters. */
static void
put_date(struct buf *b, const struct toml *t)
{
	for (size_t i = 0; i < t->s_len; i++) {
		char c = t->s[i];

		buf_putc(b, c == 't' || c == ' ' ? 'T' : c == 'z' ? 'Z' : c);
	}
}

void
toml_to_tagged(const struct toml *t, struct buf *b)
{
	static const char *const names[] = { "string", "integer", "float",
	    "bool", "datetime", "datetime-local", "date-local", "time-local" };
	struct buf value = BUF_INIT;

	if (t->kind == TOML_ARRAY || t->kind == TOML_TABLE) {
		bool table = t->kind == TOML_TABLE;

		jput_open(b, table ? '{' : '[');
		for (size_t i = 0; i < t->n; i++) {
			if (table)
				put_key(b, t->kids[i]);
			toml_to_tagged(t->kids[i], b);
		}
		jput_close(b, table ? '}' : ']');
		return;
	}
	switch (t->kind) {
	case TOML_STRING:
		buf_put(&value, t->s, t->s_len);
		break;
	case TOML_INTEGER:
		buf_printf(&value, "%" PRId64, t->i);
		break;
	case TOML_FLOAT:
		put_float(&value, t->f);
		break;
	case TOML_BOOL:
		buf_puts(&value, t->b ? "true" : "false");
		break;
	default:
		put_date(&value, t);
	}
	jput_open(b, '{');
	jput_kcstr(b, "type", names[t->kind]);
	jput_kstr(b, "value", buf_str(&value), value.n);
	jput_close(b, '}');
	buf_free(&value);
}

/* ---- to TOML ---- */

static void
put_string(struct buf *b, const char *s, size_t n)
{
	struct buf quoted = BUF_INIT;

	jput_str(&quoted, s, n);	/* JSON's escapes are all TOML's, too */
	buf_put(b, quoted.p, quoted.n);
	buf_free(&quoted);
}

static void
put_name(struct buf *b, const struct toml *t)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (t->key_len && strspn(t->key, bare) == t->key_len)
		buf_put(b, t->key, t->key_len);
	else
		put_string(b, t->key, t->key_len);
}

void
toml_emit_value(const struct toml *t, struct buf *b)
{
	struct buf number = BUF_INIT;
	bool table = t->kind == TOML_TABLE;

	switch (t->kind) {
	case TOML_STRING:
		put_string(b, t->s, t->s_len);
		break;
	case TOML_INTEGER:
		buf_printf(b, "%" PRId64, t->i);
		break;
	case TOML_FLOAT:
		put_float(&number, t->f);
		buf_put(b, buf_str(&number), number.n);
		break;
	case TOML_BOOL:
		buf_puts(b, t->b ? "true" : "false");
		break;
	case TOML_ARRAY:
	case TOML_TABLE:
		buf_puts(b, table ? t->n ? "{ " : "{" : "[");
		for (size_t i = 0; i < t->n; i++) {
			buf_puts(b, i ? ", " : "");
			if (table) {
				put_name(b, t->kids[i]);
				buf_puts(b, " = ");
			}
			toml_emit_value(t->kids[i], b);
		}
		buf_puts(b, table ? t->n ? " }" : "}" : "]");
		break;
	default:
		buf_put(b, t->s, t->s_len);
	}
	buf_free(&number);
}

static bool
array_of_tables(const struct toml *t)
{
	if (t->kind != TOML_ARRAY || !t->n)
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (t->kids[i]->kind != TOML_TABLE)
			return false;
	return true;
}

static bool
has_section(const struct toml *t)
{
	return t->kind == TOML_TABLE || array_of_tables(t);
}

static void put_sections(struct buf *b, const struct toml *t, struct buf *path);

/* `[path]` and what it holds. */
static void
put_section(struct buf *b, const struct toml *t, struct buf *path,
    bool element)
{
	if (b->n)
		buf_putc(b, '\n');
	buf_printf(b, element ? "[[%s]]\n" : "[%s]\n", buf_str(path));
	put_sections(b, t, path);
}

/* The plain members of a table, then its tables.  path names it: "" or "a.b". */
static void
put_sections(struct buf *b, const struct toml *t, struct buf *path)
{
	size_t len = path->n;

	for (size_t i = 0; i < t->n; i++) {
		if (has_section(t->kids[i]))
			continue;
		put_name(b, t->kids[i]);
		buf_puts(b, " = ");
		toml_emit_value(t->kids[i], b);
		buf_putc(b, '\n');
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct toml *kid = t->kids[i];

		if (!has_section(kid))
			continue;
		if (len)
			buf_putc(path, '.');
		put_name(path, kid);
		if (kid->kind == TOML_TABLE)
			put_section(b, kid, path, false);
		else
			for (size_t j = 0; j < kid->n; j++)
				put_section(b, kid->kids[j], path, true);
		buf_trunc(path, len);
	}
}

void
toml_emit(const struct toml *t, struct buf *b)
{
	struct buf path = BUF_INIT;

	put_sections(b, t, &path);
	buf_free(&path);
}

/* ---- from JSON ---- */

static struct toml *
number_of_json(struct jtext v, struct err *e)
{
	struct toml *t = toml_new(TOML_INTEGER);
	bool whole = !memchr(v.p, '.', v.n) && !memchr(v.p, 'e', v.n) &&
	    !memchr(v.p, 'E', v.n);

	if (whole && json_i64(v, &t->i))
		return t;
	t->kind = TOML_FLOAT;
	if (!whole && json_f64(v, &t->f))
		return t;
	err_set(e, E_INVALID_PARAMS, "number out of range: %.*s",
	    (int)(v.n < 40 ? v.n : 40), v.p);
	toml_free(t);
	return NULL;
}

static struct toml *of_json(struct jtext v, size_t depth, struct err *e);

static void
remove_kid(struct toml *t, struct toml *kid)
{
	size_t i = 0;

	while (t->kids[i] != kid)
		i++;
	t->n--;
	memmove(t->kids + i, t->kids + i + 1, (t->n - i) * sizeof *t->kids);
	toml_free(kid);
}

/* Put kid (taken) where a member of this name is, or at the end. */
static void
put_kid(struct toml *t, const char *key, size_t n, struct toml *kid)
{
	struct toml *old = toml_find(t, key, n);

	toml_set_key(kid, key, n);
	if (!old) {
		toml_push(t, kid);
		return;
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->kids[i] == old)
			t->kids[i] = kid;
	toml_free(old);
}

static int
patch(struct toml *t, struct jtext v, size_t depth, struct err *e)
{
	for (struct jiter it = json_iter(v); json_next(&it); ) {
		size_t n;
		char *key = json_str(it.key, &n);
		struct toml *kid = toml_find(t, key, n);
		int rc = 0;

		if (json_is(it.value, 'n')) {
			if (kid)
				remove_kid(t, kid);
		} else if (json_is(it.value, '{') && kid &&
		    kid->kind == TOML_TABLE && depth < TOML_DEPTH) {
			rc = patch(kid, it.value, depth + 1, e);
		} else if ((kid = of_json(it.value, depth + 1, e))) {
			put_kid(t, key, n, kid);
		} else {
			rc = -1;
		}
		free(key);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static struct toml *
of_json(struct jtext v, size_t depth, struct err *e)
{
	struct toml *t = toml_new(TOML_BOOL), *kid;

	if (depth > TOML_DEPTH) {
		err_set(e, E_INVALID_PARAMS, "nested deeper than %d levels",
		    TOML_DEPTH);
		goto fail;
	}
	switch (json_kind(v)) {
	case '"':
		t->kind = TOML_STRING;
		t->s = json_str(v, &t->s_len);
		return t;
	case '0':
		toml_free(t);
		return number_of_json(v, e);
	case 't':
		json_bool(v, &t->b);
		return t;
	case '{':
		t->kind = TOML_TABLE;
		if (patch(t, v, depth, e) < 0)
			goto fail;
		return t;
	case '[':
		t->kind = TOML_ARRAY;
		for (struct jiter it = json_iter(v); json_next(&it); ) {
			if (!(kid = of_json(it.value, depth + 1, e)))
				goto fail;
			toml_push(t, kid);
		}
		return t;
	}
	err_set(e, E_INVALID_PARAMS, "TOML has no null in an array");
fail:
	toml_free(t);
	return NULL;
}

struct toml *
toml_of_json(struct jtext v, struct err *e)
{
	return of_json(v, 0, e);
}

int
toml_from_json(struct jtext v, struct buf *b, struct err *e)
{
	struct toml *t;

	if (!json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "a document must be a JSON object");
	if (!(t = of_json(v, 0, e)))
		return -1;
	toml_emit(t, b);
	toml_free(t);
	return 0;
}

int
toml_patch(struct toml *table, struct jtext v, struct err *e)
{
	if (!json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "a patch must be a JSON object");
	return patch(table, v, 0, e);
}
