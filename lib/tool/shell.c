#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/jput.h"
#include "base/util.h"
#include "store/config.h"
#include "tool/builtin.h"
#include "tool/capture.h"
#include "tool/env.h"
#include "tool/jobs.h"
#include "tool/path.h"
#include "tool/policy.h"
#include "tool/sandbox.h"
#include "tool/shell.h"

/* Tools sheet 5.1 and 5.2. */
#define DEFAULT_PROGRAM "nu"
#define DEFAULT_SECS 30
#define MAX_SECS (7 * 24 * 3600)
#define KEEP_BYTES 400000
#define KEEP_CHARS 100000
#define MAX_PROCESSES 10

struct shell {
	struct tools *t;
	struct jobs *jobs;
	struct sandbox *sandbox;	/* made for the first command */
	char *program;			/* path, or NULL: */
	char *missing;			/* why there is none */
	char *description;
	int64_t secs;
	enum policy_mode mode;
	struct jtext patterns;
};

/* ---- set-up ---- */

static void
try_program(struct shell *s, const char *name, struct buf *tried)
{
	if (s->program || !name || !*name)
		return;
	buf_printf(tried, "%s%s", tried->n ? ", " : "", name);
	s->program = proc_which(name);
}

/* $SHELL, unless it is one of those that lock an account. */
static const char *
login_shell(void)
{
	const char *sh = getenv("SHELL"), *base = sh ? strrchr(sh, '/') : NULL;

	return base && (!strcmp(base, "/nologin") || !strcmp(base, "/false")) ?
	    NULL : sh;
}

/* Only the default program has stand-ins. */
static void
find_program(struct shell *s, const char *name)
{
	struct buf tried = BUF_INIT;
	bool fallback = !strcmp(name, DEFAULT_PROGRAM);

	try_program(s, name, &tried);
	if (fallback) {
		try_program(s, login_shell(), &tried);
		try_program(s, "bash", &tried);
		try_program(s, "zsh", &tried);
		try_program(s, "sh", &tried);
	}
	if (!s->program)
		s->missing = xasprintf("Shell not installed: %s (tried: %s)%s",
		    name, tried.p, fallback ?
		    ". Install from https://nushell.sh" : "");
	buf_free(&tried);
}

static void
describe(struct shell *s)
{
	const char *base = s->program ? strrchr(s->program, '/') : NULL;
	char *box = sandbox_describe(s->t->env->sandbox, s->t->env->network);

	s->description = xasprintf(
	    "Run a command with `%s -c` in the project directory and return its "
	    "exit code and output. stdin is empty and there is no terminal. A "
	    "command is stopped after timeout_secs (default %lld); what it leaves "
	    "running ends with it, so set background to true for servers and "
	    "long jobs, and look at them with shell_job_status. %s",
	    base ? base + 1 : s->program ? s->program : DEFAULT_PROGRAM,
	    (long long)s->secs, box);
	free(box);
}

struct shell *
shell_new(struct tools *t, struct err *e)
{
	struct jtext cfg = t->env->config ? config_at(t->env->config, "shell") :
	    JTEXT_NONE;
	struct shell *s = xcalloc(1, sizeof *s);
	char *program = json_get_str(cfg, "program");
	char *mode = json_get_str(cfg, "security_mode");

	s->t = t;
	s->jobs = jobs_new(t);
	s->secs = json_get_i64(cfg, "timeout_secs", DEFAULT_SECS);
	s->patterns = json_get(cfg, "security_patterns");
	if (mode && !policy_parse(mode, &s->mode)) {
		err_set(e, E_INVALID_PARAMS, "shell.security_mode: '%s': want "
		    "unrestricted, allow_list or deny_list", mode);
		shell_free(s);
		s = NULL;
		goto done;
	}
	find_program(s, program ? program : DEFAULT_PROGRAM);
	describe(s);
done:
	free(program);
	free(mode);
	return s;
}

void
shell_free(struct shell *s)
{
	if (!s)
		return;
	jobs_free(s->jobs);
	sandbox_free(s->sandbox);
	free(s->program);
	free(s->missing);
	free(s->description);
	free(s);
}

const char *
shell_describe(const struct shell *s)
{
	return s->description;
}

struct jobs *
shell_jobs(struct shell *s)
{
	return s->jobs;
}

/* ---- the result ---- */

/* Where the last max characters of UTF-8 begin; *over is how many come before. */
static size_t
last_chars(const struct buf *text, size_t max, size_t *over)
{
	size_t chars = 0, at = 0;

	for (size_t i = 0; i < text->n; i++)
		chars += ((unsigned char)text->p[i] & 0xc0) != 0x80;
	*over = chars > max ? chars - max : 0;
	for (size_t skip = *over; skip > 0; skip--)
		at += utf8_next(text->p + at, text->n - at);
	return at;
}

static bool
put_stream(struct buf *b, const char *key, const struct tail *t)
{
	struct buf text = BUF_INIT, shown = BUF_INIT;
	bool lossy = text_lossy(buf_str(&t->b), t->b.n, &text);
	size_t over, at = last_chars(&text, KEEP_CHARS, &over);

	if (over)
		buf_printf(&shown, "[truncated %zu chars]...", over);
	buf_put(&shown, buf_str(&text) + at, text.n - at);
	jput_kstr(b, key, shown.p, shown.n);
	buf_free(&text);
	buf_free(&shown);
	return lossy;
}

static void
foreground_done(void *arg, struct capture *cap)
{
	struct call *c = arg;
	struct buf b = BUF_INIT;
	bool out, err;

	jput_open(&b, '{');
	if (cap->timed_out || !WIFEXITED(cap->status))
		jput_knull(&b, "exit_code");
	else
		jput_ki64(&b, "exit_code", WEXITSTATUS(cap->status));
	out = put_stream(&b, "stdout", &cap->out);
	err = put_stream(&b, "stderr", &cap->err);
	jput_kbool(&b, "timed_out", cap->timed_out);
	jput_kf64(&b, "duration_secs", (double)cap->duration_ms / 1000);
	jput_kbool(&b, "stdout_lossy", out);
	jput_kbool(&b, "stderr_lossy", err);
	jput_close(&b, '}');
	call_json(c, &b);
	if (cap->timed_out) {
		c->r.timed_out = true;
		c->r.timeout_ms = cap->limit_ms;
	}
	buf_free(&b);
	capture_free(cap);
	call_done(c);
}

static void
background_started(struct call *c, const char *id)
{
	struct buf b = BUF_INIT;
	char *words = xasprintf("Command started in background with job ID: %s",
	    id);

	jput_open(&b, '{');
	jput_kcstr(&b, "job_id", id);
	jput_kcstr(&b, "status", "running");
	jput_kcstr(&b, "message", words);
	jput_close(&b, '}');
	call_json(c, &b);
	free(words);
	buf_free(&b);
}

/* ---- the call ---- */

struct order {
	char *command, *given_dir, *dir;
	int64_t limit_ms;
	bool background;
};

/* The directory to run in: it exists, and lies in the root also when links are followed. */
static char *
working_dir(struct call *c, const char *given)
{
	const struct root *r = c->t->root;
	char *path, *real;
	size_t n = strlen(r->path);
	struct stat st;

	if (!given)
		return xstrdup(r->path);
	path = *given == '/' ? xstrdup(given) :
	    xasprintf("%s/%s", r->path, given);
	real = realpath(path, NULL);
	free(path);
	if (!real || stat(real, &st) < 0 || !S_ISDIR(st.st_mode)) {
		call_failed(c, "Working directory not found: %s", given);
	} else if (strcmp(r->path, "/") && (strncmp(real, r->path, n) ||
	    (real[n] && real[n] != '/'))) {
		call_failed(c, "Working directory '%s' is outside project root",
		    given);
	} else {
		return real;
	}
	free(real);
	return NULL;
}

static size_t
processes(const struct tools *t)
{
	size_t n = 0;

	for (const struct capture *c = t->captures; c; c = c->next)
		n += !c->over;
	return n;
}

/* May this command run here and now?  If not, the result says why. */
static bool
admitted(struct call *c, const struct order *o)
{
	struct shell *s = c->t->shell;
	struct buf why = BUF_INIT;

	if (s->missing)
		call_failed(c, "%s", s->missing);
	else if (!policy_allows(s->mode, s->patterns, o->command, &why))
		call_failed(c, "%s", buf_str(&why));
	else if (processes(c->t) >= MAX_PROCESSES)
		call_failed(c, "IO error: Concurrency limit exceeded: %zu %s, "
		    "limit is %d", processes(c->t), o->background ?
		    "running jobs" : "processes", MAX_PROCESSES);
	buf_free(&why);
	return !c->r.is_error;
}

/* Ready the sandbox for one child; there may be none to ready. */
static int
arm(struct shell *s, struct err *e)
{
	const struct tool_env *env = s->t->env;
	struct sandbox_spec spec = { .mode = env->sandbox,
	    .network = env->network, .root = s->t->root->path,
	    .program = s->program, .realm = env->realm };

	if (env->sandbox == SANDBOX_OFF)
		return 0;
	if (!s->sandbox && !(s->sandbox = sandbox_new(&spec, e)))
		return -1;
	if (env->sandbox_required && *sandbox_missing(s->sandbox))
		return err_set(e, E_CAPABILITY_UNAVAILABLE, "a sandbox is required, "
		    "but this kernel lacks %s", sandbox_missing(s->sandbox));
	return sandbox_arm(s->sandbox, e);
}

static void
spawn(struct call *c, const struct order *o, struct proc_spec *spec,
    struct err *e)
{
	const char *id;

	if (!o->background) {
		c->state = capture_start(c->t, spec, o->limit_ms, KEEP_BYTES,
		    foreground_done, c, e);
		return;
	}
	id = jobs_start(c->t->shell->jobs, spec, o->command, o->given_dir,
	    o->limit_ms, e);
	if (id)
		background_started(c, id);
}

static void
launch(struct call *c, const struct order *o)
{
	struct shell *s = c->t->shell;
	char *argv[] = { s->program, "-c", o->command, NULL };
	struct proc_spec spec = { .argv = argv, .cwd = o->dir };
	struct err e = ERR_NONE;
	char **envp = NULL;

	if (arm(s, &e) == 0) {
		envp = env_make(c->t->env, o->dir, s->sandbox ?
		    sandbox_tmp(s->sandbox) : NULL);
		spec.envp = envp;
		if (s->sandbox) {
			spec.confine = sandbox_confine;
			spec.arg = s->sandbox;
		}
		spawn(c, o, &spec, &e);
	}
	if (s->sandbox)
		sandbox_disarm(s->sandbox);
	if (e.code)
		call_failed(c, "IO error: %s", e.text);
	env_free(envp);
}

static void
shell_start(struct call *c)
{
	struct order o = {
		.command = arg_str(c, "command"),
		.given_dir = arg_opt_str(c, "working_dir"),
		.background = arg_bool(c, "background", false),
		.limit_ms = 1000 * arg_i64(c, "timeout_secs", 0, MAX_SECS,
		    c->t->shell->secs),
	};

	/* 0 seconds: over before it begins, not "no limit". */
	if (!o.limit_ms)
		o.limit_ms = 1;
	if (!c->r.is_error && (o.dir = working_dir(c, o.given_dir)) &&
	    admitted(c, &o))
		launch(c, &o);
	free(o.command);
	free(o.given_dir);
	free(o.dir);
	if (!c->state)
		call_done(c);
}

static void
shell_cancel(struct call *c)
{
	capture_abandon(c->state);
}

#define TEXT(s) { s, sizeof s - 1 }

const struct builtin shell_tools[] = {
	{ .def = { "shell", "", TEXT("{\"type\":\"object\",\"properties\":{"
	    "\"command\":{\"type\":\"string\",\"description\":\"The command\"},"
	    "\"working_dir\":{\"type\":[\"string\",\"null\"],\"description\":"
	    "\"Directory to run in, inside the project; default: its root\"},"
	    "\"timeout_secs\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,"
	    "\"description\":\"Seconds until the command is stopped\"},"
	    "\"background\":{\"type\":\"boolean\",\"default\":false,"
	    "\"description\":\"Return at once with a job id\"}},"
	    "\"required\":[\"command\"]}") },
	    .shell = true, .start = shell_start, .cancel = shell_cancel },
	{ .def = { .name = NULL } }
};
