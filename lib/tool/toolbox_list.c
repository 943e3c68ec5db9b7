#include <stdlib.h>
#include <string.h>

#include "tool/toolbox_impl.h"

/* Which tools there are, and which of them are shown. */

static bool
hidden(const struct toolbox *b, const char *name)
{
	if (!b->t.env->image_results && !strcmp(name, "view_image"))
		return true;
	return overlay_hides(&b->overlay, name);
}

static struct found *
named(struct found *f, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(f[i].def.name, name))
			return &f[i];
	return NULL;
}

/* Another tool of a source; the first of a name stays, though somebody else may run it. */
static void
add_found(struct found *f, size_t *n, const struct tool_source *s,
    const struct tool_def *def)
{
	struct found *first = named(f, *n, def->name);

	if (!first)
		f[(*n)++] = (struct found){ .source = s, .def = *def };
	else if (first->source && first->source->lent)
		first->source = s;
}

/* Every tool in order, the first of a name only; new array. */
static struct found *
gather(struct toolbox *b, size_t *count)
{
	struct found *f;
	size_t n = 0, cap = b->n_builtins + 1;

	f = xcalloc(cap, sizeof *f);
	for (size_t i = 0; i < b->n_builtins; i++) {
		const struct builtin *t = b->builtins[i];

		f[n++] = (struct found){ .builtin = t, .def =
		    !strcmp(t->def.name, "shell") ? b->shell_def : t->def };
	}
	for (size_t i = 0; i < b->n_sources; i++) {
		const struct tool_source *s = b->sources[i];
		const struct tool_def *defs = NULL;
		size_t more = s->list(s->arg, &defs);

		cap += more;
		f = xrealloc(f, cap * sizeof *f);
		for (size_t k = 0; k < more; k++)
			add_found(f, &n, s, &defs[k]);
	}
	*count = n;
	return f;
}

size_t
toolbox_list(struct toolbox *b, const struct tool_def **defs)
{
	size_t n, k = 0;
	struct found *f = gather(b, &n);

	b->list = xrealloc(b->list, (n + 1) * sizeof *b->list);
	for (size_t i = 0; i < n; i++)
		if (!hidden(b, f[i].def.name))
			b->list[k++] = f[i].def;
	free(f);
	*defs = b->list;
	return k;
}

bool
toolbox_find(struct toolbox *b, const char *name, struct found *out)
{
	size_t n;
	struct found *f = gather(b, &n);
	bool there = false;

	for (size_t i = 0; i < n && !there; i++)
		if (!strcmp(f[i].def.name, name)) {
			*out = f[i];
			there = true;
		}
	free(f);
	return there && !hidden(b, name);
}

bool
toolbox_waits(struct toolbox *b, const char *name)
{
	struct found f;

	return toolbox_find(b, name, &f) && f.source && f.source->lent;
}

struct known {
	struct found *f;
	size_t n;
};

static bool
known(void *arg, const char *name)
{
	const struct known *k = arg;

	return named(k->f, k->n, name) != NULL;
}

int
toolbox_overlay(struct toolbox *b, struct jtext allow, struct jtext block,
    struct err *e)
{
	struct overlay o = { .allows = false };
	struct known k = { .n = 0 };
	struct found *f = gather(b, &k.n);
	int rc;

	k.f = f;
	rc = overlay_take(&o, allow, block, known, &k, e);
	if (rc == 0) {
		overlay_free(&b->overlay);
		b->overlay = o;
	} else {
		overlay_free(&o);
	}
	free(f);
	return rc;
}
