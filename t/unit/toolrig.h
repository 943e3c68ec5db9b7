/*
 * A toolbox on a scratch directory, for the tests of the tools: call(rig, "shell",
 * "{..}") runs the loop until the result is there and gives its decoded text.
 */
#ifndef TOOLRIG_H
#define TOOLRIG_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "store/config.h"
#include "tool/tool.h"
#include "test.h"

struct rig {
	char dir[64];			/* scratch; root is below it */
	char *root;
	struct loop *loop;
	struct config config;
	struct tool_env env;
	struct toolbox *box;
	struct tool_result r;		/* of the last call */
	char *text;
	int waiting;
};

static inline void
rig_done(void *arg, struct tool_result *r)
{
	struct rig *g = arg;

	tool_result_free(&g->r);
	g->r = *r;
	g->waiting--;
}

/* Set g->env as needed between these two. */
static inline void
rig_init(struct rig *g, const char *config)
{
	*g = (struct rig){ .loop = loop_new() };
	strcpy(g->dir, "/tmp/rkat-unit.XXXXXX");
	if (!mkdtemp(g->dir))
		abort();
	g->root = fs_join(g->dir, "root");
	if (mkdir(g->root, 0755) < 0)
		abort();
	g->config.v = json_text(config);
	g->env = (struct tool_env){ .loop = g->loop, .config = &g->config,
	    .session = "01950000-0000-7000-8000-000000000001",
	    .root = g->root, .builtins = true, .shell = true,
	    .image_results = true };
}

static inline void
rig_open(struct rig *g)
{
	struct err e = ERR_NONE;

	g->box = toolbox_new(&g->env, &e);
	if (!g->box) {
		printf("# %s\n", e.text);
		abort();
	}
}

static inline void
rig_free(struct rig *g)
{
	toolbox_free(g->box);
	tool_result_free(&g->r);
	free(g->text);
	loop_free(g->loop);
	fs_remove_tree(g->dir, NULL);
	free(g->root);
}

static inline struct tool_run *
rig_start(struct rig *g, const char *name, const char *args)
{
	struct tool_call c = { .id = "t1", .name = name,
	    .args = json_text(args) };

	g->waiting++;
	return toolbox_start(g->box, &c, rig_done, g);
}

static inline void
rig_wait(struct rig *g)
{
	int64_t end = time_mono_ms() + 30000;

	while (g->waiting && time_mono_ms() < end)
		loop_once(g->loop, 1000);
	OK(!g->waiting);
}

/* The text of the result; valid until the next call. */
static inline const char *
call(struct rig *g, const char *name, const char *args)
{
	struct jtext v;
	struct err e = ERR_NONE;

	rig_start(g, name, args);
	rig_wait(g);
	free(g->text);
	g->text = NULL;
	OK(json_parse(buf_str(&g->r.content), g->r.content.n, &v, &e) == 0);
	g->text = json_str(v, NULL);
	return g->text ? g->text : buf_str(&g->r.content);
}

/* A member of the last result's JSON text, as raw JSON or decoded; new, valid until exit. */
static inline char *
got(struct rig *g, const char *key)
{
	struct jtext v = json_get(json_text(g->text), key);
	char *s = json_str(v, NULL);

	return s ? s : xstrndup(v.p ? v.p : "(absent)", v.p ? v.n : 8);
}

/* The last result must be an error of that code; its message. */
static inline char *
refused(struct rig *g, const char *code)
{
	char *c = got(g, "error");

	OK(g->r.is_error);
	STR_IS(c, code);
	free(c);
	return got(g, "message");
}

#define SAME(expr, want) do { \
	char *s_ = (expr); STR_IS(s_, want); free(s_); } while (0)

static inline void
put_file(struct rig *g, const char *name, const char *text)
{
	char *path = fs_join(g->root, name);
	FILE *f = fopen(path, "w");

	OK(f != NULL);
	if (f) {
		fputs(text, f);
		fclose(f);
	}
	free(path);
}

static inline char *
file_text(struct rig *g, const char *name)
{
	char *path = fs_join(g->root, name);
	struct buf b = BUF_INIT;

	if (fs_read(path, 1 << 24, &b, NULL) < 0)
		buf_puts(&b, "(no such file)");
	free(path);
	return buf_steal(&b);
}

#endif
