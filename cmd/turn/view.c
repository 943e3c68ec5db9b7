#include <string.h>

#include "base/util.h"
#include "turn/view.h"

bool
view_parse(const char *s, enum view_kind *kind)
{
	static const char *const names[] = { "primary", "mux", "focus" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(s, names[i])) {
			*kind = (enum view_kind)i;
			return true;
		}
	return false;
}

/* An atom of n bytes: not empty, no slash, no white space. */
static bool
is_atom(const char *s, size_t n)
{
	return n > 0 && strcspn(s, "/ \t\r\n\v\f") >= n;
}

bool
scope_valid(const char *s)
{
	size_t first = strcspn(s, "/");
	const char *rest = s + first;

	if (!strncmp(s, "mob:", 4)) {
		if (!is_atom(s + 4, first - 4))
			return false;
	} else if (first != 7 || strncmp(s, "primary", 7)) {
		return false;
	}
	return !*rest || (!strncmp(rest, "/sub:", 5) &&
	    is_atom(rest + 5, strlen(rest + 5)));
}

/* Is scope one of the names in "a, b"? */
static bool
in_list(const char *list, const char *scope)
{
	size_t n = strlen(scope);

	for (const char *p = list; *p; p += strspn(p, ", ")) {
		size_t len = strcspn(p, ",");

		if (len == n && !memcmp(p, scope, n))
			return true;
		p += len;
	}
	return false;
}

bool
view_shows(struct view *v, const char *scope)
{
	if (!in_list(buf_str(&v->seen), scope))
		buf_printf(&v->seen, "%s%s", v->seen.n ? ", " : "", scope);
	if (v->kind == VIEW_MUX)
		return true;
	if (v->kind == VIEW_PRIMARY)
		return !strcmp(scope, "primary");
	if (strcmp(scope, v->focus))
		return false;
	v->matched = true;
	return true;
}

void
view_free(struct view *v)
{
	buf_free(&v->seen);
}
