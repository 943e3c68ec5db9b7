#include "toolrig.h"

#define CONFIG "{\"shell\":{\"program\":\"sh\"},\"tools\":{\"default_timeout\":" \
    "\"10m\",\"max_concurrent\":2,\"tool_timeouts\":{\"shell\":\"200ms\"," \
    "\"slow\":{\"secs\":0,\"nanos\":50000000}}}}"

/* Names of the visible tools, comma separated. */
static const char *
names(struct rig *g)
{
	static struct buf b = BUF_INIT;
	const struct tool_def *d;
	size_t n = toolbox_list(g->box, &d);

	buf_trunc(&b, 0);
	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_NONE;

		OK(json_check(d[i].schema.p, d[i].schema.n, &e) == 0);
		OK(*d[i].description);
		buf_printf(&b, "%s%s", i ? "," : "", d[i].name);
	}
	return buf_str(&b);
}

TEST(datetime_says_when)
{
	struct rig g;

	rig_init(&g, CONFIG);
	rig_open(&g);
	call(&g, "datetime", "");
	OK(g.r.is_error);
	call(&g, "datetime", "{\"unknown\":1}");
	OK(!g.r.is_error);
	OK(strstr(g.text, "{\"date\":\"2") == g.text);
	SAME(got(&g, "timezone"), "UTC");
	OK(g.r.duration_ms >= 0);
	rig_free(&g);
}

TEST(unknown_tools_are_not_found)
{
	struct rig g;

	rig_init(&g, CONFIG);
	rig_open(&g);
	call(&g, "wait", "{}");
	SAME(refused(&g, "tool_not_found"), "Tool not found: wait");
	rig_free(&g);
}

TEST(groups_decide_what_is_there)
{
	struct rig g;

	rig_init(&g, CONFIG);
	g.env.shell = false;
	rig_open(&g);
	OK(!strstr(names(&g), "shell"));
	call(&g, "shell", "{\"command\":\"ls\"}");
	SAME(refused(&g, "tool_not_found"), "Tool not found: shell");
	rig_free(&g);
	rig_init(&g, CONFIG);
	g.env.builtins = false;
	rig_open(&g);
	STR_IS(names(&g), "");
	rig_free(&g);
}

TEST(an_overlay_hides_tools)
{
	struct rig g;
	struct err e = ERR_NONE;

	rig_init(&g, CONFIG);
	rig_open(&g);
	OK(toolbox_overlay(g.box, json_text("[\"datetime\",\"shell\"]"),
	    json_text("[\"shell\"]"), &e) == 0);
	STR_IS(names(&g), "datetime");
	call(&g, "shell", "{\"command\":\"ls\"}");
	SAME(refused(&g, "tool_not_found"), "Tool not found: shell");
	OK(toolbox_overlay(g.box, json_text("[\"zz\",\"datetime\"]"),
	    json_text("[\"aa\"]"), &e) < 0);
	STR_IS(e.text, "Unknown tool(s) in filter: [\"aa\", \"zz\"]");
	STR_IS(names(&g), "datetime");
	OK(toolbox_overlay(g.box, json_text("[]"), JTEXT_NONE, &e) == 0);
	STR_IS(names(&g), "");
	OK(toolbox_overlay(g.box, JTEXT_NONE, JTEXT_NONE, &e) == 0);
	OK(strstr(names(&g), "datetime") != NULL);
	rig_free(&g);
}

/* ---- a source of tools ---- */

struct slow {
	struct loop *loop;
	int active, most, cancelled;
};

struct slow_call {
	struct slow *s;
	tool_done *done;
	void *arg;
	struct loop_timer *t;
};

static size_t
slow_list(void *arg, const struct tool_def **defs)
{
	static const struct tool_def d[] = {
		{ "slow", "takes 20 ms", { "{}", 2 } },
		{ "datetime", "hidden by the builtin", { "{}", 2 } },
		{ "now", "is over before it began", { "{}", 2 } },
		{ "stuck", "never ends", { "{}", 2 } },
	};

	(void)arg;
	*defs = d;
	return COUNT(d);
}

static void
slow_over(void *arg)
{
	struct slow_call *c = arg;
	struct tool_result r = { .is_error = false };

	c->s->active--;
	tool_result_text(&r, "done", 4);
	c->done(c->arg, &r);
	free(c);
}

static void
slow_start(void *arg, const struct tool_call *call, tool_done *done,
    void *done_arg, void **handle)
{
	struct slow_call *c = xcalloc(1, sizeof *c);

	*c = (struct slow_call){ .s = arg, .done = done, .arg = done_arg };
	if (++c->s->active > c->s->most)
		c->s->most = c->s->active;
	if (!strcmp(call->name, "now")) {
		slow_over(c);
		return;
	}
	*handle = c;
	c->t = loop_timer(c->s->loop, strcmp(call->name, "stuck") &&
	    strstr(call->args.p, "long") == NULL ? 20 : 60000, slow_over, c);
}

static void
slow_cancel(void *arg, void *handle)
{
	struct slow *s = arg;
	struct slow_call *c = handle;

	loop_untimer(c->t);
	s->active--;
	s->cancelled++;
	free(c);
}

static void
rig_slow(struct rig *g, struct slow *s)
{
	struct tool_source src = { .kind = "callback", .id = "x",
	    .list = slow_list, .start = slow_start, .cancel = slow_cancel,
	    .arg = s };

	rig_init(g, CONFIG);
	rig_open(g);
	*s = (struct slow){ .loop = g->loop };
	toolbox_add(g->box, &src);
}

TEST(sources_add_tools_and_builtins_win)
{
	struct slow s;
	struct rig g;
	const char *list;

	rig_slow(&g, &s);
	list = names(&g);
	OK(strstr(list, "slow,now,stuck") != NULL);
	OK(!strstr(strstr(list, "datetime") + 1, "datetime"));
	STR_IS(call(&g, "slow", "{}"), "done");
	STR_IS(call(&g, "now", "{}"), "done");
	OK(s.active == 0);
	rig_free(&g);
}

TEST(no_more_than_max_concurrent_at_once)
{
	struct slow s;
	struct rig g;

	rig_slow(&g, &s);
	for (int i = 0; i < 6; i++)
		rig_start(&g, "slow", "{}");
	rig_wait(&g);
	OK(s.most == 2);
	rig_free(&g);
}

TEST(a_limit_ends_a_call_with_a_timeout_error)
{
	struct slow s;
	struct rig g;

	rig_slow(&g, &s);
	call(&g, "slow", "{\"long\":1}");
	SAME(refused(&g, "timeout"), "Tool 'slow' timed out after 50ms");
	OK(g.r.timed_out && g.r.timeout_ms == 50 && s.cancelled == 1);
	call(&g, "shell", "{\"command\":\"sleep 60\"}");
	SAME(refused(&g, "timeout"), "Tool 'shell' timed out after 200ms");
	rig_free(&g);
}

TEST(a_cancelled_call_does_not_call_back)
{
	struct slow s;
	struct rig g;
	struct tool_run *a, *b;

	rig_slow(&g, &s);
	a = rig_start(&g, "stuck", "{}");
	b = rig_start(&g, "stuck", "{}");
	rig_start(&g, "slow", "{}");	/* waits for a place */
	while (s.active < 2)
		loop_once(g.loop, 100);
	toolbox_cancel(a);
	g.waiting = 1;			/* only slow is left to come */
	rig_wait(&g);
	OK(s.cancelled == 1);
	toolbox_cancel(b);
	a = rig_start(&g, "slow", "{}");
	toolbox_cancel(a);		/* still queued */
	OK(s.cancelled == 2 && s.active == 0);
	rig_free(&g);
}

TEST(content_becomes_text)
{
	struct buf b = BUF_INIT;
	bool images = false;

	content_project(json_text("\"plain\""), &b, &images);
	STR_IS(buf_str(&b), "plain");
	OK(!images);
	buf_trunc(&b, 0);
	content_project(json_text("[{\"type\":\"text\",\"text\":\"a\"},"
	    "{\"type\":\"text\",\"text\":\"\"},{\"type\":\"image\","
	    "\"media_type\":\"image/png\",\"source\":\"inline\",\"data\":\"\"}]"),
	    &b, &images);
	STR_IS(buf_str(&b), "a\n[image: image/png]");
	OK(images);
	buf_free(&b);
}
