#include <stdlib.h>

#include "base/jput.h"
#include "model/decode.h"
#include "model/sse.h"
#include "test.h"

/* ---- a stream in, everything that came of it out as one text ---- */

struct rig {
	struct sse sse;
	struct decode d;
	struct model_reply reply;
	struct model_error me;
	struct buf said;	/* what the watch saw */
};

static int
on_event(void *arg, const char *p, size_t n)
{
	struct rig *r = arg;

	r->d.at = r->sse.event_at;
	return decode_event(&r->d, p, n);
}

static void
on_text(void *arg, const char *p, size_t n)
{
	struct rig *r = arg;

	OK(utf8_valid(p, n));
	buf_put(&r->said, p, n);
}

static void
on_thought(void *arg, const char *p, size_t n)
{
	struct rig *r = arg;

	OK(utf8_valid(p, n));
	buf_printf(&r->said, "(%.*s)", (int)n, p);
}

static void
on_thought_done(void *arg, const char *p, size_t n)
{
	struct rig *r = arg;

	buf_printf(&r->said, "[%.*s]", (int)n, p);
}

static char *
decode(enum wire wire, const char *text, size_t step)
{
	struct model_target t = { .wire_id = (char *)"m" };
	struct jtext history[] = {
		json_text("{\"role\":\"user\",\"content\":\"x\"}"),
		json_text("{\"role\":\"block_assistant\",\"blocks\":[]}"),
	};
	struct model_request rq = { .target = &t, .messages = history,
	    .n_messages = 2, .max_tokens = 50 };
	struct rig r = { .sse = { .event = on_event } };
	struct model_watch w = { on_text, on_thought, on_thought_done, &r };
	struct buf out = BUF_INIT;
	size_t n = strlen(text);
	int rc = 0;

	t.provider = wire == WIRE_ANTHROPIC ? PROVIDER_ANTHROPIC :
	    wire == WIRE_GEMINI ? PROVIDER_GEMINI :
	    wire == WIRE_CHAT ? PROVIDER_SELF_HOSTED : PROVIDER_OPENAI;
	t.chat_style = wire == WIRE_CHAT;
	r.sse.arg = &r;
	r.me.retry_after_ms = -1;
	decode_init(&r.d, &rq, &r.reply, &r.me, &w);
	for (size_t i = 0; rc == 0 && i < n; i += step)
		rc = sse_feed(&r.sse, text + i, n - i < step ? n - i : step,
		    NULL);
	if (rc == 0)
		rc = sse_end(&r.sse, NULL);
	if (rc == 0)
		rc = decode_end(&r.d);
	decode_free(&r.d);
	if (rc < 0)
		buf_printf(&out, "%s%s\n", r.me.text,
		    r.me.retryable ? " (retryable)" : "");
	for (size_t i = 0; i < r.reply.n_blocks; i++)
		if (r.reply.blocks[i].args_bad)
			buf_puts(&out, "bad arguments\n");
	model_reply_emit(&r.reply, &out);
	buf_printf(&out, "\n%lld %lld %lld %lld\n%s",
	    (long long)r.reply.usage.input, (long long)r.reply.usage.output,
	    (long long)r.reply.usage.cache_creation,
	    (long long)r.reply.usage.cache_read, buf_str(&r.said));
	model_reply_free(&r.reply);
	sse_free(&r.sse);
	buf_free(&r.said);
	return buf_steal(&out);
}

/* Whole, byte by byte and in odd pieces: always the same. */
static void
gives(enum wire wire, const char *text, const char *want)
{
	static const size_t steps[] = { 10000000, 1, 13 };

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		char *got = decode(wire, text, steps[i]);

		STR_IS(got, want);
		free(got);
	}
}

#define E(json) "data: " json "\n\n"
#define REPLY(blocks, stop) "{\"role\":\"block_assistant\",\"blocks\":[" \
	blocks "],\"stop_reason\":\"" stop "\"}\n"
#define TEXT(s) "{\"block_type\":\"text\",\"data\":{\"text\":\"" s "\"}}"
#define CALL(id, name, args) "{\"block_type\":\"tool_use\",\"data\":{\"id\":\"" \
	id "\",\"name\":\"" name "\",\"args\":" args "}}"

/* ---- Anthropic ---- */

#define A_START E("{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01A\",\"usage\":" \
	"{\"input_tokens\":25,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":2000,\"output_tokens\":1}}}")
#define A_TEXT(i, s) \
	E("{\"type\":\"content_block_start\",\"index\":" i ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}") \
	E("{\"type\":\"content_block_delta\",\"index\":" i ",\"delta\":{\"type\":\"text_delta\",\"text\":\"" s "\"}}") \
	E("{\"type\":\"content_block_stop\",\"index\":" i "}")
#define A_CALL(i, json) \
	E("{\"type\":\"content_block_start\",\"index\":" i ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_" i "\",\"name\":\"get_weather\",\"input\":{}}}") \
	E("{\"type\":\"content_block_delta\",\"index\":" i ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}") \
	E("{\"type\":\"content_block_delta\",\"index\":" i ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"}}") \
	E("{\"type\":\"content_block_stop\",\"index\":" i "}")
#define A_STOP(why) \
	E("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" why "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":89}}") \
	E("{\"type\":\"message_stop\"}")

TEST(anthropic_thinking_and_call_of_the_sheet)
{
	gives(WIRE_ANTHROPIC, A_START
	    E("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}")
	    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	    E("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Need the tool.\"}}")
	    E("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQBCkYI\"}}")
	    E("{\"type\":\"content_block_stop\",\"index\":0}")
	    A_CALL("1", "{\\\"city\\\":\\\"Oslo\\\",\\\"n\\\":9007199254740993}")
	    A_STOP("tool_use"),
	    REPLY("{\"block_type\":\"reasoning\",\"data\":{\"text\":\"Need the tool.\",\"meta\":"
	    "{\"provider\":\"anthropic\",\"signature\":\"EqQBCkYI\"}}},"
	    CALL("toolu_1", "get_weather", "{\"city\":\"Oslo\",\"n\":9007199254740993}"), "tool_use")
	    "25 89 100 2000\n(Need the tool.)[Need the tool.]");
}

TEST(defect_17_compaction_keeps_its_encrypted_content)
{
	gives(WIRE_ANTHROPIC, A_START
	    E("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"ABC\"}}")
	    E("{\"type\":\"content_block_stop\",\"index\":0}")
	    E("{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"compaction\"}}")
	    E("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"compaction_delta\",\"content\":\"sum\",\"encrypted_content\":\"ENC\"}}")
	    E("{\"type\":\"content_block_stop\",\"index\":1}")
	    A_TEXT("2", "h\xc3\xa9llo") A_STOP("end_turn"),
	    REPLY("{\"block_type\":\"reasoning\",\"data\":{\"text\":\"\",\"meta\":{\"provider\":\"anthropic_redacted\",\"data\":\"ABC\"}}},"
	    "{\"block_type\":\"reasoning\",\"data\":{\"text\":\"\",\"meta\":{\"provider\":\"anthropic_compaction\",\"content\":\"sum\",\"encrypted_content\":\"ENC\"}}},"
	    TEXT("h\xc3\xa9llo"), "end_turn")
	    "25 89 100 2000\n[][]h\xc3\xa9llo");
}

TEST(defect_7_anthropic_end_without_stop_is_incomplete)
{
	gives(WIRE_ANTHROPIC, A_START A_TEXT("0", "half"),
	    "Incomplete response: the stream ended before the model was done (retryable)\n"
	    REPLY(TEXT("half"), "end_turn") "25 1 100 2000\nhalf");
}

TEST(anthropic_stop_reason_without_message_stop_is_complete)
{
	gives(WIRE_ANTHROPIC, A_TEXT("0", "x")
	    E("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\"},\"usage\":{\"output_tokens\":3,\"input_tokens\":7}}"),
	    REPLY(TEXT("x"), "stop_sequence") "7 3 -1 -1\nx");
}

TEST(defect_11_invalid_arguments_are_surfaced)
{
	gives(WIRE_ANTHROPIC, A_CALL("0", "{\\\"city\\\":oops}") A_STOP("tool_use"),
	    "bad arguments\n" REPLY(CALL("toolu_0", "get_weather",
	    "\"{\\\"city\\\":oops}\""), "tool_use") "0 89 -1 -1\n");
}

TEST(a_call_cut_by_the_token_limit_is_dropped)
{
	gives(WIRE_ANTHROPIC, A_TEXT("0", "a") A_CALL("1", "{\\\"ci") A_STOP("max_tokens"),
	    REPLY(TEXT("a"), "max_tokens") "0 89 -1 -1\na");
}

TEST(anthropic_empty_arguments_are_an_object)
{
	gives(WIRE_ANTHROPIC, A_CALL("0", "") A_STOP("tool_use"),
	    REPLY(CALL("toolu_0", "get_weather", "{}"), "tool_use") "0 89 -1 -1\n");
}

TEST(defect_12_anthropic_refusal_is_a_filter)
{
	gives(WIRE_ANTHROPIC, A_TEXT("0", "no") A_STOP("refusal"),
	    REPLY(TEXT("no"), "content_filter") "0 89 -1 -1\nno");
	gives(WIRE_ANTHROPIC, A_TEXT("0", "no") A_STOP("model_context_window_exceeded"),
	    REPLY(TEXT("no"), "max_tokens") "0 89 -1 -1\nno");
	gives(WIRE_ANTHROPIC, A_TEXT("0", "no") A_STOP("pause_turn"),
	    REPLY(TEXT("no"), "end_turn") "0 89 -1 -1\nno");
}

TEST(defect_16_server_tool_input_does_not_leak)
{
	gives(WIRE_ANTHROPIC, A_CALL("0", "{}")
	    E("{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"srv\",\"name\":\"web_search\"}}")
	    E("{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\":1}\"}}")
	    E("{\"type\":\"content_block_stop\",\"index\":1}") A_STOP("tool_use"),
	    REPLY(CALL("toolu_0", "get_weather", "{}"), "tool_use") "0 89 -1 -1\n");
}

TEST(anthropic_errors_in_the_stream)
{
	gives(WIRE_ANTHROPIC, A_START
	    E("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"),
	    "Server overloaded (529): Overloaded (retryable)\n" REPLY("", "end_turn") "25 1 100 2000\n");
	gives(WIRE_ANTHROPIC,
	    E("{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"slow\"}}"),
	    "Server error: 504 - slow (retryable)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_ANTHROPIC,
	    E("{\"type\":\"error\",\"error\":{\"type\":\"strange\",\"message\":\"M\"}}"),
	    "Unknown error: strange: M\n" REPLY("", "end_turn") "0 0 -1 -1\n");
}

TEST(garbage_is_an_error_with_its_place_and_first_bytes)
{
	char *got = decode(WIRE_ANTHROPIC, A_START "data: {\"type\": oops\n\n", 1);
	char want[100];

	snprintf(want, sizeof want, "Stream parsing error: the event at byte"
	    " %zu: not JSON: ", strlen(A_START));
	OK(strstr(got, want));
	OK(strstr(got, "it starts with: {\"type\": oops\n"));
	free(got);
	for (int w = WIRE_ANTHROPIC; w <= WIRE_GEMINI; w++) {
		got = decode((enum wire)w, "data: <html>\n\n", 1000);
		OK(!strncmp(got, "Stream parsing error: ", 22));
		free(got);
	}
}

TEST(unknown_events_and_values_are_tolerated)
{
	for (int w = WIRE_ANTHROPIC; w <= WIRE_GEMINI; w++) {
		char *got = decode((enum wire)w, E("{\"type\":\"new.kind\",\"x\":[]}")
		    E("{}") E("[]") E("7") E("null") E("\"s\""), 5);

		OK(!strncmp(got, "Incomplete response: ", 21));
		free(got);
	}
}

TEST(wrong_types_everywhere_are_tolerated)
{
	gives(WIRE_ANTHROPIC,
	    E("{\"type\":\"content_block_delta\",\"index\":\"x\",\"delta\":7}")
	    E("{\"type\":\"content_block_start\",\"content_block\":[]}")
	    E("{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":null}}")
	    E("{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":-5}}}")
	    E("{\"type\":\"message_stop\"}"),
	    REPLY("", "end_turn") "0 0 -1 -1\n");
}

TEST(counts_that_no_sum_could_hold_are_no_counts)
{
	gives(WIRE_GEMINI, E("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}],"
	    "\"usageMetadata\":{\"promptTokenCount\":9000000000000000000,\"toolUsePromptTokenCount\":9000000000000000000,"
	    "\"candidatesTokenCount\":3}}"),
	    REPLY(TEXT("a"), "end_turn") "0 3 -1 -1\na");
}

TEST(lone_surrogates_do_not_break_the_text)
{
	gives(WIRE_ANTHROPIC, A_TEXT("0", "a\\ud83d") A_TEXT("1", "\\ude00b") A_STOP("end_turn"),
	    REPLY(TEXT("a\xef\xbf\xbd\xef\xbf\xbd" "b"), "end_turn")
	    "0 89 -1 -1\na\xef\xbf\xbd\xef\xbf\xbd" "b");
}

/* ---- Responses ---- */

#define R_USAGE "\"usage\":{\"input_tokens\":50,\"input_tokens_details\":{\"cached_tokens\":32,\"cache_write_tokens\":0},\"output_tokens\":20}"
#define R_REASON "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Need tool\"}],\"encrypted_content\":\"gAAA\"}"
#define R_CALL "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_9\",\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\",\"status\":\"completed\"}"
#define R_META "{\"block_type\":\"reasoning\",\"data\":{\"text\":\"Need tool\",\"meta\":{\"provider\":\"open_ai\",\"id\":\"rs_1\",\"encrypted_content\":\"gAAA\"}}}"

TEST(defect_1_argument_deltas_are_found_by_item_id)
{
	gives(WIRE_RESPONSES,
	    E("{\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}")
	    E("{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}}")
	    E("{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"rs_1\",\"output_index\":0,\"summary_index\":0,\"delta\":\"Need tool\"}")
	    E("{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":" R_REASON "}")
	    E("{\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_9\",\"name\":\"get_weather\",\"arguments\":\"\"}}")
	    E("{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc_1\",\"output_index\":1,\"delta\":\"{\\\"city\\\":\"}")
	    E("{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc_1\",\"output_index\":1,\"delta\":\"\\\"Oslo\\\"}\"}")
	    E("{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_9\"}}")
	    E("{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[" R_REASON "," R_CALL "]," R_USAGE "}}"),
	    REPLY(R_META "," CALL("call_9", "get_weather", "{\"city\":\"Oslo\"}"), "tool_use")
	    "50 20 0 32\n(Need tool)[Need tool]");
}

TEST(responses_everything_only_in_the_final_event)
{
	gives(WIRE_RESPONSES,
	    E("{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[" R_REASON
	    ",{\"type\":\"message\",\"id\":\"m1\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"}]}," R_CALL "]," R_USAGE "}}"),
	    REPLY(R_META "," TEXT("Hi") "," CALL("call_9", "get_weather", "{\"city\":\"Oslo\"}"), "tool_use")
	    "50 20 0 32\n[Need tool]Hi");
}

TEST(responses_parallel_calls_keep_their_arguments_apart)
{
	gives(WIRE_RESPONSES,
	    E("{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"id\":\"a\",\"call_id\":\"c1\",\"name\":\"x\"}}")
	    E("{\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"b\",\"call_id\":\"c2\",\"name\":\"y\"}}")
	    E("{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"b\",\"delta\":\"[2\"}")
	    E("{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"a\",\"delta\":\"[1\"}")
	    E("{\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"b\",\"delta\":\"]\"}")
	    E("{\"type\":\"response.function_call_arguments.done\",\"item_id\":\"a\",\"arguments\":\"[1]\"}")
	    E("{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"id\":\"b\"}}")
	    E("{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"id\":\"a\"}}")
	    E("{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}"),
	    REPLY(CALL("c1", "x", "[1]") "," CALL("c2", "y", "[2]"), "tool_use") "0 0 -1 -1\n");
}

TEST(responses_summary_parts_are_lines)
{
	gives(WIRE_RESPONSES,
	    E("{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"r\"}}")
	    E("{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"r\",\"summary_index\":0,\"delta\":\"a\"}")
	    E("{\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"r\",\"summary_index\":1,\"delta\":\"b\"}")
	    E("{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"r\"}}")
	    E("{\"type\":\"response.output_text.delta\",\"delta\":\"t\"}")
	    E("{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}"),
	    REPLY("{\"block_type\":\"reasoning\",\"data\":{\"text\":\"a\\nb\",\"meta\":{\"provider\":\"open_ai\",\"id\":\"r\"}}}," TEXT("t"), "end_turn")
	    "0 0 -1 -1\n(a\nb)[a\nb]t");
}

TEST(defect_2_responses_incomplete_and_failed)
{
	gives(WIRE_RESPONSES, E("{\"type\":\"response.output_text.delta\",\"delta\":\"ha\"}")
	    E("{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}," R_USAGE "}}"),
	    REPLY(TEXT("ha"), "max_tokens") "50 20 0 32\nha");
	gives(WIRE_RESPONSES,
	    E("{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"}}}"),
	    REPLY("", "content_filter") "0 0 -1 -1\n");
	gives(WIRE_RESPONSES,
	    E("{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}}}"),
	    "Rate limited: slow down (retryable)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
}

TEST(defect_3_responses_error_event_flat_and_nested)
{
	gives(WIRE_RESPONSES, E("{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"boom\",\"param\":null}"),
	    "Server error: 500 - boom (retryable)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_RESPONSES, E("{\"type\":\"error\",\"error\":{\"code\":\"invalid_prompt\",\"message\":\"bad\"}}"),
	    "Invalid request: bad (invalid_prompt)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_RESPONSES, E("{\"type\":\"error\",\"code\":\"odd\",\"message\":\"M\"}"),
	    "Unknown error: odd: M\n" REPLY("", "end_turn") "0 0 -1 -1\n");
}

TEST(defect_12_responses_refusal_is_a_filter)
{
	gives(WIRE_RESPONSES, E("{\"type\":\"response.refusal.delta\",\"delta\":\"I can't\"}")
	    E("{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}"),
	    REPLY(TEXT("I can't"), "content_filter") "0 0 -1 -1\nI can't");
}

/* ---- Chat ---- */

#define C(delta, finish) E("{\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}")
#define C_USAGE E("{\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":4}}}")

TEST(defect_5_chat_usage_comes_after_the_finish_reason)
{
	gives(WIRE_CHAT, C("{\"role\":\"assistant\",\"content\":null}", "null")
	    C("{\"reasoning_content\":\"Let me see\"}", "null")
	    C("{\"content\":\"Hel\"}", "null")
	    C("{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"\"}}]}", "null")
	    C("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}}]}", "null")
	    C("{}", "\"tool_calls\"") C_USAGE E("[DONE]"),
	    REPLY("{\"block_type\":\"reasoning\",\"data\":{\"text\":\"Let me see\"}}," TEXT("Hel") ","
	    CALL("call_1", "get_weather", "{\"city\":\"Oslo\"}"), "tool_use")
	    "12 9 -1 4\n(Let me see)[Let me see]Hel");
}

TEST(defect_6_chat_calls_count_whatever_the_finish_reason)
{
	gives(WIRE_CHAT,
	    /* both with index 0 and an id of their own, as Ollama sends them */
	    C("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"x\",\"arguments\":\"{}\"}}]}", "null")
	    C("{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"y\",\"arguments\":\"{}\"}}]}", "\"stop\""),
	    REPLY(CALL("a", "x", "{}") "," CALL("b", "y", "{}"), "tool_use") "0 0 -1 -1\n");
	gives(WIRE_CHAT,
	    C("{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"y\",\"arguments\":\"[\"}}]}", "null")
	    C("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"x\",\"arguments\":{\"o\":1}}}]}", "null")
	    C("{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"]\"}}]}", "\"tool_calls\""),
	    REPLY(CALL("a", "x", "{\"o\":1}") "," CALL("b", "y", "[]"), "tool_use") "0 0 -1 -1\n");
}

TEST(chat_call_cut_by_the_limit_under_a_wrong_name)
{
	gives(WIRE_CHAT,
	    C("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"x\",\"arguments\":\"{\\\"a\"}}]}", "\"tool_calls\"")
	    E("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":50}}") E("[DONE]"),
	    REPLY("", "max_tokens") "1 50 -1 -1\n");
}

TEST(defect_7_chat_end_without_finish_reason_is_incomplete)
{
	gives(WIRE_CHAT, C("{\"content\":\"half\"}", "null"),
	    "Incomplete response: the stream ended before the model was done (retryable)\n"
	    REPLY(TEXT("half"), "end_turn") "0 0 -1 -1\nhalf");
	gives(WIRE_CHAT, C("{\"content\":\"half\"}", "null") E("[DONE]"),
	    "Incomplete response: the stream ended before the model was done (retryable)\n"
	    REPLY(TEXT("half"), "end_turn") "0 0 -1 -1\nhalf");
}

TEST(chat_done_without_a_newline_and_timings)
{
	gives(WIRE_CHAT, C("{\"content\":\"x\",\"reasoning\":7}", "\"length\"")
	    E("{\"choices\":[],\"usage\":null,\"timings\":{\"prompt_n\":3,\"cache_n\":4,\"predicted_n\":5}}")
	    "data: [DONE]",
	    REPLY(TEXT("x"), "max_tokens") "7 5 -1 -1\nx");
}

TEST(chat_errors_in_the_stream)
{
	gives(WIRE_CHAT, E("{\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"code\":500}}"),
	    "Server error: 500 - gone (retryable)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_CHAT, E("{\"object\":\"error\",\"message\":\"bad\",\"type\":\"BadRequestError\",\"code\":400}"),
	    "Invalid request: bad\n" REPLY("", "end_turn") "0 0 -1 -1\n");
}

/* ---- Gemini ---- */

#define G(parts, more) "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" parts "]},\"index\":0" more "\r\n\r\n"
#define G_USAGE "\"usageMetadata\":{\"promptTokenCount\":20,\"candidatesTokenCount\":15,\"thoughtsTokenCount\":8,\"cachedContentTokenCount\":0,\"toolUsePromptTokenCount\":2}"

TEST(defect_8_gemini_thoughts_ids_and_usage)
{
	gives(WIRE_GEMINI,
	    G("{\"text\":\"hmm\",\"thought\":true}", "}],\"usageMetadata\":{\"promptTokenCount\":20,\"thoughtsTokenCount\":8}}")
	    G("{\"functionCall\":{\"name\":\"a\",\"args\":{\"n\":1e400},\"id\":\"k1\"},\"thoughtSignature\":\"CiQB\"},{\"functionCall\":{\"name\":\"b\"}}", "}]}")
	    G("{\"text\":\"\"}", ",\"finishReason\":\"STOP\"}]," G_USAGE "}"),
	    REPLY("{\"block_type\":\"reasoning\",\"data\":{\"text\":\"hmm\"}},"
	    "{\"block_type\":\"tool_use\",\"data\":{\"id\":\"k1\",\"name\":\"a\",\"args\":{\"n\":1e400},\"meta\":{\"provider\":\"gemini\",\"thoughtSignature\":\"CiQB\"}}},"
	    /* unique over the session: the request held one assistant message */
	    CALL("fc_1_1", "b", "{}"), "tool_use")
	    "22 23 -1 0\n(hmm)[hmm]");
}

TEST(gemini_signed_text_is_a_block_of_its_own)
{
	gives(WIRE_GEMINI, G("{\"text\":\"a\"}", "}]}") G("{\"text\":\"b\"}", "}]}")
	    G("{\"text\":\"\",\"thoughtSignature\":\"S\"}", "}]}")
	    G("{\"text\":\"c\"}", ",\"finishReason\":\"MAX_TOKENS\"}]}"),
	    REPLY(TEXT("ab") ",{\"block_type\":\"text\",\"data\":{\"text\":\"\",\"meta\":{\"provider\":\"gemini\",\"thoughtSignature\":\"S\"}}}," TEXT("c"), "max_tokens")
	    "0 0 -1 -1\nabc");
}

TEST(defect_12_gemini_blocked_and_malformed)
{
	gives(WIRE_GEMINI, E("{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}"),
	    "Content filtered: SAFETY\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_GEMINI, G("", ",\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}"),
	    "Server error: 500 - MALFORMED_FUNCTION_CALL (retryable)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_GEMINI, G("", ",\"finishReason\":\"PROHIBITED_CONTENT\"}]}"),
	    REPLY("", "content_filter") "0 0 -1 -1\n");
	gives(WIRE_GEMINI, G("{\"functionCall\":{\"name\":\"a\",\"id\":\"i\"}}", ",\"finishReason\":\"FUNCTION_CALL\"}]}"),
	    REPLY(CALL("i", "a", "{}"), "tool_use") "0 0 -1 -1\n");
}

TEST(gemini_error_in_the_stream_and_cut)
{
	gives(WIRE_GEMINI, E("{\"error\":{\"code\":503,\"message\":\"later\",\"status\":\"UNAVAILABLE\"}}"),
	    "Server overloaded (503): later (retryable)\n" REPLY("", "end_turn") "0 0 -1 -1\n");
	gives(WIRE_GEMINI, G("{\"text\":\"half\"}", "}]}"),
	    "Incomplete response: the stream ended before the model was done (retryable)\n"
	    REPLY(TEXT("half"), "end_turn") "0 0 -1 -1\nhalf");
}

TEST(stored_arguments_never_hold_a_line_break)
{
	gives(WIRE_ANTHROPIC, A_CALL("0", "{\\n \\\"a b\\\" : 1.50\\r\\n}") A_STOP("tool_use"),
	    REPLY(CALL("toolu_0", "get_weather", "{\"a b\":1.50}"), "tool_use") "0 89 -1 -1\n");
}
