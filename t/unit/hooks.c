#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/hooks.h"
#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "store/config.h"
#include "test.h"

/* An engine with its events, one a line. */
struct rig {
	struct loop *loop;
	struct hooks *h;
	struct hook_outcome out[4];
	struct buf events;
	struct config config;
	char *text;		/* of config */
	char *dir;
	bool cancel;
	struct err e;
};

static void
emit(void *arg, const char *payload, size_t n)
{
	struct rig *g = arg;

	buf_put(&g->events, payload, n);
	buf_putc(&g->events, '\n');
}

static int
rig_open(struct rig *g, const char *hooks, const char *override)
{
	struct hooks_env env = { .config = &g->config, .emit = emit, .arg = g,
	    .override = json_text(override), .cancel = &g->cancel };
	char dir[] = "/tmp/rkat-hooks.XXXXXX";

	*g = (struct rig){ .cancel = false };
	g->loop = env.loop = loop_new();
	g->dir = xstrdup(mkdtemp(dir));
	env.cwd = g->dir;
	g->text = xasprintf("{\"hooks\":%s}", hooks);
	g->config.v = json_text(g->text);
	return hooks_new(&g->h, &env, &g->e);
}

static void
rig_close(struct rig *g)
{
	hooks_free(g->h);
	for (size_t i = 0; i < 4; i++)
		hook_outcome_free(&g->out[i]);
	fs_remove_tree(g->dir, NULL);
	free(g->dir);
	free(g->text);
	buf_free(&g->events);
	loop_free(g->loop);
}

static void
fire(struct rig *g, enum hook_point p, const char *invocation)
{
	struct jtext v = json_text(invocation);

	hook_outcome_free(&g->out[0]);
	hooks_fire(g->h, p, &v, g->out, 1);
}

/* The event lines with durations and times made equal. */
static const char *
events(struct rig *g)
{
	static struct buf b;
	static const char *const keys[] = { "\"duration_ms\":",
		"\"published_at\":" };
	const char *p = buf_str(&g->events);

	buf_trunc(&b, 0);
	while (*p) {
		for (size_t i = 0; i < 2; i++)
			if (!strncmp(p, keys[i], strlen(keys[i]))) {
				buf_puts(&b, keys[i]);
				p += strcspn(p, ",}");
				buf_putc(&b, '0');
			}
		buf_putc(&b, *p++);
	}
	buf_trunc(&g->events, 0);
	return buf_str(&b);
}

/* A command entry of the shell; more: other members, with a comma in front. */
#define SH(id, point, script, more) \
	"{\"id\":\"" id "\",\"point\":\"" point "\",\"runtime\":{\"type\":" \
	"\"command\",\"command\":\"sh\",\"args\":[\"-c\",\"" script "\"]}" \
	more "}"
#define ENTRIES(list) "{\"entries\":[" list "]}"
#define EVENT(type, id, point, more) \
	"{\"type\":\"hook_" type "\",\"hook_id\":\"" id "\",\"point\":\"" \
	point "\"" more "}\n"
#define DONE(id, point) EVENT("completed", id, point, ",\"duration_ms\":0")

static const char deny_answer[] = "{\"decision\":{\"decision\":\"deny\","
    "\"hook_id\":\"x\",\"reason_code\":\"policy_violation\","
    "\"message\":\"no\"}}";

TEST(without_entries_there_is_no_engine)
{
	struct rig g;

	OK(rig_open(&g, "{\"entries\":[]}", NULL) == 0);
	OK(!g.h && !hooks_any(g.h, HOOK_RUN_STARTED));
	fire(&g, HOOK_RUN_STARTED, "{}");
	OK(!g.out[0].denied);
	rig_close(&g);
}

TEST(a_hook_reads_the_invocation_and_answers)
{
	struct rig g;

	OK(rig_open(&g, ENTRIES(SH("a", "pre_tool_execution",
	    "read -r x; printf '{\\\"patches\\\":[{\\\"patch_type\\\":"
	    "\\\"tool_args\\\",\\\"args\\\":%s}]}' $x", "")), NULL) == 0);
	OK(hooks_any(g.h, HOOK_PRE_TOOL_EXECUTION));
	OK(!hooks_any(g.h, HOOK_RUN_STARTED));
	fire(&g, HOOK_PRE_TOOL_EXECUTION, "{\"n\":9007199254740993}");
	OK(g.out[0].n_patches == 1 && !g.out[0].denied);
	if (g.out[0].n_patches == 1) {
		STR_IS(g.out[0].patches[0].p, "{\"patch_type\":\"tool_args\","
		    "\"args\":{\"n\":9007199254740993}}");
		STR_IS(g.out[0].patch_ids[0], "a");
	}
	STR_IS(events(&g), EVENT("started", "a", "pre_tool_execution", "")
	    DONE("a", "pre_tool_execution"));
	rig_close(&g);
}

TEST(hooks_run_by_priority_and_a_deny_stops_the_rest)
{
	struct rig g;
	struct err e = ERR_NONE;
	char *s = xasprintf(ENTRIES(
	    SH("late", "turn_boundary", "touch late; echo {}",
	    ",\"priority\":200")","
	    SH("deny", "turn_boundary", "cat answer", ",\"priority\":5,"
	    "\"capability\":\"guardrail\"")","
	    SH("first", "turn_boundary", "touch first; echo {}",
	    ",\"priority\":-1")","
	    SH("off", "turn_boundary", "touch off; echo {}",
	    ",\"enabled\":false")));
	char *path;

	OK(rig_open(&g, s, NULL) == 0);
	path = fs_join(g.dir, "answer");
	OK(fs_write_atomic(path, deny_answer, strlen(deny_answer), 0600,
	    NULL) == 0);
	free(path);
	fire(&g, HOOK_TURN_BOUNDARY, "{}");
	OK(g.out[0].denied);
	hook_denied_text(&g.out[0], HOOK_TURN_BOUNDARY, &e);
	STR_IS(e.text, "Hook denied at TurnBoundary: PolicyViolation - no");
	OK(e.code == E_HOOK_DENIED);
	STR_IS(events(&g), EVENT("started", "late", "turn_boundary", "")
	    EVENT("started", "deny", "turn_boundary", "")
	    EVENT("started", "first", "turn_boundary", "")
	    DONE("first", "turn_boundary") DONE("deny", "turn_boundary")
	    EVENT("denied", "x", "turn_boundary", ",\"reason_code\":"
	    "\"policy_violation\",\"message\":\"no\""));
	path = fs_join(g.dir, "late");
	OK(!fs_exists(path));
	free(path);
	path = fs_join(g.dir, "off");
	OK(!fs_exists(path));
	free(path);
	path = fs_join(g.dir, "first");
	OK(fs_exists(path));
	free(path);
	free(s);
	rig_close(&g);
}

/* The error of one hook with this script, open or closed. */
static const char *
failure(struct rig *g, const char *entry)
{
	char *s = xasprintf("{\"payload_max_bytes\":1000,\"entries\":[%s]}",
	    entry);

	OK(rig_open(g, s, NULL) == 0);
	free(s);
	fire(g, HOOK_RUN_STARTED, "{}");
	return events(g);
}

#define FAILED(error) EVENT("started", "a", "run_started", "") \
	EVENT("failed", "a", "run_started", ",\"error\":\"" error "\"")
#define RUNTIME "Hook runtime execution failed for 'a': "

TEST(an_observer_that_fails_is_reported_and_passed)
{
	static const struct {
		const char *entry, *events;
	} rows[] = {
		{ SH("a", "run_started", "echo oops >&2; exit 3", ""),
		  FAILED(RUNTIME "command hook exited with 3: oops") },
		{ SH("a", "run_started", "kill -9 $$", ""),
		  FAILED(RUNTIME "command hook exited with signal 9: ") },
		{ SH("a", "run_started", ":", ""),
		  FAILED(RUNTIME "invalid command hook response: not JSON:"
		  " empty at byte 0") },
		{ SH("a", "run_started", "echo []", ""),
		  FAILED(RUNTIME "invalid command hook response: want an"
		  " object") },
		{ SH("a", "run_started", "head -c 1001 /dev/zero; sleep 9", ""),
		  FAILED(RUNTIME "command stdout exceeds max size: 1001 >"
		  " 1000") },
		{ SH("a", "run_started", "sleep 9", ",\"timeout_ms\":50"),
		  FAILED("hook timed out after 50ms") },
		{ "{\"id\":\"a\",\"point\":\"run_started\"}",
		  FAILED(RUNTIME "in-process handler 'noop' not registered") },
		{ SH("a", "run_started", "echo '{\\\"patches\\\":[{\\\"patch_type"
		  "\\\":\\\"run_result\\\",\\\"text\\\":1}]}'", ""),
		  FAILED(RUNTIME "invalid command hook response: patch"
		  " run_result: text is missing or of the wrong kind") },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig g;

		STR_IS(failure(&g, rows[i].entry), rows[i].events);
		OK(!g.out[0].denied);
		rig_close(&g);
	}
}

TEST(a_guard_that_fails_denies)
{
	struct rig g;

	STR_IS(failure(&g, SH("a", "run_started", "sleep 9",
	    ",\"timeout_ms\":50,\"capability\":\"guardrail\"")),
	    EVENT("started", "a", "run_started", "") DONE("a", "run_started")
	    EVENT("denied", "a", "run_started", ",\"reason_code\":\"timeout\","
	    "\"message\":\"hook timed out after 50ms\""));
	OK(g.out[0].denied);
	rig_close(&g);
	STR_IS(failure(&g, SH("a", "run_started", "exit 1",
	    ",\"failure_policy\":\"fail_closed\"")),
	    EVENT("started", "a", "run_started", "") DONE("a", "run_started")
	    EVENT("denied", "a", "run_started", ",\"reason_code\":"
	    "\"runtime_error\",\"message\":\"" RUNTIME
	    "command hook exited with 1: \""));
	rig_close(&g);
}

TEST(a_program_that_does_not_exist_is_a_failure)
{
	struct rig g;
	const char *s = failure(&g, "{\"id\":\"a\",\"point\":\"run_started\","
	    "\"runtime\":{\"type\":\"command\",\"command\":"
	    "\"/nowhere/hook\"}}");

	OK(strstr(s, RUNTIME) && strstr(s, "/nowhere/hook"));
	rig_close(&g);
}

TEST(a_large_invocation_is_not_sent)
{
	struct rig g;
	char big[2000];

	memset(big, ' ', sizeof big);
	memcpy(big, "{}", 2);
	big[sizeof big - 1] = '\0';
	OK(rig_open(&g, "{\"payload_max_bytes\":1000,\"entries\":["
	    SH("a", "run_started", "echo {}", "") "]}", NULL) == 0);
	fire(&g, HOOK_RUN_STARTED, big);
	STR_IS(events(&g),
	    FAILED(RUNTIME "hook payload exceeds max size: 1999 > 1000"));
	rig_close(&g);
}

TEST(a_hook_need_not_read_what_it_is_told)
{
	struct rig g;
	size_t n = 1000000;
	char *big = malloc(n + 1);

	memset(big, ' ', n);
	memcpy(big, "{}", 2);
	big[n] = '\0';
	OK(rig_open(&g, "{\"payload_max_bytes\":2000000,\"entries\":["
	    SH("a", "run_started", "echo {}", "") "]}", NULL) == 0);
	fire(&g, HOOK_RUN_STARTED, big);
	STR_IS(events(&g), EVENT("started", "a", "run_started", "")
	    DONE("a", "run_started"));
	free(big);
	rig_close(&g);
}

TEST(a_hook_gets_its_environment_on_top_of_ours)
{
	struct rig g;

	setenv("HOOK_A", "ours", 1);
	setenv("HOOK_B", "ours", 1);
	failure(&g, "{\"id\":\"a\",\"point\":\"run_started\",\"runtime\":"
	    "{\"type\":\"command\",\"config\":{\"command\":\"sh\",\"args\":"
	    "[\"-c\",\"echo $HOOK_A $HOOK_B >&2; exit 1\"],\"env\":"
	    "{\"HOOK_A\":\"its\"}}}}");
	rig_close(&g);
	OK(strstr(failure(&g, "{\"id\":\"a\",\"point\":\"run_started\","
	    "\"runtime\":{\"type\":\"command\",\"command\":\"sh\",\"args\":"
	    "[\"-c\",\"echo $HOOK_A $HOOK_B >&2; exit 1\"],\"env\":"
	    "{\"HOOK_A\":\"its\"}}}"), "exited with 1: its ours"));
	rig_close(&g);
}

TEST(chains_run_side_by_side)
{
	struct rig g;
	struct jtext in[3];
	int64_t start = time_mono_ms();

	OK(rig_open(&g, ENTRIES(SH("a", "pre_tool_execution",
	    "sleep 0.3; echo {}", "")), NULL) == 0);
	for (size_t i = 0; i < 3; i++)
		in[i] = json_text("{}");
	hooks_fire(g.h, HOOK_PRE_TOOL_EXECUTION, in, g.out, 3);
	OK(time_mono_ms() - start < 800);
	STR_IS(events(&g), EVENT("started", "a", "pre_tool_execution", "")
	    EVENT("started", "a", "pre_tool_execution", "")
	    EVENT("started", "a", "pre_tool_execution", "")
	    DONE("a", "pre_tool_execution") DONE("a", "pre_tool_execution")
	    DONE("a", "pre_tool_execution"));
	rig_close(&g);
}

TEST(the_denying_hook_may_patch_after_a_tool_only)
{
	struct rig g;
	static const char answer[] = "echo '{\\\"decision\\\":{\\\"decision\\\":"
	    "\\\"deny\\\",\\\"hook_id\\\":\\\"x\\\",\\\"reason_code\\\":"
	    "\\\"safety_violation\\\",\\\"message\\\":\\\"m\\\",\\\"payload\\\":"
	    "{\\\"r\\\": 7}},\\\"patches\\\":[{\\\"patch_type\\\":"
	    "\\\"tool_result\\\",\\\"content\\\":\\\"c\\\"}]}'";
	char *s = xasprintf(ENTRIES(SH("a", "post_tool_execution", "%s", "")","
	    SH("b", "post_llm_response", "%s", "")), answer, answer);

	OK(rig_open(&g, s, NULL) == 0);
	fire(&g, HOOK_POST_TOOL_EXECUTION, "{}");
	OK(g.out[0].denied && g.out[0].n_patches == 1);
	STR_IS(buf_str(&g.out[0].payload), "{\"r\":7}");
	fire(&g, HOOK_POST_LLM_RESPONSE, "{}");
	OK(g.out[0].denied && g.out[0].n_patches == 0);
	free(s);
	rig_close(&g);
}

#define BACKGROUND ",\"mode\":\"background\""
#define REWRITE "echo '{\\\"patches\\\":[{\\\"patch_type\\\":" \
	"\\\"run_result\\\",\\\"text\\\":\\\"t\\\"}]}'"

TEST(a_background_patch_is_published_at_the_next_point)
{
	struct rig g;

	OK(rig_open(&g, ENTRIES(SH("bg", "post_llm_response", REWRITE,
	    BACKGROUND)), NULL) == 0);
	fire(&g, HOOK_POST_LLM_RESPONSE, "{}");
	STR_IS(events(&g), EVENT("started", "bg", "post_llm_response", ""));
	for (int i = 0; i < 100 && !hooks_any(g.h, HOOK_RUN_FAILED); i++)
		loop_once(g.loop, 50);
	OK(hooks_any(g.h, HOOK_RUN_FAILED));
	fire(&g, HOOK_RUN_FAILED, "{}");
	STR_IS(events(&g), EVENT("patch_published", "bg", "post_llm_response",
	    ",\"envelope\":{\"revision\":1,\"hook_id\":\"bg\",\"point\":"
	    "\"post_llm_response\",\"patch\":{\"patch_type\":\"run_result\","
	    "\"text\":\"t\"},\"published_at\":0}"));
	OK(!hooks_any(g.h, HOOK_RUN_FAILED));
	rig_close(&g);
}

TEST(background_hooks_get_time_to_end_but_not_for_ever)
{
	struct rig g;
	struct buf b = BUF_INIT;
	char *path;
	int64_t start;

	OK(rig_open(&g, ENTRIES(SH("bg", "run_completed",
	    "sleep 0.2; echo done >file; echo {}", BACKGROUND)), NULL) == 0);
	fire(&g, HOOK_RUN_COMPLETED, "{}");
	hooks_free(g.h);
	g.h = NULL;
	path = fs_join(g.dir, "file");
	OK(fs_read(path, 100, &b, NULL) == 0);
	free(path);
	buf_free(&b);
	rig_close(&g);

	OK(rig_open(&g, ENTRIES(SH("bg", "run_completed", "sleep 60",
	    BACKGROUND)), NULL) == 0);
	fire(&g, HOOK_RUN_COMPLETED, "{}");
	g.cancel = true;
	start = time_mono_ms();
	rig_close(&g);
	OK(time_mono_ms() - start < 1000);
}

TEST(background_hooks_beyond_the_limit_are_skipped)
{
	struct rig g;

	OK(rig_open(&g, "{\"background_max_concurrency\":1,\"entries\":["
	    SH("one", "run_completed", "touch one; echo {}", BACKGROUND) ","
	    SH("two", "run_completed", "touch two; echo {}", BACKGROUND) "]}",
	    NULL) == 0);
	fire(&g, HOOK_RUN_COMPLETED, "{}");
	hooks_free(g.h);
	g.h = NULL;
	for (int i = 0; i < 2; i++) {
		char *path = fs_join(g.dir, i ? "two" : "one");

		OK(fs_exists(path) == !i);
		free(path);
	}
	rig_close(&g);
}

TEST(a_cancel_ends_the_wait)
{
	struct rig g;
	int64_t start = time_mono_ms();

	OK(rig_open(&g, ENTRIES(SH("a", "run_started", "sleep 60",
	    ",\"timeout_ms\":60000")), NULL) == 0);
	g.cancel = true;
	fire(&g, HOOK_RUN_STARTED, "{}");
	OK(!g.out[0].denied);
	OK(time_mono_ms() - start < 1000);
	rig_close(&g);
}

TEST(an_override_disables_and_adds)
{
	struct rig g;

	OK(rig_open(&g, ENTRIES(SH("a", "run_started", "echo {}", "")),
	    "{\"disable\":[\"a\"],\"entries\":[" SH("a", "run_failed",
	    "echo {}", "") "]}") == 0);
	OK(!hooks_any(g.h, HOOK_RUN_STARTED));
	OK(hooks_any(g.h, HOOK_RUN_FAILED));
	rig_close(&g);
}

TEST(bad_entries_are_named)
{
	static const struct {
		const char *entry, *why;
	} rows[] = {
		{ "{\"id\":\" \"}", "hook id cannot be empty" },
		{ "{\"id\":\"a\",\"mode\":\"background\","
		  "\"capability\":\"rewrite\"}",
		  "pre_* background hooks must be observe-only: a" },
		{ "{\"id\":\"a\",\"mode\":\"background\",\"point\":"
		  "\"run_failed\",\"capability\":\"guardrail\"}",
		  "background hooks must use fail_open policy: a" },
		{ "{\"id\":\"a\",\"enabled\":false,\"mode\":\"background\","
		  "\"failure_policy\":\"fail_closed\"}",
		  "background hooks must use fail_open policy: a" },
		{ "{\"point\":\"x\"}", "hook: unknown point \"x\"" },
		{ "{\"timeout_ms\":-1}",
		  "hook: timeout_ms: want an integer from 0 to 2147483647" },
		{ "{\"runtime\":{\"type\":\"command\"}}",
		  "hook: command: want a string" },
		{ "{\"runtime\":{\"type\":\"http\",\"url\":\"http://a\","
		  "\"headers\":{\"a\":\"b\\r\\nc\"}}}",
		  "hook: headers: want an object of strings" },
		{ "1", "an entry: want an object" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig g;
		char *s = xasprintf(ENTRIES("%s"), rows[i].entry);
		char *why = xasprintf("Hook configuration invalid: %s",
		    rows[i].why);

		OK(rig_open(&g, s, NULL) < 0);
		STR_IS(g.e.text, why);
		free(s);
		free(why);
		rig_close(&g);
	}
}

/* A server for one request on loopback: keeps the request in a file, gives the answer. */
static pid_t
serve(const char *answer, const char *file, int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct buf b = BUF_INIT;
	pid_t pid;

	OK(bind(s, (struct sockaddr *)&a, sizeof a) == 0 && !listen(s, 1));
	getsockname(s, (struct sockaddr *)&a, &len);
	*port = ntohs(a.sin_port);
	if ((pid = fork()) == 0) {
		int c = accept(s, NULL, NULL);

		while (!strstr(buf_str(&b), "\r\n\r\n") ||
		    b.p[b.n - 1] != '}') {
			ssize_t n = read(c, buf_room(&b, 4096), 4096);

			if (n <= 0)
				break;
			b.n += (size_t)n;
			buf_end(&b);
		}
		fs_write_atomic(file, b.p, b.n, 0600, NULL);
		fs_write_all(c, answer, strlen(answer));
		_exit(0);
	}
	close(s);
	return pid;
}

TEST(an_http_hook_is_posted_to)
{
	static const struct {
		const char *answer, *events;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
		  EVENT("started", "a", "run_started", "")
		  DONE("a", "run_started") },
		{ "HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy",
		  FAILED(RUNTIME "HTTP hook returned 503: busy") },
		{ "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
		  FAILED(RUNTIME "invalid HTTP hook response: not JSON: want a"
		  " value at byte 0") },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char file[] = "/tmp/rkat-hooks.XXXXXX";
		struct buf request = BUF_INIT;
		struct rig g;
		int port;
		pid_t pid;
		char *s;

		close(mkstemp(file));
		pid = serve(rows[i].answer, file, &port);
		s = xasprintf("{\"id\":\"a\",\"point\":\"run_started\","
		    "\"runtime\":{\"type\":\"http\",\"url\":"
		    "\"http://127.0.0.1:%d/hook\",\"headers\":"
		    "{\"x-a\":\"b\"}}}", port);
		STR_IS(failure(&g, s), rows[i].events);
		waitpid(pid, NULL, 0);
		OK(fs_read(file, 65536, &request, NULL) == 0);
		OK(strstr(buf_str(&request), "POST /hook HTTP/1.1\r\n"));
		OK(strstr(buf_str(&request),
		    "content-type: application/json\r\n"));
		OK(strstr(buf_str(&request), "x-a: b\r\n"));
		OK(strstr(buf_str(&request), "\r\n\r\n{}"));
		unlink(file);
		buf_free(&request);
		free(s);
		rig_close(&g);
	}
}
