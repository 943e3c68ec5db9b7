#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "tool/defs.h"

/* Of what a client or a session may bring. */
#define COUNT_MAX 1024
#define LENGTH_MAX ((size_t)4 << 20)

static int
check_one(struct jtext def, const char *list, size_t i, struct err *e)
{
	static const char *const strings[] = { "name", "description" };

	if (!json_is(def, '{'))
		return err_set(e, E_INVALID_PARAMS, "/%s/%zu: want an object",
		    list, i);
	for (size_t k = 0; k < COUNT(strings); k++) {
		char *s = json_get_str(def, strings[k]);
		bool bad = !s || (k == 0 && !*s);

		free(s);
		if (bad)
			return err_set(e, E_INVALID_PARAMS,
			    "/%s/%zu/%s: want a string", list, i, strings[k]);
	}
	return json_get(def, "input_schema").p ? 0 : err_set(e,
	    E_INVALID_PARAMS, "/%s/%zu: missing field `input_schema`", list, i);
}

int
tool_defs_check(struct jtext list, const char *name, struct err *e)
{
	struct jiter it = json_iter(list);

	if (!json_is(list, '['))
		return err_set(e, E_INVALID_PARAMS, "/%s: want an array", name);
	for (size_t i = 0; json_next(&it); i++)
		if (check_one(it.value, name, i, e) < 0)
			return -1;
	return 0;
}

int
tool_defs_fit(struct jtext list, const char *name, struct err *e)
{
	if (list.n <= LENGTH_MAX && json_count(list) <= COUNT_MAX)
		return 0;
	return err_set(e, E_INVALID_PARAMS, "/%s: more than %d tools or %zu MiB",
	    name, COUNT_MAX, LENGTH_MAX >> 20);
}

static void
def_free(struct tool_def *t)
{
	free((char *)(uintptr_t)t->name);
	free((char *)(uintptr_t)t->description);
	free((char *)(uintptr_t)t->schema.p);
}

/* Every wire wants an object where the contract allows anything. */
static struct jtext
schema_of(struct jtext def)
{
	struct jtext v = json_get(def, "input_schema");

	if (!json_is(v, '{'))
		v = json_text("{\"type\":\"object\"}");
	return json_slice(xstrndup(v.p, v.n), v.n);
}

const struct tool_def *
tool_defs_find(const struct tool_defs *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->v[i].name, name))
			return &d->v[i];
	return NULL;
}

void
tool_defs_parse(struct jtext list, struct tool_defs *d)
{
	struct jiter it = json_iter(list);

	d->n = 0;
	d->v = xcalloc(json_count(list) + 1, sizeof *d->v);
	while (json_next(&it)) {
		struct tool_def t = {
			.name = json_get_str(it.value, "name"),
			.description = json_get_str(it.value, "description"),
			.schema = schema_of(it.value),
		};
		const struct tool_def *same = tool_defs_find(d, t.name);

		if (same) {
			def_free(&d->v[same - d->v]);
			d->v[same - d->v] = t;
		} else {
			d->v[d->n++] = t;
		}
	}
}

void
tool_defs_free(struct tool_defs *d)
{
	for (size_t i = 0; i < d->n; i++)
		def_free(&d->v[i]);
	free(d->v);
	*d = (struct tool_defs){ .v = NULL };
}

void
tool_defs_emit(const struct tool_defs *d, struct buf *b)
{
	static const char ours[] =
	    "{\"kind\":\"callback\",\"source_id\":\"callback\"}";

	jput_open(b, '[');
	for (size_t i = 0; i < d->n; i++) {
		jput_open(b, '{');
		jput_kcstr(b, "name", d->v[i].name);
		jput_kcstr(b, "description", d->v[i].description);
		jput_kraw(b, "input_schema", d->v[i].schema.p,
		    d->v[i].schema.n);
		jput_kraw(b, "provenance", ours, sizeof ours - 1);
		jput_close(b, '}');
	}
	jput_close(b, ']');
}
