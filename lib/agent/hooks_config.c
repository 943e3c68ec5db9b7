/*
 * Hook entries (agent sheet 13.1 and 13.3): from the configuration, which has checked
 * its own, and from a session's override, which nobody has.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hooks_impl.h"
#include "base/util.h"
#include "store/config.h"

static const char *const points[] = {
	[HOOK_RUN_STARTED] = "run_started",
	[HOOK_PRE_LLM_REQUEST] = "pre_llm_request",
	[HOOK_POST_LLM_RESPONSE] = "post_llm_response",
	[HOOK_PRE_TOOL_EXECUTION] = "pre_tool_execution",
	[HOOK_POST_TOOL_EXECUTION] = "post_tool_execution",
	[HOOK_TURN_BOUNDARY] = "turn_boundary",
	[HOOK_RUN_COMPLETED] = "run_completed",
	[HOOK_RUN_FAILED] = "run_failed",
};

const char *
hook_point_name(enum hook_point p)
{
	return points[p];
}

static bool
pre_point(enum hook_point p)
{
	return p == HOOK_RUN_STARTED || p == HOOK_PRE_LLM_REQUEST ||
	    p == HOOK_PRE_TOOL_EXECUTION || p == HOOK_TURN_BOUNDARY;
}

/* ---- members ---- */

/* The index of a word in a list; the default if it is absent. */
static int
read_word(struct jtext entry, const char *key, const char *const *words,
    size_t n, size_t otherwise, size_t *out, struct err *e)
{
	struct jtext v = json_get(entry, key);

	*out = otherwise;
	if (!v.p)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (json_str_is(v, words[i])) {
			*out = i;
			return 0;
		}
	return err_set(e, E_INVALID_PARAMS, "unknown %s %.*s", key,
	    (int)(v.n < 60 ? v.n : 60), v.p);
}

/* A string, new; the default if it is absent. */
static int
read_string(struct jtext obj, const char *key, const char *otherwise,
    char **out, struct err *e)
{
	struct jtext v = json_get(obj, key);

	*out = v.p ? json_get_str(obj, key) : xstrdup(otherwise);
	if (!*out)
		return err_set(e, E_INVALID_PARAMS, "%s: want a string", key);
	return 0;
}

static int
read_i64(struct jtext entry, const char *key, int64_t min, int64_t max,
    int64_t *out, struct err *e)
{
	struct jtext v = json_get(entry, key);

	if (!v.p || json_is(v, 'n'))
		return 0;
	if (!json_i64(v, out) || *out < min || *out > max)
		return err_set(e, E_INVALID_PARAMS, "%s: want an integer from"
		    " %" PRId64 " to %" PRId64, key, min, max);
	return 0;
}

/* The strings of an array behind what the list holds already; NULL terminated. */
static int
read_strings(struct jtext obj, const char *key, char ***list, size_t n,
    struct err *e)
{
	struct jtext v = json_get(obj, key);
	struct jiter it = json_iter(v);
	size_t len;

	*list = xrealloc(*list, (n + json_count(v) + 1) * sizeof **list);
	(*list)[n] = NULL;
	if (v.p && !json_is(v, '['))
		return err_set(e, E_INVALID_PARAMS, "%s: want strings", key);
	while (json_next(&it)) {
		char *s = json_str(it.value, &len);

		if (!s || strlen(s) != len) {
			free(s);
			return err_set(e, E_INVALID_PARAMS,
			    "%s: want strings", key);
		}
		(*list)[n++] = s;
		(*list)[n] = NULL;
	}
	return 0;
}

/* An object of strings as "name<sep>value", NULL terminated. */
static int
read_pairs(struct jtext obj, const char *key, const char *sep, char ***list,
    struct err *e)
{
	struct jtext v = json_get(obj, key);
	struct jiter it = json_iter(v);
	size_t n = 0;

	*list = xcalloc(json_count(v) + 1, sizeof **list);
	if (v.p && !json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS, "%s: want an object", key);
	while (json_next(&it)) {
		char *name = json_str(it.key, NULL);
		char *value = json_str(it.value, NULL);
		bool fits = value && !strpbrk(name, "=\r\n") && *name &&
		    (*sep == '=' || !strpbrk(value, "\r\n"));

		if (fits)
			(*list)[n++] = xasprintf("%s%s%s", name, sep, value);
		free(name);
		free(value);
		if (!fits)
			return err_set(e, E_INVALID_PARAMS,
			    "%s: want an object of strings", key);
	}
	return 0;
}

/* ---- one entry ---- */

static int
read_runtime(struct jtext runtime, struct hook *h, struct err *e)
{
	static const char *const types[] = { "in_process", "command", "http" };
	struct jtext config = json_get(runtime, "config");
	struct jtext o = json_is(config, '{') ? config : runtime;
	size_t type;

	if (runtime.p && !json_is(runtime, '{'))
		return err_set(e, E_INVALID_PARAMS, "runtime: want an object");
	if (read_word(runtime, "type", types, COUNT(types), RUNTIME_IN_PROCESS,
	    &type, e) < 0)
		return -1;
	h->runtime = (enum hook_runtime)type;
	switch (h->runtime) {
	case RUNTIME_COMMAND:
		h->argv = xcalloc(2, sizeof *h->argv);
		if (read_string(o, "command", NULL, &h->argv[0], e) < 0 ||
		    read_strings(o, "args", &h->argv, 1, e) < 0)
			return -1;
		return read_pairs(o, "env", "=", &h->env, e);
	case RUNTIME_HTTP:
		if (read_string(o, "url", NULL, &h->url, e) < 0 ||
		    read_string(o, "method", "POST", &h->method, e) < 0)
			return -1;
		return read_pairs(o, "headers", ": ", &h->headers, e);
	case RUNTIME_IN_PROCESS:
		break;
	}
	return read_string(o, "name", runtime.p ? NULL : "noop", &h->name, e);
}

static int
validate(const struct hook *h, bool observes, struct err *e)
{
	if (!h->id[strspn(h->id, " \t\r\n")])
		return err_set(e, E_INVALID_PARAMS, "hook id cannot be empty");
	if (h->background && pre_point(h->point) && !observes)
		return err_set(e, E_INVALID_PARAMS,
		    "pre_* background hooks must be observe-only: %s", h->id);
	if (h->background && h->fail_closed)
		return err_set(e, E_INVALID_PARAMS,
		    "background hooks must use fail_open policy: %s", h->id);
	return 0;
}

static int
read_entry(struct jtext entry, int64_t timeout_ms, struct hook *h,
    struct err *e)
{
	static const char *const modes[] = { "foreground", "background" };
	static const char *const capabilities[] = { "observe", "guardrail",
		"rewrite" };
	static const char *const policies[] = { "fail_open", "fail_closed" };
	size_t point, mode, capability, policy;

	*h = (struct hook){ .enabled = json_get_bool(entry, "enabled", true),
	    .priority = 100, .timeout_ms = timeout_ms };
	if (!json_is(entry, '{'))
		return err_set(e, E_INVALID_PARAMS, "an entry: want an object");
	if (read_string(entry, "id", "hook", &h->id, e) < 0)
		return -1;
	if (read_word(entry, "point", points, COUNT(points),
	    HOOK_TURN_BOUNDARY, &point, e) < 0 ||
	    read_word(entry, "mode", modes, 2, 0, &mode, e) < 0 ||
	    read_word(entry, "capability", capabilities, 3, 0, &capability,
	    e) < 0 ||
	    read_word(entry, "failure_policy", policies, 2, capability != 0,
	    &policy, e) < 0 ||
	    read_i64(entry, "priority", INT32_MIN, INT32_MAX, &h->priority,
	    e) < 0 ||
	    read_i64(entry, "timeout_ms", 0, INT32_MAX, &h->timeout_ms, e) < 0 ||
	    read_runtime(json_get(entry, "runtime"), h, e) < 0)
		return err_wrap(e, "%s", h->id);
	h->point = (enum hook_point)point;
	h->background = mode == 1;
	h->fail_closed = policy == 1;
	return validate(h, capability == 0, e);
}

static void
free_strings(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

static void
hook_free(struct hook *h)
{
	free(h->id);
	free(h->name);
	free_strings(h->argv);
	free_strings(h->env);
	free(h->url);
	free(h->method);
	free_strings(h->headers);
}

/* ---- all ---- */

static bool
disabled(struct jtext override, const char *id)
{
	struct jiter it = json_iter(json_get(override, "disable"));

	while (json_next(&it))
		if (json_str_is(it.value, id))
			return true;
	return false;
}

static int
read_entries(struct jtext entries, int64_t timeout_ms, struct jtext override,
    struct hook_list *list, struct err *e)
{
	struct jiter it = json_iter(entries);
	struct hook *h;

	list->v = xrealloc(list->v, (list->n + json_count(entries) + 1) *
	    sizeof *list->v);
	while (json_next(&it)) {
		h = &list->v[list->n];
		if (read_entry(it.value, timeout_ms, h, e) < 0) {
			hook_free(h);
			return err_wrap(e, "Hook configuration invalid");
		}
		if (disabled(override, h->id))
			hook_free(h);
		else
			list->n++;
	}
	return 0;
}

int
hooks_read(struct jtext config, struct jtext override, struct hook_list *list,
    struct err *e)
{
	struct jtext more = json_get(override, "entries");
	int64_t timeout_ms = json_get_i64(config, "default_timeout_ms", 5000);

	*list = (struct hook_list){ .n = 0 };
	if (override.p && !json_is(override, '{') && !json_is(override, 'n'))
		return err_set(e, E_INVALID_PARAMS, "Hook configuration "
		    "invalid: hooks_override: want an object");
	if (more.p && !json_is(more, '['))
		return err_set(e, E_INVALID_PARAMS, "Hook configuration "
		    "invalid: hooks_override/entries: want an array");
	if (read_entries(json_get(config, "entries"), timeout_ms, override,
	    list, e) < 0 ||
	    read_entries(more, timeout_ms, JTEXT_NONE, list, e) < 0) {
		hooks_list_free(list);
		return -1;
	}
	return 0;
}

void
hooks_list_free(struct hook_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		hook_free(&list->v[i]);
	free(list->v);
	*list = (struct hook_list){ .n = 0 };
}

int
hooks_check(const struct config *c, struct jtext override, struct err *e)
{
	struct hook_list list;
	int rc = hooks_read(config_at(c, "hooks"), override, &list, e);

	hooks_list_free(&list);
	return rc;
}
