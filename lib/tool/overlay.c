#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tool/overlay.h"

static bool
among(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

bool
overlay_hides(const struct overlay *o, const char *name)
{
	return among(o->block, o->n_block, name) ||
	    (o->allows && !among(o->allow, o->n_allow, name));
}

static void
free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

void
overlay_free(struct overlay *o)
{
	free_names(o->allow, o->n_allow);
	free_names(o->block, o->n_block);
	*o = (struct overlay){ .allows = false };
}

static int
take_names(struct jtext v, char ***names, size_t *n, struct err *e)
{
	if (v.p && !json_is(v, '['))
		return err_set(e, E_INVALID_PARAMS,
		    "tool filter: want an array of names");
	*names = xcalloc(json_count(v) + 1, sizeof **names);
	for (struct jiter it = json_iter(v); json_next(&it); ) {
		char *s = json_str(it.value, NULL);

		if (!s)
			return err_set(e, E_INVALID_PARAMS,
			    "tool filter: want an array of names");
		(*names)[(*n)++] = s;
	}
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
overlay_take(struct overlay *o, struct jtext allow, struct jtext block,
    bool (*known)(void *arg, const char *name), void *arg, struct err *e)
{
	struct buf text = BUF_INIT;
	const char **odd;
	size_t n = 0;

	*o = (struct overlay){ .allows = allow.p != NULL };
	if (take_names(allow, &o->allow, &o->n_allow, e) < 0 ||
	    take_names(block, &o->block, &o->n_block, e) < 0)
		return -1;
	odd = xcalloc(o->n_allow + o->n_block + 1, sizeof *odd);
	for (size_t i = 0; i < o->n_allow; i++)
		if (!known(arg, o->allow[i]))
			odd[n++] = o->allow[i];
	for (size_t i = 0; i < o->n_block; i++)
		if (!known(arg, o->block[i]))
			odd[n++] = o->block[i];
	qsort(odd, n, sizeof *odd, by_name);
	for (size_t i = 0; i < n; i++)
		if (!i || strcmp(odd[i], odd[i - 1]))
			buf_printf(&text, "%s\"%s\"", i ? ", " : "", odd[i]);
	if (n)
		err_set(e, E_INVALID_PARAMS, "Unknown tool(s) in filter: [%s]",
		    text.p);
	buf_free(&text);
	free(odd);
	return n ? -1 : 0;
}
