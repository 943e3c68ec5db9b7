#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "store/config_keys.h"

/*
 * One walk over the table of keys: each value that a layer sets is checked, the
 * strongest one is put, tables are merged by name.
 */

struct walk {
	const struct config_layers *l;
	struct buf *out;
	struct buf path;	/* "self_hosted.servers.x" */
	struct err *e;
};

static int
wrong(struct walk *w, enum config_layer layer, const char *want)
{
	return err_set(w->e, E_INVALID_PARAMS, "%s: %s: want %s",
	    w->l->file[layer], buf_str(&w->path), want);
}

static int
put_whole(struct walk *w, const struct config_key *k, struct jtext v,
    enum config_layer layer)
{
	int64_t lo = k->max == CK_SIGNED ? INT32_MIN : 0, i;
	int64_t hi = k->max == CK_SIGNED ? INT32_MAX : k->max;
	char want[80];

	if (!json_i64(v, &i) || i < lo || i > hi) {
		snprintf(want, sizeof want,
		    "a whole number from %" PRId64 " to %" PRId64, lo, hi);
		return wrong(w, layer, want);
	}
	jput_i64(w->out, i);
	return 0;
}

static int
put_number(struct walk *w, struct jtext v, enum config_layer layer)
{
	double f;

	if (!json_f64(v, &f))
		return wrong(w, layer, "a number");
	jput_f64(w->out, f);
	return 0;
}

/* The word that s stands for among words, or NULL. */
static const char *
find_word(const char *const *words, const char *s)
{
	for (; words && *words; words++) {
		const char *alias = strchr(*words, '=');

		if (alias ? !strncmp(*words, s, (size_t)(alias - *words)) &&
		    !s[alias - *words] : !strcmp(*words, s))
			return alias ? alias + 1 : *words;
	}
	return NULL;
}

static int
put_word(struct walk *w, const struct config_key *k, struct jtext v,
    enum config_layer layer)
{
	char *s = json_cstr(v);
	const char *word = s ? find_word(k->words, s) : NULL;
	struct buf want = BUF_INIT;

	free(s);
	if (word) {
		jput_cstr(w->out, word);
		return 0;
	}
	buf_puts(&want, "one of");
	for (const char *const *p = k->words; *p; p++)
		if (!strchr(*p, '='))
			buf_printf(&want, " \"%s\"", *p);
	wrong(w, layer, want.p);
	buf_free(&want);
	return -1;
}

/* Written back normalised: "600s" and 600000 are "10m". */
static int
put_duration(struct walk *w, const struct config_key *k, struct jtext v,
    enum config_layer layer)
{
	char *s = json_cstr(v);
	const char *word = s ? find_word(k->words, s) : NULL;
	struct buf b = BUF_INIT;
	int64_t ms;

	if (word)
		buf_puts(&b, word);
	else if (s ? duration_parse(s, &ms, NULL) == 0 :
	    json_i64(v, &ms) && ms >= 0)
		duration_emit(&b, ms);
	free(s);
	if (!b.n)
		return wrong(w, layer, "a duration like \"1h30m\" or \"500ms\","
		    " or whole milliseconds");
	jput_cstr(w->out, b.p);
	buf_free(&b);
	return 0;
}

static int
put_string(struct walk *w, struct jtext v, enum config_layer layer)
{
	char *s = json_cstr(v);
	int rc = s ? 0 : wrong(w, layer, "a string without NUL characters");

	if (rc == 0)
		jput_cstr(w->out, s);
	free(s);
	return rc;
}

/* The value of one layer, checked. */
static int
put_leaf(struct walk *w, const struct config_key *k, struct jtext v,
    enum config_layer layer)
{
	bool flag;

	switch (k->kind) {
	case CK_STRING:
		return put_string(w, v, layer);
	case CK_WHOLE:
		return put_whole(w, k, v, layer);
	case CK_NUMBER:
		return put_number(w, v, layer);
	case CK_DURATION:
		return put_duration(w, k, v, layer);
	case CK_WORD:
		return put_word(w, k, v, layer);
	case CK_BOOL:
		if (!json_bool(v, &flag))
			return wrong(w, layer, "true or false");
		jput_bool(w->out, flag);
		return 0;
	default:
		jput_raw(w->out, v.p, v.n);
		return 0;
	}
}

/* Is any layer set?  The strongest of them, or -1. */
static int
strongest(const struct jtext v[LAYERS])
{
	for (int i = 0; i < LAYERS; i++)
		if (v[i].p)
			return i;
	return -1;
}

static int put(struct walk *w, const struct config_key *k,
    const struct jtext v[LAYERS]);

/* Put k under its name; a name that the sheet would omit leaves no trace. */
static int
put_named(struct walk *w, const char *name, const struct config_key *k,
    const struct jtext v[LAYERS])
{
	size_t len = w->path.n;
	int rc;

	if (k->flags & CK_OMIT && strongest(v) < 0)
		return 0;
	buf_printf(&w->path, "%s%s", len ? "." : "", name);
	jput_key(w->out, name);
	rc = put(w, k, v);
	buf_trunc(&w->path, len);
	return rc;
}

static void
members(const struct jtext v[LAYERS], const char *name, struct jtext out[LAYERS])
{
	for (int i = 0; i < LAYERS; i++)
		out[i] = json_get(v[i], name);
}

/*
 * A [provider] of another type replaces the whole block: a key must not go to
 * somebody else.
 */
static void
same_provider_only(struct jtext v[LAYERS])
{
	struct jtext type = JTEXT_NONE, t;

	for (int i = 0; i < LAYERS; i++) {
		t = json_get(v[i], "type");
		if (!type.p)
			type = t;
		else if (t.p && (t.n != type.n || memcmp(t.p, type.p, t.n)))
			for (; i < LAYERS; i++)
				v[i] = JTEXT_NONE;
	}
}

/* Must every layer's table of this kind have its required members? */
static int
require(struct walk *w, const struct config_key *keys, struct jtext v,
    enum config_layer layer)
{
	size_t len = w->path.n;

	for (const struct config_key *k = keys; v.p && k && k->name; k++) {
		if (!(k->flags & CK_REQUIRED) || json_get(v, k->name).p)
			continue;
		buf_printf(&w->path, "%s%s", len ? "." : "", k->name);
		wrong(w, layer, "a value: it is required");
		buf_trunc(&w->path, len);
		return -1;
	}
	return 0;
}

static int
put_members(struct walk *w, const struct config_key *keys,
    const struct jtext v[LAYERS])
{
	struct jtext sub[LAYERS];

	for (const struct config_key *k = keys; k && k->name; k++) {
		if (k->kind == CK_BY_TAG) {
			int i = strongest(v);
			char *type = json_get_str(v[i], "type");
			const struct config_key *t = k->sub;

			while (strcmp(t->name, type))
				t++;
			free(type);
			if (require(w, t->sub, v[i], (enum config_layer)i) < 0 ||
			    put_members(w, t->sub, v) < 0)
				return -1;
			continue;
		}
		members(v, k->name, sub);
		if (keys == config_top.sub && !strcmp(k->name, "provider"))
			same_provider_only(sub);
		if (put_named(w, k->name, k, sub) < 0)
			return -1;
	}
	return 0;
}

static int
put_table(struct walk *w, const struct config_key *k, const struct jtext v[LAYERS])
{
	for (int i = 0; i < LAYERS; i++) {
		if (v[i].p && !json_is(v[i], '{'))
			return wrong(w, (enum config_layer)i, "a table");
		if (require(w, k->sub, v[i], (enum config_layer)i) < 0)
			return -1;
	}
	jput_open(w->out, '{');
	if (put_members(w, k->sub, v) < 0)
		return -1;
	jput_close(w->out, '}');
	return 0;
}

/* The strongest layer's table as it is, after its known members were checked. */
static int
put_open(struct walk *w, const struct config_key *k, struct jtext v,
    enum config_layer layer)
{
	struct jtext one[LAYERS] = { { NULL, 0 } };
	size_t len = w->out->n;
	int rc;

	one[layer] = v;
	rc = put_table(w, k, one);
	buf_trunc(w->out, len);
	if (rc == 0)
		jput_raw(w->out, v.p, v.n);
	return rc;
}

/* Every name that any layer has, the weakest layer's names first. */
static int
put_names(struct walk *w, const struct config_key *k, const struct jtext v[LAYERS])
{
	struct jtext sub[LAYERS];
	int rc = 0;

	for (int i = 0; i < LAYERS; i++)
		if (v[i].p && !json_is(v[i], '{'))
			return wrong(w, (enum config_layer)i, "a table");
	jput_open(w->out, '{');
	for (int i = LAYERS - 1; i >= 0; i--)
		for (struct jiter it = json_iter(v[i]);
		    rc == 0 && json_next(&it); ) {
			size_t n;
			char *name = json_str(it.key, &n);
			int weakest = LAYERS - 1;

			members(v, name, sub);
			while (weakest > i && !sub[weakest].p)
				weakest--;
			if (strlen(name) != n)
				rc = wrong(w, (enum config_layer)i,
				    "names without NUL characters");
			else if (weakest == i)
				rc = put_named(w, name, k->sub, sub);
			free(name);
		}
	jput_close(w->out, '}');
	return rc;
}

static bool
seen_id(const struct jtext v[LAYERS], int below, struct jtext entry)
{
	char *id = json_get_str(entry, "id");
	bool seen = false;

	for (int i = 0; i < below && !seen; i++)
		for (struct jiter it = json_iter(v[i]); json_next(&it); ) {
			struct jtext other = json_get(it.value, "id");

			if (other.p ? id && json_str_is(other, id) : !id)
				seen = true;
		}
	free(id);
	return seen;
}

/* The elements of one layer's array; with ids only those that no stronger layer has. */
static int
put_elements(struct walk *w, const struct config_key *k, const struct jtext v[LAYERS],
    int layer)
{
	size_t len = w->path.n, i = 0;
	int rc = 0;

	if (!json_is(v[layer], '['))
		return wrong(w, (enum config_layer)layer, "an array");
	for (struct jiter it = json_iter(v[layer]); json_next(&it); i++) {
		struct jtext one[LAYERS] = { { NULL, 0 } };

		if (k->kind == CK_HOOKS && seen_id(v, layer, it.value))
			continue;
		one[layer] = it.value;
		buf_printf(&w->path, "[%zu]", i);
		rc = put(w, k->sub, one);
		buf_trunc(&w->path, len);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
put_list(struct walk *w, const struct config_key *k, const struct jtext v[LAYERS])
{
	bool done = false;

	jput_open(w->out, '[');
	for (int i = 0; i < LAYERS && !done; i++) {
		if (!v[i].p)
			continue;
		if (put_elements(w, k, v, i) < 0)
			return -1;
		done = k->kind == CK_LIST;
	}
	jput_close(w->out, ']');
	return 0;
}

static int
put(struct walk *w, const struct config_key *k, const struct jtext v[LAYERS])
{
	static const struct config_key one = { .kind = CK_STRING };
	static const struct config_key strings = { .kind = CK_LIST, .sub = &one };
	int i = strongest(v);
	size_t len = w->out->n;

	if (k->kind == CK_TABLE)
		return put_table(w, k, v);
	if (i < 0) {
		if (k->sub == NULL && !strcmp(buf_str(&w->path),
		    "storage.directory"))
			jput_cstr(w->out, w->l->storage);
		else if (k->def)
			jput_raw(w->out, k->def, strlen(k->def));
		else
			jput_null(w->out);
		return 0;
	}
	switch (k->kind) {
	case CK_NAMED:
		return put_names(w, k, v);
	case CK_LIST:
	case CK_HOOKS:
		return put_list(w, k, v);
	case CK_STRINGS:
		return put_list(w, &strings, v);
	case CK_OPEN:
		return put_open(w, k, v[i], (enum config_layer)i);
	default:
		/* What a stronger layer hides must be right all the same. */
		for (int j = LAYERS - 1; j >= i; j--) {
			buf_trunc(w->out, len);
			if (v[j].p && put_leaf(w, k, v[j],
			    (enum config_layer)j) < 0)
				return -1;
		}
		return 0;
	}
}

int
config_build(const struct config_layers *l, struct buf *out, struct err *e)
{
	struct walk w = { .l = l, .out = out, .e = e };
	int rc = put(&w, &config_top, l->v);

	buf_free(&w.path);
	return rc;
}
