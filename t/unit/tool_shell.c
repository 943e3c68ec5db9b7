#include <signal.h>
#include <sys/wait.h>

#include "toolrig.h"

#define SH "{\"shell\":{\"program\":\"sh\",\"timeout_secs\":30}}"

static void
rig_sh(struct rig *g, const char *config)
{
	rig_init(g, config);
	rig_open(g);
}

TEST(a_command_gives_code_and_output)
{
	struct rig g;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"echo out; echo err >&2; pwd; exit 3\"}");
	OK(!g.r.is_error);
	SAME(got(&g, "exit_code"), "3");
	OK(strstr(g.text, "{\"exit_code\":3,\"stdout\":\"out\\n") == g.text);
	OK(strstr(g.text, "/root\\n\"") != NULL);
	SAME(got(&g, "stderr"), "err\n");
	SAME(got(&g, "timed_out"), "false");
	SAME(got(&g, "stdout_lossy"), "false");
	rig_free(&g);
}

TEST(stdin_is_empty_and_there_is_no_terminal)
{
	struct rig g;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"cat; (: </dev/tty) 2>/dev/null "
	    "&& echo tty\"}");
	SAME(got(&g, "stdout"), "");
	rig_free(&g);
}

TEST(odd_bytes_survive_or_are_marked)
{
	struct rig g;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"printf 'a\\\\000b\\\\377'\"}");
	OK(strstr(g.text, "\"stdout\":\"a\\u0000b\xef\xbf\xbd\"") != NULL);
	SAME(got(&g, "stdout_lossy"), "true");
	SAME(got(&g, "stderr_lossy"), "false");
	rig_free(&g);
}

TEST(long_output_keeps_its_end)
{
	struct rig g;
	char *out;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"head -c 150000 /dev/zero | "
	    "tr '\\\\0' x; echo END\"}");
	out = got(&g, "stdout");
	OK(strncmp(out, "[truncated 50004 chars]...xxx", 29) == 0);
	OK(strcmp(out + strlen(out) - 5, "xEND\n") == 0);
	OK(strlen(out) == 100000 + 26);
	free(out);
	call(&g, "shell", "{\"command\":\"yes | head -c 30000000\"}");
	SAME(got(&g, "exit_code"), "0");
	rig_free(&g);
}

TEST(a_time_limit_ends_it_also_when_it_is_deaf)
{
	struct rig g;
	int64_t start = time_mono_ms();

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"echo early; sleep 60\","
	    "\"timeout_secs\":1}");
	SAME(got(&g, "exit_code"), "null");
	SAME(got(&g, "timed_out"), "true");
	SAME(got(&g, "stdout"), "early\n");
	OK(!g.r.is_error && g.r.timed_out && g.r.timeout_ms == 1000);
	OK(time_mono_ms() - start < 2500);
	start = time_mono_ms();
	call(&g, "shell", "{\"command\":\"trap '' TERM; while :; do sleep 60; "
	    "done\",\"timeout_secs\":0}");
	SAME(got(&g, "timed_out"), "true");
	OK(time_mono_ms() - start < 4000);
	rig_free(&g);
}

TEST(a_grandchild_with_the_pipe_does_not_hold_the_call)
{
	struct rig g;
	int64_t start = time_mono_ms();

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"setsid sleep 60 & sleep 60 & echo on\"}");
	SAME(got(&g, "stdout"), "on\n");
	SAME(got(&g, "exit_code"), "0");
	OK(time_mono_ms() - start < 1500);
	rig_free(&g);
}

TEST(directories_inside_the_root_only)
{
	struct rig g;
	char *sub;

	rig_sh(&g, SH);
	sub = fs_join(g.root, "sub");
	OK(mkdir(sub, 0755) == 0);
	call(&g, "shell", "{\"command\":\"basename \\\"$PWD\\\"\","
	    "\"working_dir\":\"sub\"}");
	SAME(got(&g, "stdout"), "sub\n");
	call(&g, "shell", "{\"command\":\"ls\",\"working_dir\":\"../\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: "
	    "Working directory '../' is outside project root");
	call(&g, "shell", "{\"command\":\"ls\",\"working_dir\":\"/\"}");
	OK(g.r.is_error);
	call(&g, "shell", "{\"command\":\"ln -s / out\"}");
	call(&g, "shell", "{\"command\":\"ls\",\"working_dir\":\"out/etc\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: "
	    "Working directory 'out/etc' is outside project root");
	call(&g, "shell", "{\"command\":\"ls\",\"working_dir\":\"none\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: "
	    "Working directory not found: none");
	free(sub);
	rig_free(&g);
}

TEST(secrets_stay_out_of_the_environment)
{
	static const char *const pass[] = { "KEEP_TOKEN", NULL };
	struct rig g;

	setenv("ANTHROPIC_API_KEY", "k", 1);
	setenv("MY_TOKEN", "k", 1);
	setenv("KEEP_TOKEN", "kept", 1);
	setenv("OTHER_SECRET", "other", 1);
	setenv("AWS_PROFILE", "k", 1);
	setenv("DB_PASSWORD", "k", 1);
	setenv("HOST_KEY_VAR", "k", 1);
	setenv("PLAIN", "plain", 1);
	rig_init(&g, "{\"shell\":{\"program\":\"sh\",\"pass_env\":"
	    "[\"OTHER_SECRET\"]},\"self_hosted\":{\"servers\":{\"s\":"
	    "{\"bearer_token_env\":\"HOST_KEY_VAR\"}}}}");
	g.env.pass_env = pass;
	g.env.shell_env = json_text("{\"EXTRA\":\"x y\",\"PLAIN\":\"mine\"}");
	rig_open(&g);
	call(&g, "shell", "{\"command\":\"echo $ANTHROPIC_API_KEY,$MY_TOKEN,"
	    "$KEEP_TOKEN,$OTHER_SECRET,$AWS_PROFILE,$DB_PASSWORD,"
	    "$HOST_KEY_VAR,$PLAIN,$EXTRA\"}");
	SAME(got(&g, "stdout"), ",,kept,other,,,,mine,x y\n");
	rig_free(&g);
}

TEST(the_policy_is_asked)
{
	struct rig g;

	rig_sh(&g, "{\"shell\":{\"program\":\"sh\",\"security_mode\":"
	    "\"allow_list\",\"security_patterns\":[\"echo *\"]}}");
	call(&g, "shell", "{\"command\":\"echo   yes\"}");
	SAME(got(&g, "stdout"), "yes\n");
	call(&g, "shell", "{\"command\":\"ls -l\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: "
	    "Security policy violation: Command 'ls -l' does not match any "
	    "allowed patterns");
	rig_free(&g);
}

TEST(a_missing_program_is_named)
{
	struct rig g;

	rig_sh(&g, "{\"shell\":{\"program\":\"no-such-shell\"}}");
	call(&g, "shell", "{\"command\":\"ls\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: "
	    "Shell not installed: no-such-shell (tried: no-such-shell)");
	rig_free(&g);
}

TEST(bad_arguments)
{
	struct rig g;

	rig_sh(&g, SH);
	call(&g, "shell", "{}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'shell': missing field 'command'");
	call(&g, "shell", "{\"command\":7}");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'shell': 'command': want a string");
	call(&g, "shell", "{\"command\":\"ls\",\"timeout_secs\":-1}");
	OK(g.r.is_error);
	call(&g, "shell", "[1]");
	SAME(refused(&g, "invalid_arguments"), "Invalid arguments for tool "
	    "'shell': want a JSON object");
	call(&g, "shell", "{\"command\":\"a\\u0000b\"}");
	OK(g.r.is_error);
	rig_free(&g);
}

/* Run the loop until the job is over and reported. */
static bool
notice(struct rig *g, struct job_notice *n)
{
	int64_t end = time_mono_ms() + 10000;

	while (time_mono_ms() < end) {
		if (toolbox_job_notice(g->box, n))
			return true;
		loop_once(g->loop, 100);
	}
	return false;
}

TEST(a_background_job_runs_on_and_is_reported_once)
{
	struct job_notice n;
	struct rig g;
	char *id, *args;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"echo hi; exit 2\",\"background\":true}");
	OK(strstr(g.text, "\"status\":\"running\",\"message\":\"Command started "
	    "in background with job ID: job_") != NULL);
	id = got(&g, "job_id");
	OK(notice(&g, &n));
	STR_IS(n.job_id, id);
	STR_IS(n.display_name, "shell:echo hi; exit 2");
	STR_IS(n.status, "completed");
	OK(strstr(n.detail, "exit_code: 2; duration: 0.") == n.detail);
	OK(strstr(n.detail, "; stdout: hi\n; stderr: ") != NULL);
	job_notice_free(&n);
	OK(!toolbox_job_notice(g.box, &n));
	args = xasprintf("{\"job_id\":\"%s\"}", id);
	call(&g, "shell_job_status", args);
	OK(strstr(g.text, "\"working_dir\":null,\"timeout_secs\":30,") != NULL);
	OK(strstr(g.text, "\"status\":{\"status\":\"completed\",\"exit_code\":2,"
	    "\"stdout\":\"hi\\n\",\"stderr\":\"\",\"duration_secs\":") != NULL);
	call(&g, "shell_job_cancel", args);
	SAME(refused(&g, "execution_failed"),
	    "Tool execution failed: Job is not running");
	call(&g, "shell_job_status", "{\"job_id\":\"job_x\"}");
	SAME(refused(&g, "execution_failed"),
	    "Tool execution failed: Job not found: job_x");
	free(args);
	free(id);
	rig_free(&g);
}

TEST(a_background_job_can_be_cancelled)
{
	struct job_notice n;
	struct rig g;
	char *id, *args;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"sleep 60\",\"background\":true}");
	id = got(&g, "job_id");
	args = xasprintf("{\"job_id\":\"%s\"}", id);
	call(&g, "shell_jobs", "{}");
	OK(strstr(g.text, "\"command\":\"sleep 60\",\"status\":\"running\"") !=
	    NULL);
	call(&g, "shell_job_cancel", args);
	SAME(got(&g, "status"), "cancelled");
	OK(notice(&g, &n));
	STR_IS(n.status, "cancelled");
	OK(strstr(n.detail, "cancelled after 0.") == n.detail);
	job_notice_free(&n);
	free(args);
	free(id);
	rig_free(&g);
}

TEST(the_box_takes_its_children_along)
{
	struct rig g;
	struct tool_run *r;
	char *mark = NULL;
	int64_t start;

	rig_sh(&g, SH);
	call(&g, "shell", "{\"command\":\"trap '' TERM; echo $$ > pid; "
	    "while :; do sleep 60; done\",\"background\":true}");
	rig_start(&g, "shell", "{\"command\":\"echo $$ > pid2; sleep 60\"}");
	r = rig_start(&g, "shell", "{\"command\":\"echo $$ > pid3; sleep 60\"}");
	for (const char *f = "pid"; f; f = !strcmp(f, "pid") ? "pid2" :
	    !strcmp(f, "pid2") ? "pid3" : NULL)
		for (;;) {
			free(mark);
			mark = file_text(&g, f);
			if (strchr(mark, '\n'))
				break;
			loop_once(g.loop, 20);
		}
	toolbox_cancel(r);
	start = time_mono_ms();
	toolbox_free(g.box);
	g.box = NULL;
	OK(time_mono_ms() - start < 1000);
	OK(waitpid(-1, NULL, WNOHANG) < 0);
	OK(kill(atoi(mark), 0) < 0);
	free(mark);
	rig_free(&g);
}
