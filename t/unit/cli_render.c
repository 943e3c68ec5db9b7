/* The renderer of rkat-turn, fed with event payloads (cli sheet section 5). */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"

#include "turn/out.c"
#include "turn/pattern.c"
#include "turn/render.c"
#include "turn/view.c"

#include "test.h"

struct screen {
	struct render r;
	struct out out, err;
	FILE *files[2];
	struct buf text[2];
};

static void
screen_open(struct screen *s)
{
	memset(s, 0, sizeof *s);
	for (int i = 0; i < 2; i++)
		s->files[i] = tmpfile();
	out_init(&s->out, fileno(s->files[0]), NULL);
	out_init(&s->err, fileno(s->files[1]), NULL);
	s->r.out = &s->out;
	s->r.err = &s->err;
	s->r.stream = true;
}

static void
show(struct screen *s, const char *payload)
{
	render_event(&s->r, "primary", json_text(payload));
}

/* What was written to stdout (0) or stderr (1) so far. */
static const char *
wrote(struct screen *s, int i)
{
	int fd = fileno(s->files[i]);

	buf_trunc(&s->text[i], 0);
	lseek(fd, 0, SEEK_SET);
	fs_read_fd(fd, 1 << 20, &s->text[i], NULL);
	return buf_str(&s->text[i]);
}

static void
screen_close(struct screen *s)
{
	for (int i = 0; i < 2; i++) {
		fclose(s->files[i]);
		buf_free(&s->text[i]);
	}
	out_free(&s->out);
	out_free(&s->err);
	render_free(&s->r);
}

/* One event on a new screen must give exactly this on stderr. */
#define SHOWS(setup, payload, want) do { \
	struct screen s_; \
	screen_open(&s_); \
	setup; \
	show(&s_, payload); \
	STR_IS(wrote(&s_, 1), want); \
	STR_IS(wrote(&s_, 0), ""); \
	screen_close(&s_); \
	} while (0)
#define STREAMS(payload, want) SHOWS((void)0, payload, want)
#define COLOURS(payload, want) SHOWS(s_.r.ansi = true, payload, want)
#define TELLS(payload, want) \
	SHOWS((s_.r.stream = false, s_.r.verbose = true), payload, want)

TEST(text_goes_to_stdout_thinking_to_stderr)
{
	struct screen s;

	screen_open(&s);
	show(&s, "{\"type\":\"reasoning_delta\",\"delta\":\"hm\"}");
	show(&s, "{\"type\":\"reasoning_delta\",\"delta\":\" hm\"}");
	show(&s, "{\"type\":\"reasoning_complete\",\"content\":\"hm hm\"}");
	show(&s, "{\"type\":\"text_delta\",\"delta\":\"Par\"}");
	show(&s, "{\"type\":\"text_delta\",\"delta\":\"is\\n\\u001b[1m\"}");
	show(&s, "{\"type\":\"text_complete\",\"content\":\"Paris\"}");
	show(&s, "{\"type\":\"text_delta\",\"delta\":\"more\"}");
	render_end(&s.r);
	STR_IS(wrote(&s, 0), "\nParis\n\033[1m\nmore\n");
	STR_IS(wrote(&s, 1), "\nthinking\nhm hm\n");
	screen_close(&s);
}

TEST(a_text_block_ends_a_thinking_block_and_the_other_way_round)
{
	struct screen s;

	screen_open(&s);
	show(&s, "{\"type\":\"reasoning_delta\",\"delta\":\"a\"}");
	show(&s, "{\"type\":\"text_delta\",\"delta\":\"b\"}");
	show(&s, "{\"type\":\"reasoning_delta\",\"delta\":\"c\"}");
	show(&s, "{\"type\":\"text_delta\",\"delta\":\"d\"}");
	STR_IS(wrote(&s, 0), "\nb\nd");
	STR_IS(wrote(&s, 1), "\nthinking\na\n\nthinking\nc\n");
	screen_close(&s);
}

TEST(turns_are_separated_from_the_second_on)
{
	STREAMS("{\"type\":\"turn_started\",\"turn_number\":0}", "");
	STREAMS("{\"type\":\"turn_started\",\"turn_number\":1}",
	    "\n━━━ Turn 2 ━━━\n");
	COLOURS("{\"type\":\"turn_started\",\"turn_number\":1}",
	    "\n\033[2m━━━ Turn 2 ━━━\033[0m\n");
}

TEST(tool_lines)
{
	STREAMS("{\"type\":\"tool_call_requested\",\"id\":\"1\",\"name\":\"shell\","
	    "\"args\":{\"command\": \"ls\", \"n\": 9007199254740993}}",
	    "\ntool shell({\"command\":\"ls\",\"n\":9007199254740993})\n");
	COLOURS("{\"type\":\"tool_call_requested\",\"name\":\"x\",\"args\":{}}",
	    "\n\033[3m\033[35mtool\033[0m \033[1mx({})\033[0m\n");
	STREAMS("{\"type\":\"tool_execution_started\",\"name\":\"shell\"}",
	    "  ▸ running shell...\n");
	STREAMS("{\"type\":\"tool_execution_completed\",\"name\":\"shell\","
	    "\"result\":\"a\\nb\",\"is_error\":false,\"duration_ms\":12}",
	    "✓  shell (12ms)\n    a\n    b\n");
	STREAMS("{\"type\":\"tool_execution_completed\",\"name\":\"shell\","
	    "\"result\":\"\",\"is_error\":true,\"duration_ms\":0}",
	    "✗  shell (0ms)\n");
	COLOURS("{\"type\":\"tool_execution_completed\",\"name\":\"s\","
	    "\"result\":\"r\",\"is_error\":true,\"duration_ms\":1}",
	    "\033[31m✗\033[0m  s (1ms)\n\033[2m    r\033[0m\n");
	STREAMS("{\"type\":\"tool_execution_timed_out\",\"name\":\"shell\","
	    "\"timeout_ms\":500}", "  ⏱ shell timed out (500ms)\n");
}

TEST(twenty_lines_of_a_result_are_shown)
{
	struct buf ev = BUF_INIT;
	struct screen s;
	const char *text;

	buf_puts(&ev, "{\"type\":\"tool_execution_completed\",\"name\":\"s\","
	    "\"is_error\":false,\"duration_ms\":1,\"result\":\"");
	for (int i = 1; i <= 25; i++)
		buf_printf(&ev, "line %d\\n", i);
	buf_puts(&ev, "\"}");
	screen_open(&s);
	show(&s, ev.p);
	text = wrote(&s, 1);
	OK(strstr(text, "    line 20\n    ... (5 more lines)\n"));
	OK(!strstr(text, "line 21"));
	screen_close(&s);
	buf_free(&ev);
}

TEST(arguments_are_cut_between_characters)
{
	struct buf ev = BUF_INIT;
	struct screen s;
	const char *text;

	buf_puts(&ev, "{\"type\":\"tool_call_requested\",\"name\":\"s\","
	    "\"args\":[\"");
	for (int i = 0; i < 200; i++)
		buf_puts(&ev, "é");
	buf_puts(&ev, "\"]}");
	screen_open(&s);
	show(&s, ev.p);
	text = wrote(&s, 1);
	OK(utf8_valid(text, strlen(text)));
	OK(strstr(text, "é...)\n"));
	OK(strlen(text) <= strlen("\ntool s(...)\n") + 200);
	screen_close(&s);
	buf_free(&ev);
}

TEST(usage_and_ends)
{
	STREAMS("{\"type\":\"turn_completed\",\"stop_reason\":\"end_turn\","
	    "\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}",
	    "  15 tokens (10 in / 5 out)\n");
	STREAMS("{\"type\":\"run_completed\",\"result\":\"x\","
	    "\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}",
	    "\n────────\ntotal: 15 tokens (10 in / 5 out)\n");
	STREAMS("{\"type\":\"run_failed\",\"error\":\"no\"}", "\nerror: no\n");
	COLOURS("{\"type\":\"run_failed\",\"error\":\"no\"}",
	    "\n\033[31m\033[1merror: no\033[0m\n");
}

TEST(warnings_and_notices)
{
	STREAMS("{\"type\":\"budget_warning\",\"budget_type\":\"tool_calls\","
	    "\"used\":5,\"limit\":5,\"percent\":1.0}",
	    "⚠ Budget: ToolCalls at 100% (5/5)\n");
	STREAMS("{\"type\":\"retrying\",\"attempt\":1,\"max_attempts\":3,"
	    "\"error\":\"slow\",\"delay_ms\":500}",
	    "⟳ Retry 1/3: slow (500ms)\n");
	STREAMS("{\"type\":\"compaction_started\",\"input_tokens\":1,"
	    "\"estimated_history_tokens\":9,\"message_count\":4}",
	    "\n⟳ Compacting context (4 messages, ~9 tokens)...\n");
	STREAMS("{\"type\":\"compaction_completed\",\"summary_tokens\":3,"
	    "\"messages_before\":9,\"messages_after\":2}",
	    "✓ Compacted: 9 → 2 messages (3 summary tokens)\n");
	STREAMS("{\"type\":\"compaction_failed\",\"error\":\"no\"}",
	    "✗ Compaction failed: no\n");
	STREAMS("{\"type\":\"skills_resolved\",\"skills\":[\"a\",\"b\"],"
	    "\"injection_bytes\":7}", "skills: a, b (7 bytes)\n");
	STREAMS("{\"type\":\"skills_resolved\",\"skills\":[],"
	    "\"injection_bytes\":0}", "");
	STREAMS("{\"type\":\"skill_resolution_failed\",\"reference\":\"r\","
	    "\"error\":\"e\"}", "⚠ skill failed: r: e\n");
	STREAMS("{\"type\":\"interaction_callback_pending\","
	    "\"tool_name\":\"t\",\"args\":{\"a\":1}}",
	    "⧖ callback pending: t {\"a\":1}\n");
}

TEST(hooks)
{
	STREAMS("{\"type\":\"hook_started\",\"hook_id\":\"h\","
	    "\"point\":\"pre_llm_request\"}", "hook: h (PreLlmRequest)\n");
	STREAMS("{\"type\":\"hook_completed\",\"hook_id\":\"h\",\"point\":\"x\","
	    "\"duration_ms\":3}", "✓ hook: h (3ms)\n");
	STREAMS("{\"type\":\"hook_failed\",\"hook_id\":\"h\",\"error\":\"e\"}",
	    "✗ hook failed: h: e\n");
	STREAMS("{\"type\":\"hook_denied\",\"hook_id\":\"h\",\"message\":\"m\"}",
	    "⊘ hook denied: h: m\n");
}

TEST(all_other_events_are_silent)
{
	STREAMS("{\"type\":\"run_started\",\"prompt\":\"p\"}", "");
	STREAMS("{\"type\":\"tool_result_received\",\"name\":\"t\"}", "");
	STREAMS("{\"type\":\"an_event_of_tomorrow\"}", "");
	STREAMS("{}", "");
	STREAMS("{\"type\":\"text_delta\"}", "");
	STREAMS("{\"type\":\"tool_execution_completed\"}", "✓   (ms)\n");
}

TEST(foreign_text_cannot_steer_the_terminal)
{
	STREAMS("{\"type\":\"run_failed\",\"error\":\"a\\u001b[2Jb\\nc\\u007f\"}",
	    "\nerror: a [2Jb c \n");
}

TEST(verbose_lines_of_a_turn_that_is_not_streamed)
{
	TELLS("{\"type\":\"turn_started\",\"turn_number\":0}",
	    "\n━━━ Turn 1 ━━━\n");
	TELLS("{\"type\":\"tool_call_requested\",\"name\":\"t\",\"args\":{\"a\":1}}",
	    "  → Calling tool: t {\"a\":1}\n");
	TELLS("{\"type\":\"tool_execution_completed\",\"name\":\"t\","
	    "\"result\":\"ok\",\"is_error\":false,\"duration_ms\":2}",
	    "  ✓ t (2ms): ok\n");
	TELLS("{\"type\":\"tool_execution_completed\",\"name\":\"t\","
	    "\"result\":\"no\",\"is_error\":true,\"duration_ms\":2}",
	    "  ✗ t (2ms): no\n");
	TELLS("{\"type\":\"turn_completed\",\"stop_reason\":\"end_turn\","
	    "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
	    "  ── Turn complete: EndTurn (1 in / 2 out tokens)\n");
	TELLS("{\"type\":\"text_complete\",\"content\":\"hi\"}",
	    "  💬 Response: hi\n");
	TELLS("{\"type\":\"text_complete\",\"content\":\"\"}", "");
	TELLS("{\"type\":\"reasoning_complete\",\"content\":\"hm\"}",
	    "  💭 Thinking: hm\n");
	TELLS("{\"type\":\"retrying\",\"attempt\":1,\"max_attempts\":3,"
	    "\"error\":\"e\",\"delay_ms\":5}",
	    "  ⟳ Retry 1/3: e (waiting 5ms)\n");
	TELLS("{\"type\":\"budget_warning\",\"budget_type\":\"tokens\","
	    "\"used\":8,\"limit\":10,\"percent\":0.8}",
	    "  ⚠ Budget warning: Tokens at 80% (8/10)\n");
	TELLS("{\"type\":\"compaction_started\",\"input_tokens\":1,"
	    "\"estimated_history_tokens\":2,\"message_count\":3}",
	    "  ⟳ Compaction started: 1 input tokens, ~2 history tokens, "
	    "3 messages\n");
	TELLS("{\"type\":\"background_job_completed\",\"job_id\":\"j\","
	    "\"display_name\":\"d\",\"status\":\"failed\",\"detail\":\"x\"}",
	    "  BG job j (d) failed: x\n");
	TELLS("{\"type\":\"text_delta\",\"delta\":\"hi\"}", "");
}

TEST(without_stream_and_verbose_nothing_is_shown)
{
	SHOWS(s_.r.stream = false,
	    "{\"type\":\"run_failed\",\"error\":\"no\"}", "");
}

TEST(views_choose_scopes)
{
	static const char text[] = "{\"type\":\"text_delta\",\"delta\":\"x\"}";
	static const char tool[] =
	    "{\"type\":\"tool_execution_started\",\"name\":\"t\"}";
	struct screen s;

	screen_open(&s);
	render_event(&s.r, "mob:a", json_text(text));
	render_event(&s.r, "primary", json_text(tool));
	STR_IS(wrote(&s, 0), "");
	STR_IS(wrote(&s, 1), "  ▸ running t...\n");
	screen_close(&s);

	screen_open(&s);
	s.r.view.kind = VIEW_MUX;
	render_event(&s.r, "mob:a", json_text(text));
	render_event(&s.r, "mob:a", json_text(text));
	render_event(&s.r, "primary", json_text(tool));
	STR_IS(wrote(&s, 0), "\n[mob:a] x[mob:a] x");
	STR_IS(wrote(&s, 1), "[primary]   ▸ running t...\n");
	STR_IS(buf_str(&s.r.view.seen), "mob:a, primary");
	screen_close(&s);

	screen_open(&s);
	s.r.view.kind = VIEW_FOCUS;
	s.r.view.focus = "mob:a";
	render_event(&s.r, "primary", json_text(text));
	OK(!s.r.view.matched);
	render_event(&s.r, "mob:a", json_text(text));
	STR_IS(wrote(&s, 0), "\nx");
	OK(s.r.view.matched);
	screen_close(&s);
}

TEST(scopes_are_checked)
{
	static const char *const good[] = { "primary", "primary/sub:a",
		"mob:planner", "mob:a/sub:b" };
	static const char *const bad[] = { "", "primar", "primary/", "mob:",
		"mob:a b", "mob:a/sub:", "mob:a/b", "primary/sub:a/b", "x" };

	for (size_t i = 0; i < COUNT(good); i++)
		OK(scope_valid(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		OK(!scope_valid(bad[i]));
}

TEST(a_stalled_reader_holds_up_nothing_and_loses_nothing)
{
	struct loop *l = loop_new();
	char chunk[1000];
	struct out o;
	int fd[2];
	size_t got = 0;

	OK(pipe2(fd, O_CLOEXEC) == 0);
	out_init(&o, fd[1], l);
	memset(chunk, 'x', sizeof chunk);
	for (int i = 0; i < 300; i++)	/* more than a pipe holds */
		out_put(&o, chunk, sizeof chunk);
	OK(o.q.n > o.off);
	while (got < 300000) {
		char in[8192];
		ssize_t n = read(fd[0], in, sizeof in);

		OK(n > 0);
		if (n <= 0)
			break;
		got += (size_t)n;
		loop_once(l, 0);
	}
	OK(got == 300000);
	OK(out_drain(&o, NULL) == 0);
	out_free(&o);
	close(fd[0]);
	close(fd[1]);
	loop_free(l);
}

static void
count_broken(void *arg)
{
	(*(int *)arg)++;
}

TEST(a_reader_that_went_away_is_told_once)
{
	struct out o;
	int fd[2], broken = 0;

	signal(SIGPIPE, SIG_IGN);
	OK(pipe2(fd, O_CLOEXEC) == 0);
	close(fd[0]);
	out_init(&o, fd[1], NULL);
	o.broken = count_broken;
	o.arg = &broken;
	out_puts(&o, "x");
	out_puts(&o, "y");
	OK(broken == 1);
	OK(o.error == EPIPE);
	OK(out_drain(&o, NULL) < 0);
	out_free(&o);
	close(fd[1]);
}
