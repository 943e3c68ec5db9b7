#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/jput.h"
#include "base/util.h"
#include "tool/builtin.h"
#include "tool/capture.h"
#include "tool/jobs.h"
#include "tool/shell.h"

#define KEEP_BYTES (1 << 20)
#define KEEP_JOBS 100
#define KEEP_MS 300000
#define NOTICE_BYTES 200

enum job_state { JOB_RUNNING, JOB_COMPLETED, JOB_TIMED_OUT, JOB_CANCELLED };

/* The word in a job's status, and the one in the event (tools sheet 5.4, 10). */
static const struct {
	const char *status, *event;
} words[] = {
	[JOB_RUNNING] = { "running", "running" },
	[JOB_COMPLETED] = { "completed", "completed" },
	[JOB_TIMED_OUT] = { "timed_out", "failed" },
	[JOB_CANCELLED] = { "cancelled", "cancelled" },
};

struct job {
	struct job *next;
	char id[4 + UUID_LEN + 1];
	char *command, *dir;
	int64_t limit_ms, started_s, ended_ms;
	enum job_state state;
	bool reported;
	struct capture *child;		/* while running */
	struct buf out, err;		/* afterwards; UTF-8 */
	int exit_code;			/* -1: killed by a signal */
	double seconds;
};

struct jobs {
	struct tools *t;
	struct job *list;		/* oldest first */
};

struct jobs *
jobs_new(struct tools *t)
{
	struct jobs *j = xcalloc(1, sizeof *j);

	j->t = t;
	return j;
}

static void
job_free(struct job *j)
{
	if (j->child)
		capture_free(j->child);
	buf_free(&j->out);
	buf_free(&j->err);
	free(j->command);
	free(j->dir);
	free(j);
}

void
jobs_free(struct jobs *j)
{
	if (!j)
		return;
	while (j->list) {
		struct job *next = j->list->next;

		job_free(j->list);
		j->list = next;
	}
	free(j);
}

/* Forget reported jobs that are old or too many. */
static void
prune(struct jobs *j)
{
	int64_t now = time_mono_ms();
	size_t n = 0;

	for (struct job *k = j->list; k; k = k->next)
		n += k->state != JOB_RUNNING;
	for (struct job **p = &j->list, *k; (k = *p); ) {
		if (k->reported && (n > KEEP_JOBS || now - k->ended_ms > KEEP_MS)) {
			*p = k->next;
			job_free(k);
			n--;
		} else {
			p = &k->next;
		}
	}
}

static void
ended(void *arg, struct capture *c)
{
	struct job *j = arg;

	j->state = c->timed_out ? JOB_TIMED_OUT : c->stopped ? JOB_CANCELLED :
	    JOB_COMPLETED;
	j->exit_code = WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
	j->seconds = (double)c->duration_ms / 1000;
	j->ended_ms = time_mono_ms();
	text_lossy(buf_str(&c->out.b), c->out.b.n, &j->out);
	text_lossy(buf_str(&c->err.b), c->err.b.n, &j->err);
	j->child = NULL;
	capture_free(c);
}

const char *
jobs_start(struct jobs *j, struct proc_spec *spec, const char *command,
    const char *dir, int64_t limit_ms, struct err *e)
{
	struct job *job = xcalloc(1, sizeof *job), **p;

	prune(j);
	strcpy(job->id, "job_");
	uuid_v7(job->id + 4);
	job->command = xstrdup(command);
	job->dir = xstrdup(dir);
	job->limit_ms = limit_ms;
	job->started_s = time_ms() / 1000;
	job->child = capture_start(j->t, spec, limit_ms, KEEP_BYTES, ended, job,
	    e);
	if (!job->child) {
		job_free(job);
		return NULL;
	}
	for (p = &j->list; *p; p = &(*p)->next)
		;
	*p = job;
	return job->id;
}

/* ---- notices ---- */

static void
put_tail(struct buf *b, const char *key, const struct buf *text)
{
	size_t from = text->n > NOTICE_BYTES ? text->n - NOTICE_BYTES : 0;

	while (from < text->n && ((unsigned char)text->p[from] & 0xc0) == 0x80)
		from++;
	buf_printf(b, "; %s: ", key);
	buf_put(b, buf_str(text) + from, text->n - from);
}

static void
put_detail(struct buf *b, const struct job *j)
{
	if (j->state == JOB_TIMED_OUT) {
		buf_printf(b, "timed out after %.1fs", j->seconds);
	} else if (j->state == JOB_CANCELLED) {
		buf_printf(b, "cancelled after %.1fs", j->seconds);
	} else {
		if (j->exit_code < 0)
			buf_puts(b, "exit_code: none");
		else
			buf_printf(b, "exit_code: %d", j->exit_code);
		buf_printf(b, "; duration: %.1fs", j->seconds);
		put_tail(b, "stdout", &j->out);
		put_tail(b, "stderr", &j->err);
	}
}

bool
jobs_notice(struct jobs *j, struct job_notice *n)
{
	struct buf detail = BUF_INIT;
	struct job *k = j->list;

	while (k && (k->state == JOB_RUNNING || k->reported))
		k = k->next;
	if (!k)
		return false;
	put_detail(&detail, k);
	*n = (struct job_notice){ .job_id = xstrdup(k->id),
	    .display_name = xasprintf("shell:%s", k->command),
	    .status = xstrdup(words[k->state].event),
	    .detail = buf_steal(&detail) };
	k->reported = true;
	return true;
}

void
job_notice_free(struct job_notice *n)
{
	free(n->job_id);
	free(n->display_name);
	free(n->status);
	free(n->detail);
}

/* ---- the tools ---- */

static void
list_jobs(struct call *c)
{
	struct jobs *all = shell_jobs(c->t->shell);
	struct buf b = BUF_INIT;

	prune(all);
	jput_open(&b, '[');
	for (struct job *j = all->list; j; j = j->next) {
		jput_open(&b, '{');
		jput_kcstr(&b, "id", j->id);
		jput_kcstr(&b, "command", j->command);
		jput_kcstr(&b, "status", words[j->state].status);
		jput_ki64(&b, "started_at_unix", j->started_s);
		jput_close(&b, '}');
	}
	jput_close(&b, ']');
	call_json(c, &b);
	buf_free(&b);
}

/* The job that the argument names; NULL and an error if there is none. */
static struct job *
named(struct call *c)
{
	struct job *j = shell_jobs(c->t->shell)->list;
	char *id = arg_str(c, "job_id");

	if (!id)
		return NULL;
	while (j && strcmp(j->id, id))
		j = j->next;
	if (!j)
		call_failed(c, "Job not found: %s", id);
	free(id);
	return j;
}

static void
put_status(struct buf *b, const struct job *j)
{
	jput_key(b, "status");
	jput_open(b, '{');
	jput_kcstr(b, "status", words[j->state].status);
	if (j->state == JOB_RUNNING)
		jput_ki64(b, "started_at_unix", j->started_s);
	if (j->state == JOB_COMPLETED) {
		if (j->exit_code < 0)
			jput_knull(b, "exit_code");
		else
			jput_ki64(b, "exit_code", j->exit_code);
	}
	if (j->state == JOB_COMPLETED || j->state == JOB_TIMED_OUT) {
		jput_kstr(b, "stdout", buf_str(&j->out), j->out.n);
		jput_kstr(b, "stderr", buf_str(&j->err), j->err.n);
	}
	if (j->state != JOB_RUNNING)
		jput_kf64(b, "duration_secs", j->seconds);
	jput_close(b, '}');
}

static void
job_status(struct call *c)
{
	struct job *j = named(c);
	struct buf b = BUF_INIT;

	if (!j)
		return;
	jput_open(&b, '{');
	jput_kcstr(&b, "id", j->id);
	jput_kcstr(&b, "command", j->command);
	jput_kcstr(&b, "working_dir", j->dir);
	jput_ki64(&b, "timeout_secs", j->limit_ms / 1000);
	jput_ki64(&b, "started_at_unix", j->started_s);
	put_status(&b, j);
	jput_close(&b, '}');
	call_json(c, &b);
	buf_free(&b);
}

static void
cancel_job(struct call *c)
{
	struct job *j = named(c);
	struct buf b = BUF_INIT;

	if (!j)
		return;
	if (j->state != JOB_RUNNING || j->child->stopped) {
		call_failed(c, "Job is not running");
		return;
	}
	capture_stop(j->child);
	jput_open(&b, '{');
	jput_kcstr(&b, "job_id", j->id);
	jput_kcstr(&b, "status", "cancelled");
	jput_close(&b, '}');
	call_json(c, &b);
	buf_free(&b);
}

#define TEXT(s) { s, sizeof s - 1 }
#define ONE_JOB TEXT("{\"type\":\"object\",\"properties\":{\"job_id\":" \
    "{\"type\":\"string\",\"description\":\"Id of the job\"}}," \
    "\"required\":[\"job_id\"]}")

const struct builtin job_tools[] = {
	{ .def = { "shell_job_status",
	    "State and output of one background command.", ONE_JOB },
	    .shell = true, .start = job_status },
	{ .def = { "shell_jobs",
	    "The background commands of this session and their states.",
	    TEXT("{\"type\":\"object\",\"properties\":{},\"required\":[]}") },
	    .shell = true, .start = list_jobs },
	{ .def = { "shell_job_cancel",
	    "Stop a background command: it is asked to end and killed 2 s later.",
	    ONE_JOB }, .shell = true, .start = cancel_job },
	{ .def = { .name = NULL } }
};
