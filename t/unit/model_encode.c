#include <math.h>
#include <stdlib.h>

#include "base/jput.h"
#include "model/encode.h"
#include "model/lower.h"
#include "test.h"

/* ---- requests ---- */

#define WEATHER_SCHEMA "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}"

static const struct tool_def weather = { "get_weather", "Look up weather",
	{ WEATHER_SCHEMA, sizeof WEATHER_SCHEMA - 1 } };

static struct model_target
target(enum wire wire)
{
	struct model_target t = { .profile = { .known = true } };

	switch (wire) {
	case WIRE_ANTHROPIC:
		t.provider = PROVIDER_ANTHROPIC;
		t.wire_id = (char *)"claude-opus-4-6";
		t.profile.temperature = true;
		break;
	case WIRE_RESPONSES:
		t.provider = PROVIDER_OPENAI;
		t.wire_id = (char *)"gpt-5.4";
		t.profile.reasoning = true;
		break;
	case WIRE_CHAT:
		t.provider = PROVIDER_SELF_HOSTED;
		t.wire_id = (char *)"gemma";
		t.chat_style = t.profile.temperature = true;
		break;
	case WIRE_GEMINI:
		t.provider = PROVIDER_GEMINI;
		t.wire_id = (char *)"gemini-3-flash-preview";
		t.profile.temperature = true;
		break;
	}
	return t;
}

#define MESSAGES_MAX 16

struct rig {
	struct model_target t;
	struct jtext m[MESSAGES_MAX];
	struct model_request rq;
};

/* A request on that wire with these messages (NULL ends them). */
static void
rig(struct rig *r, enum wire wire, const char *const *messages)
{
	r->t = target(wire);
	r->rq = (struct model_request){ .target = &r->t, .messages = r->m,
	    .max_tokens = 100, .temperature = NAN };
	for (; messages[r->rq.n_messages]; r->rq.n_messages++)
		r->m[r->rq.n_messages] =
		    json_text(messages[r->rq.n_messages]);
}

static char *
body(const struct model_request *rq)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (model_encode(rq, &b, &e) < 0) {
		buf_trunc(&b, 0);
		buf_printf(&b, "error: %s", e.text);
	} else {
		OK(json_check(buf_str(&b), b.n, NULL) == 0);
	}
	return buf_steal(&b);
}

static void
body_is(const struct model_request *rq, const char *want)
{
	char *got = body(rq);

	STR_IS(got, want);
	free(got);
}

static void
body_has(const struct model_request *rq, const char *want)
{
	char *got = body(rq);

	if (!strstr(got, want)) {
		printf("# got %s\n# lacks %s\n", got, want);
		test_bad++;
	}
	free(got);
}

static void
body_lacks(const struct model_request *rq, const char *bad)
{
	char *got = body(rq);

	if (strstr(got, bad)) {
		printf("# got %s\n# has %s\n", got, bad);
		test_bad++;
	}
	free(got);
}

#define USER(s) "{\"role\":\"user\",\"content\":\"" s "\"}"
#define SAID(blocks) "{\"role\":\"block_assistant\",\"blocks\":[" blocks "],\"stop_reason\":\"end_turn\"}"
#define TEXT(s) "{\"block_type\":\"text\",\"data\":{\"text\":\"" s "\"}}"
#define THOUGHT(s, meta) "{\"block_type\":\"reasoning\",\"data\":{\"text\":\"" s "\",\"meta\":" meta "}}"
#define CALL(id, name, args) "{\"block_type\":\"tool_use\",\"data\":{\"id\":\"" id "\",\"name\":\"" name "\",\"args\":" args "}}"
#define RESULTS(list) "{\"role\":\"tool_results\",\"results\":[" list "]}"
#define RESULT(id, s) "{\"tool_use_id\":\"" id "\",\"content\":\"" s "\",\"is_error\":false}"

static const char *const round_trip[] = {
	"{\"role\":\"system\",\"content\":\"You are terse.\"}",
	USER("Weather in Oslo?"),
	SAID(THOUGHT("Need the tool.", "{\"provider\":\"anthropic\",\"signature\":\"EqQB\"}") ","
	    CALL("toolu_01", "get_weather", "{\"city\":\"Oslo\",\"n\":9007199254740993}")),
	RESULTS(RESULT("toolu_01", "4C")),
	NULL
};

TEST(anthropic_golden_body)
{
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, round_trip);
	r.rq.tools = &weather;
	r.rq.n_tools = 1;
	r.rq.params = json_text("{\"web_search\":{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}}");
	r.rq.temperature = 0.7;
	body_is(&r.rq, "{\"model\":\"claude-opus-4-6\",\"max_tokens\":100,\"stream\":true,\"system\":\"You are terse.\","
	    "\"messages\":[{\"role\":\"user\",\"content\":\"Weather in Oslo?\"},"
	    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"Need the tool.\",\"signature\":\"EqQB\"},"
	    "{\"type\":\"tool_use\",\"id\":\"toolu_01\",\"name\":\"get_weather\",\"input\":{\"city\":\"Oslo\",\"n\":9007199254740993}}]},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_01\",\"content\":\"4C\",\"is_error\":false}]}],"
	    "\"tools\":[{\"name\":\"get_weather\",\"description\":\"Look up weather\",\"input_schema\":" WEATHER_SCHEMA "},"
	    "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}],\"temperature\":0.7}");
}

TEST(responses_golden_body)
{
	struct rig r;

	rig(&r, WIRE_RESPONSES, round_trip);
	r.rq.tools = &weather;
	r.rq.n_tools = 1;
	body_is(&r.rq, "{\"model\":\"gpt-5.4\",\"input\":[{\"type\":\"message\",\"role\":\"system\",\"content\":\"You are terse.\"},"
	    "{\"type\":\"message\",\"role\":\"user\",\"content\":\"Weather in Oslo?\"},"
	    "{\"type\":\"function_call\",\"call_id\":\"toolu_01\",\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\",\\\"n\\\":9007199254740993}\"},"
	    "{\"type\":\"function_call_output\",\"call_id\":\"toolu_01\",\"output\":\"4C\"}],"
	    "\"max_output_tokens\":100,\"stream\":true,\"include\":[\"reasoning.encrypted_content\"],"
	    "\"reasoning\":{\"effort\":\"medium\",\"summary\":\"auto\"},"
	    "\"tools\":[{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"Look up weather\",\"parameters\":" WEATHER_SCHEMA ",\"strict\":false}]}");
}

TEST(chat_golden_body)
{
	struct rig r;

	rig(&r, WIRE_CHAT, round_trip);
	r.rq.tools = &weather;
	r.rq.n_tools = 1;
	r.rq.temperature = 0;
	body_is(&r.rq, "{\"model\":\"gemma\",\"messages\":[{\"role\":\"system\",\"content\":\"You are terse.\"},"
	    "{\"role\":\"user\",\"content\":\"Weather in Oslo?\"},"
	    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"toolu_01\",\"type\":\"function\",\"function\":"
	    "{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\",\\\"n\\\":9007199254740993}\"}}]},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"toolu_01\",\"content\":\"4C\"}],"
	    "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":100,\"max_tokens\":100,\"temperature\":0.0,"
	    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"Look up weather\",\"parameters\":" WEATHER_SCHEMA "}}]}");
}

TEST(gemini_golden_body)
{
	struct rig r;

	rig(&r, WIRE_GEMINI, round_trip);
	r.rq.tools = &weather;
	r.rq.n_tools = 1;
	/* defect 8: search and functions exclude each other, so it goes; defect 9: foreign reasoning is no text */
	r.rq.params = json_text("{\"google_search\":{},\"top_k\":40,\"top_p\":0.95,\"thinking\":{\"include_thoughts\":true,\"thinking_budget\":1024}}");
	body_is(&r.rq, "{\"systemInstruction\":{\"parts\":[{\"text\":\"You are terse.\"}]},"
	    "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Weather in Oslo?\"}]},"
	    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"get_weather\",\"args\":{\"city\":\"Oslo\",\"n\":9007199254740993}},"
	    "\"thoughtSignature\":\"skip_thought_signature_validator\"}]},"
	    "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"get_weather\",\"response\":{\"content\":\"4C\",\"error\":false}}}]}],"
	    "\"generationConfig\":{\"maxOutputTokens\":100,\"topK\":40,\"topP\":0.95,\"thinkingConfig\":{\"thinkingBudget\":1024,\"includeThoughts\":true}},"
	    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"get_weather\",\"description\":\"Look up weather\",\"parameters\":" WEATHER_SCHEMA "}]}]}");
}

/* ---- any transcript ---- */

/* A tool that is only there because the history names it. */
#define PAST(name) "{\"name\":\"" name "\",\"description\":\"Not available now.\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}"

TEST(anthropic_names_the_tools_of_the_history_when_none_is_offered)
{
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, round_trip);
	body_has(&r.rq, "\"tools\":[" PAST("get_weather") "],\"tool_choice\":{\"type\":\"none\"}");
	r.rq.tools = &weather;
	r.rq.n_tools = 1;
	body_lacks(&r.rq, "tool_choice");
	r.rq.n_tools = 0;
	r.rq.n_messages = 2;
	body_lacks(&r.rq, "tool");
}

TEST(every_broken_transcript_is_accepted_by_all_four)
{
	static const char *const broken[] = {
		USER("one"), USER("two"),
		SAID(""),
		SAID(TEXT("") "," THOUGHT("x", "{\"provider\":\"other\"}")),
		SAID(CALL("a", "f", "{}") "," CALL("b", "g", "\"{oops\"")),
		USER("a word in between"),
		RESULTS(RESULT("b", "late") "," RESULT("zzz", "orphan")),
		SAID(CALL("a", "f", "{}")),
		USER("after a crash"),
		RESULTS(RESULT("never", "orphan")),
		"{\"role\":\"assistant\",\"content\":\"legacy\",\"tool_calls\":[{\"id\":\"L\",\"name\":\"f\",\"args\":{\"k\":1}}]}",
		RESULTS(RESULT("L", "ok")),
		"{\"role\":\"system_notice\",\"kind\":\"background_job\",\"body\":\"done\"}",
		"{\"role\":\"martian\",\"content\":\"?\"}",
		NULL
	};
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, broken);
	body_is(&r.rq, "{\"model\":\"claude-opus-4-6\",\"max_tokens\":100,\"stream\":true,\"messages\":["
	    "{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"user\",\"content\":\"two\"},"
	    "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}},"
	    "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\",\"input\":{\"invalid_arguments\":\"{oops\"}}]},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":\"[interrupted: this call has no result]\",\"is_error\":true},"
	    "{\"type\":\"tool_result\",\"tool_use_id\":\"b\",\"content\":\"late\",\"is_error\":false}]},"
	    "{\"role\":\"user\",\"content\":\"a word in between\"},"
	    /* the id was used before */
	    "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a_8601ec8c\",\"name\":\"f\",\"input\":{}}]},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a_8601ec8c\",\"content\":\"[interrupted: this call has no result]\",\"is_error\":true}]},"
	    "{\"role\":\"user\",\"content\":\"after a crash\"},"
	    "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"legacy\"},{\"type\":\"tool_use\",\"id\":\"L\",\"name\":\"f\",\"input\":{\"k\":1}}]},"
	    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"L\",\"content\":\"ok\",\"is_error\":false}]},"
	    "{\"role\":\"user\",\"content\":\"[SYSTEM NOTICE][BG_JOB] done\"}],"
	    "\"tools\":[" PAST("f") "," PAST("g") "],\"tool_choice\":{\"type\":\"none\"}}");
	for (int w = WIRE_ANTHROPIC; w <= WIRE_GEMINI; w++) {
		rig(&r, (enum wire)w, broken);
		body_lacks(&r.rq, "error:");
		body_lacks(&r.rq, "orphan");
		body_lacks(&r.rq, "[]");
		body_has(&r.rq, "late");
		body_has(&r.rq, "legacy");
	}
}

TEST(a_transcript_that_starts_with_the_assistant_gets_a_user)
{
	static const char *const m[] = { SAID(TEXT("hi")), NULL };
	struct rig r;

	rig(&r, WIRE_GEMINI, m);
	body_has(&r.rq, "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"[conversation continues]\"}]},"
	    "{\"role\":\"model\",\"parts\":[{\"text\":\"hi\"}]}]");
}

TEST(nothing_to_send_is_an_error)
{
	static const char *const m[] = { "{\"role\":\"system\",\"content\":\"s\"}", USER(""), NULL };
	struct rig r;

	rig(&r, WIRE_CHAT, m);
	body_is(&r.rq, "error: nothing to send: the transcript has no message for the model");
}

TEST(anthropic_ids_are_legal_and_stable)
{
	static const char *const m[] = { USER("x"), SAID(CALL("functions.shell:0", "a.b", "{}")), NULL };
	struct rig r;
	char *one, *two;

	rig(&r, WIRE_ANTHROPIC, m);
	one = body(&r.rq);
	two = body(&r.rq);
	STR_IS(one, two);
	OK(strstr(one, "\"id\":\"functions_shell_0_"));
	OK(strstr(one, "\"tool_use_id\":\"functions_shell_0_"));
	OK(strstr(one, "\"name\":\"a_b_"));
	OK(!strstr(one, "shell:0"));
	free(one);
	free(two);
	rig(&r, WIRE_CHAT, m);
	body_has(&r.rq, "\"id\":\"functions.shell:0\"");
}

TEST(lone_surrogates_in_raw_json_are_replaced_pairs_stay)
{
	static const char *const m[] = { USER("x"),
	    SAID(CALL("a", "f", "{\"s\":\"\\ud83d\\ude00 \\ud800 \\\\ud800 \\udc00\"}")), NULL };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	body_has(&r.rq, "{\"s\":\"\\ud83d\\ude00 \\ufffd \\\\ud800 \\ufffd\"}");
}

/* ---- media ---- */

#define IMAGE(data) "{\"type\":\"image\",\"media_type\":\"image/png\"," data "}"
#define INLINE "\"source\":\"inline\",\"data\":\"QUJD\""
#define VIDEO "{\"type\":\"video\",\"media_type\":\"video/mp4\",\"duration_ms\":5,\"source\":\"inline\",\"data\":\"VklE\"}"
#define SEEN "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"}," IMAGE(INLINE) "," VIDEO "]}"

static int
load(void *arg, const char *id, struct buf *b, char media[64])
{
	(void)arg;
	if (strcmp(id, "b1"))
		return -1;
	buf_puts(b, "QkxPQg==");
	snprintf(media, 64, "image/jpeg");
	return 0;
}

TEST(images_and_video_as_each_provider_takes_them)
{
	static const char *const m[] = { SEEN, NULL };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	body_has(&r.rq, "[{\"type\":\"text\",\"text\":\"look\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"QUJD\"}},"
	    "{\"type\":\"text\",\"text\":\"[video: video/mp4]\"}]");
	rig(&r, WIRE_RESPONSES, m);
	body_has(&r.rq, "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,QUJD\"},{\"type\":\"input_text\",\"text\":\"[video: video/mp4]\"}");
	rig(&r, WIRE_CHAT, m);
	body_has(&r.rq, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}}");
	rig(&r, WIRE_GEMINI, m);
	body_has(&r.rq, "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QUJD\"}},{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":\"VklE\"}}");
}

TEST(blobs_are_loaded_and_missing_ones_are_named)
{
	static const char *const m[] = {
	    "{\"role\":\"user\",\"content\":[" IMAGE("\"source\":\"blob\",\"blob_id\":\"b1\"") ","
	    IMAGE("\"source\":\"blob\",\"blob_id\":\"gone\"") "]}", NULL };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	body_has(&r.rq, "\"[image: image/png]\\n[image: image/png]\"");
	r.rq.blob = load;
	body_has(&r.rq, "\"media_type\":\"image/jpeg\",\"data\":\"QkxPQg==\"}},{\"type\":\"text\",\"text\":\"[image unavailable: gone]\"}");
}

TEST(images_in_tool_results)
{
	static const char *const m[] = { USER("x"), SAID(CALL("a", "f", "{}") "," CALL("b", "f", "{}")),
	    RESULTS("{\"tool_use_id\":\"a\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}," IMAGE(INLINE) "]}," RESULT("b", "2")), NULL };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	body_has(&r.rq, "\"content\":[{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"image\"");
	rig(&r, WIRE_RESPONSES, m);
	body_has(&r.rq, "\"output\":\"t\\n[image: image/png]\"");
	rig(&r, WIRE_GEMINI, m);
	body_has(&r.rq, "\"error\":false}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{\"content\":\"2\",\"error\":false}}},{\"inlineData\":");
}

TEST(video_in_a_tool_result_is_refused_but_projected_in_chat)
{
	static const char *const m[] = { USER("x"), SAID(CALL("a", "f", "{}")),
	    RESULTS("{\"tool_use_id\":\"a\",\"content\":[" VIDEO "]}"), NULL };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	body_is(&r.rq, "error: video blocks are not supported in Anthropic tool results");
	rig(&r, WIRE_CHAT, m);
	body_has(&r.rq, "\"content\":\"[video: video/mp4]\"");
}

/* ---- reasoning that goes back ---- */

#define OPENAI_META "{\"provider\":\"open_ai\",\"id\":\"rs_1\",\"encrypted_content\":\"gAAA\"}"

TEST(encrypted_reasoning_goes_back_in_front_of_its_item)
{
	static const char *const m[] = { USER("x"),
	    SAID(THOUGHT("why", OPENAI_META) "," CALL("c", "f", "{}")),
	    RESULTS(RESULT("c", "r")), SAID(THOUGHT("cut", OPENAI_META)), USER("y"), NULL };
	struct rig r;

	rig(&r, WIRE_RESPONSES, m);
	body_has(&r.rq, "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"why\"}],\"encrypted_content\":\"gAAA\"},{\"type\":\"function_call\"");
	body_has(&r.rq, "\"store\":false");
	/* a reasoning item without its required following item is refused */
	body_lacks(&r.rq, "cut");
	r.rq.params = json_text("{\"replay_reasoning\":false}");
	body_lacks(&r.rq, "gAAA");
	body_lacks(&r.rq, "store");
	rig(&r, WIRE_ANTHROPIC, m);
	body_lacks(&r.rq, "why");
}

TEST(anthropic_blocks_go_back_verbatim)
{
	static const char *const m[] = { USER("x"), SAID(
	    THOUGHT("", "{\"provider\":\"anthropic_redacted\",\"data\":\"D\\u0041/=\"}") ","
	    THOUGHT("", "{\"provider\":\"anthropic_compaction\",\"content\":\"sum\",\"encrypted_content\":\"E\"}") ","
	    TEXT("t") "," THOUGHT("tail", "{\"provider\":\"anthropic\",\"signature\":\"S\"}")), USER("y"), NULL };
	struct rig r;
	struct encode en;
	struct buf b = BUF_INIT;

	rig(&r, WIRE_ANTHROPIC, m);
	body_has(&r.rq, "[{\"type\":\"redacted_thinking\",\"data\":\"D\\u0041/=\"},"
	    "{\"type\":\"compaction\",\"content\":\"sum\",\"encrypted_content\":\"E\"},{\"type\":\"text\",\"text\":\"t\"}]");
	OK(encode_body(&en, &r.rq, 0, &b, NULL) == 0);
	STR_IS(en.betas, "compact-2026-01-12");
	buf_free(&b);
}

TEST(gemini_signatures_go_back_beside_their_part)
{
	static const char *const m[] = { USER("x"), SAID(
	    "{\"block_type\":\"text\",\"data\":{\"text\":\"\",\"meta\":{\"provider\":\"gemini\",\"thoughtSignature\":\"T\"}}},"
	    "{\"block_type\":\"tool_use\",\"data\":{\"id\":\"a\",\"name\":\"f\",\"args\":{},\"meta\":{\"provider\":\"gemini\",\"thoughtSignature\":\"C\"}}},"
	    CALL("b", "g", "{}")), NULL };
	struct rig r;

	rig(&r, WIRE_GEMINI, m);
	body_has(&r.rq, "\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"T\"},{\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"C\"},"
	    "{\"functionCall\":{\"name\":\"g\",\"args\":{}}}]");
	r.t.wire_id = (char *)"gemini-2.5-pro";
	body_lacks(&r.rq, "skip_thought");
}

TEST(defect_9_gemini_gets_no_foreign_reasoning_as_text)
{
	static const char *const m[] = { USER("x"), SAID(
	    THOUGHT("secret", "{\"provider\":\"anthropic\",\"signature\":\"S\"}") ","
	    THOUGHT("secret", OPENAI_META) "," TEXT("t")), USER("y"), NULL };
	struct rig r;

	rig(&r, WIRE_GEMINI, m);
	body_lacks(&r.rq, "secret");
	body_lacks(&r.rq, "Reasoning");
	rig(&r, WIRE_CHAT, m);
	body_lacks(&r.rq, "secret");
}

TEST(reasoning_without_its_proof_stays_home)
{
	static const char *const m[] = { USER("x"), SAID(
	    THOUGHT("secret", "{\"provider\":\"anthropic\"}") ","
	    THOUGHT("secret", "{\"provider\":\"open_ai\",\"id\":\"rs\"}") "," TEXT("t")), USER("y"), NULL };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	body_lacks(&r.rq, "secret");
	rig(&r, WIRE_RESPONSES, m);
	body_lacks(&r.rq, "secret");
	body_lacks(&r.rq, "store");
}

/* ---- settings ---- */

TEST(cache_marks_tools_system_and_the_last_user_block)
{
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, round_trip);
	r.rq.cache = true;
	r.rq.tools = &weather;
	r.rq.n_tools = 1;
	body_has(&r.rq, "\"system\":[{\"type\":\"text\",\"text\":\"You are terse.\",\"cache_control\":{\"type\":\"ephemeral\"}}]");
	body_has(&r.rq, "\"required\":[\"city\"]},\"cache_control\":{\"type\":\"ephemeral\"}}]");
	body_has(&r.rq, "\"is_error\":false,\"cache_control\":{\"type\":\"ephemeral\"}}]}]");
	r.rq.n_messages = 2;
	body_has(&r.rq, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Weather in Oslo?\",\"cache_control\":{\"type\":\"ephemeral\"}}]}");
}

TEST(anthropic_thinking_effort_and_betas)
{
	static const char *const m[] = { USER("x"), NULL };
	struct rig r;
	struct encode en;
	struct buf b = BUF_INIT;

	rig(&r, WIRE_ANTHROPIC, m);
	r.rq.temperature = 0;
	r.rq.params = json_text("{\"thinking_budget\":2000,\"top_k\":\"7\",\"effort\":\"low\",\"context\":\"1m\",\"inference_geo\":\"us\","
	    "\"compaction\":{\"trigger\":150000},\"structured_output\":{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1}}}}}");
	OK(encode_body(&en, &r.rq, 0, &b, NULL) == 0);
	STR_IS(buf_str(&b), "{\"model\":\"claude-opus-4-6\",\"max_tokens\":100,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
	    "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
	    "\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"description\":\"{minimum: 1}\"}},\"additionalProperties\":false}}},"
	    "\"inference_geo\":\"us\",\"context_management\":{\"edits\":[{\"type\":\"compact_20260112\",\"trigger\":{\"type\":\"input_tokens\",\"value\":150000}}]}}");
	STR_IS(en.betas, "interleaved-thinking-2025-05-14,structured-outputs-2025-11-13,context-1m-2025-08-07,compact-2026-01-12");
	buf_free(&b);
	r.rq.params = json_text("{\"thinking\":{\"type\":\"adaptive\",\"x\":1}}");
	body_has(&r.rq, "\"thinking\":{\"type\":\"adaptive\"}");
	r.rq.params = json_text("{\"thinking\":{\"type\":\"enabled\"},\"thinking_budget\":5,\"top_k\":3}");
	body_lacks(&r.rq, "thinking");
	body_has(&r.rq, "\"temperature\":0.0,\"top_k\":3");
}

TEST(search_must_be_an_object)
{
	static const char *const off[] = { "{\"web_search\":false,\"google_search\":null}",
	    "{\"web_search\":\"yes\",\"google_search\":true}", "{}" };
	static const char *const m[] = { USER("x"), NULL };
	struct rig r;

	for (int w = WIRE_ANTHROPIC; w <= WIRE_GEMINI; w++) {
		for (size_t i = 0; i < COUNT(off); i++) {
			rig(&r, (enum wire)w, m);
			r.rq.params = json_text(off[i]);
			body_lacks(&r.rq, "tools");
		}
	}
	rig(&r, WIRE_GEMINI, m);
	r.rq.params = json_text("{\"google_search\":{}}");
	body_has(&r.rq, "\"tools\":[{\"google_search\":{}}]");
	rig(&r, WIRE_RESPONSES, m);
	r.rq.params = json_text("{\"web_search\":{\"type\":\"web_search\"}}");
	body_has(&r.rq, "\"tools\":[{\"type\":\"web_search\"}]");
}

TEST(defect_4_seed_and_penalties_stay_away_from_the_cloud)
{
	static const char *const m[] = { USER("x"), NULL };
	struct rig r;

	rig(&r, WIRE_RESPONSES, m);
	r.rq.params = json_text("{\"seed\":12345678901234567890,\"presence_penalty\":0.5,\"reasoning_effort\":\"xhigh\"}");
	body_lacks(&r.rq, "seed");
	body_lacks(&r.rq, "penalty");
	body_has(&r.rq, "\"reasoning\":{\"effort\":\"xhigh\",\"summary\":\"auto\"}");
	r.t.provider = PROVIDER_SELF_HOSTED;
	body_has(&r.rq, "\"seed\":12345678901234567890,\"presence_penalty\":0.5");
}

TEST(temperature_and_reasoning_go_by_the_model)
{
	static const char *const m[] = { USER("x"), NULL };
	struct rig r;

	rig(&r, WIRE_RESPONSES, m);
	r.rq.temperature = 0.3;
	body_lacks(&r.rq, "temperature");
	r.t.profile.known = r.t.profile.reasoning = false;
	r.t.wire_id = (char *)"gpt-4.1-codex";
	body_lacks(&r.rq, "temperature");
	body_lacks(&r.rq, "reasoning");
	r.t.wire_id = (char *)"gpt-4.1";
	body_has(&r.rq, "\"temperature\":0.3");
	rig(&r, WIRE_ANTHROPIC, m);
	r.rq.temperature = 0.3;
	r.rq.params = json_text("{\"top_k\":3}");
	r.t.profile.known = true;
	r.t.profile.temperature = false;
	body_lacks(&r.rq, "temperature");
	body_lacks(&r.rq, "top_k");
	r.t.profile.temperature = true;
	body_has(&r.rq, "\"temperature\":0.3,\"top_k\":3");
}

TEST(chat_reasoning_params_need_the_capability)
{
	static const char *const m[] = { USER("x"), NULL };
	struct rig r;

	rig(&r, WIRE_CHAT, m);
	r.rq.params = json_text("{\"reasoning\":{\"effort\":\"low\",\"x\":1},\"reasoning_effort\":\"high\",\"thinking\":true,\"chat_template_kwargs\":{\"enable_thinking\":false}}");
	body_lacks(&r.rq, "effort");
	r.t.profile.reasoning = true;
	body_has(&r.rq, "\"reasoning\":{\"x\":1,\"effort\":\"high\"},\"reasoning_effort\":\"high\"");
	body_lacks(&r.rq, "thinking");
	r.t.profile.thinking = true;
	body_has(&r.rq, "\"chat_template_kwargs\":{\"enable_thinking\":false},\"thinking\":true");
}

#define FORMAT(more) "{\"structured_output\":{\"name\":\"N\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"const\":9007199254740993}}" more "}}"

TEST(structured_output_on_each_wire)
{
	static const char *const m[] = { USER("x"), NULL };
	struct rig r;

	rig(&r, WIRE_RESPONSES, m);
	r.rq.params = json_text(FORMAT(",\"required\":[\"a\"]},\"strict\":true"));
	body_has(&r.rq, "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"N\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"const\":9007199254740993}},\"required\":[\"a\"],\"additionalProperties\":false},\"strict\":true}}");
	r.rq.params = json_text(FORMAT("},\"strict\":true"));
	body_has(&r.rq, "\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"const\":9007199254740993}}},\"strict\":false");
	rig(&r, WIRE_CHAT, m);
	r.rq.params = json_text(FORMAT("}"));
	body_has(&r.rq, "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"N\",\"schema\":{");
	rig(&r, WIRE_GEMINI, m);
	r.rq.params = json_text(FORMAT("}"));
	body_has(&r.rq, "\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"a\":{\"const\":9007199254740993}}}");
}

TEST(a_tool_schema_is_at_least_an_object)
{
	static const char *const m[] = { USER("x"), NULL };
	struct tool_def t = { "f", NULL, { "{}", 2 } };
	struct rig r;

	rig(&r, WIRE_ANTHROPIC, m);
	r.rq.tools = &t;
	r.rq.n_tools = 1;
	body_has(&r.rq, "\"input_schema\":{\"type\":\"object\",\"properties\":{}}");
	rig(&r, WIRE_GEMINI, m);
	r.rq.tools = &t;
	r.rq.n_tools = 1;
	body_has(&r.rq, "[{\"name\":\"f\",\"description\":\"\"}]");
}

TEST(paths)
{
	static const struct { enum wire w; const char *base, *id, *want; } rows[] = {
		{ WIRE_ANTHROPIC, "https://api.anthropic.com", "m", "/v1/messages" },
		{ WIRE_RESPONSES, "https://api.openai.com", "m", "/v1/responses" },
		{ WIRE_RESPONSES, "http://h:1/v1", "m", "/responses" },
		{ WIRE_CHAT, "http://h:1/v1", "m", "/chat/completions" },
		{ WIRE_GEMINI, "http://h", "models/gemini x/y", "/v1beta/models/gemini%20x%2Fy:streamGenerateContent?alt=sse" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct model_target t = target(rows[i].w);
		char *got;

		t.base_url = (char *)rows[i].base;
		t.wire_id = (char *)rows[i].id;
		got = model_path(&t);
		STR_IS(got, rows[i].want);
		free(got);
	}
}

/* ---- schemas ---- */

static void
parameters(const char *schema, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;

	if (lower_parameters(json_text(schema), &b, &e) < 0) {
		STR_IS(e.text, want);
	} else {
		STR_IS(buf_str(&b), want);
	}
	buf_free(&b);
}

TEST(gemini_parameters_of_the_sheet)
{
	parameters("{\"type\":\"object\",\"properties\":{\"u\":{\"type\":[\"string\",\"null\"]},\"k\":{\"oneOf\":[{\"const\":\"a\"},{\"const\":\"b\"}]}}}",
	    "{\"type\":\"object\",\"properties\":{\"u\":{\"type\":\"string\",\"nullable\":true},\"k\":{\"enum\":[\"a\",\"b\"],\"type\":\"string\"}}}");
}

TEST(gemini_parameters_lowering)
{
	parameters("{\"const\":12345678901234567890}", "{\"enum\":[12345678901234567890],\"type\":\"integer\"}");
	parameters("{\"const\":null}", "{\"enum\":[null],\"nullable\":true}");
	parameters("{\"type\":[\"integer\",\"string\",\"null\"]}", "{\"nullable\":true,\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}");
	parameters("{\"type\":[\"null\"]}", "{\"nullable\":true}");
	parameters("{\"anyOf\":[{\"type\":\"string\",\"title\":\"T\"},{\"type\":\"null\"}]}", "{\"anyOf\":[{\"type\":\"string\"}],\"nullable\":true}");
	parameters("{\"properties\":{\"title\":{\"type\":\"string\"},\"const\":{\"default\":{\"title\":1,\"$ref\":\"x\"}}},\"title\":\"T\",\"$schema\":\"s\",\"maximum\":1e400}",
	    "{\"properties\":{\"title\":{\"type\":\"string\"},\"const\":{\"default\":{\"title\":1,\"$ref\":\"x\"}}},\"maximum\":1e400}");
	parameters("{\"$defs\":{\"a/b\":{\"type\":\"string\",\"description\":\"d\"}},\"items\":{\"$ref\":\"#/$defs/a~1b\",\"description\":\"mine\"}}",
	    "{\"items\":{\"type\":\"string\",\"description\":\"mine\"}}");
}

TEST(gemini_references_that_cannot_be_inlined)
{
	parameters("{\"properties\":{\"z\":{\"$ref\":\"#/nope\"},\"a\":{\"$ref\":\"http://x/y\"},\"r\":{\"$ref\":\"#\"}}}",
	    "Gemini function parameters schema contains unresolved $ref values: #, #/nope, http://x/y. "
	    "Only local refs (e.g. '#/$defs/...') are supported for inlining.");
}

TEST(schemas_that_would_explode_are_refused)
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_NONE;

	buf_puts(&b, "{\"$defs\":{\"d0\":{\"type\":\"string\"}");
	for (int i = 1; i < 40; i++)
		buf_printf(&b, ",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i, i - 1, i - 1);
	buf_puts(&b, "},\"$ref\":\"#/$defs/d39\"}");
	OK(lower_parameters(json_slice(b.p, b.n), &out, &e) < 0);
	STR_IS(e.text, "schema has more than 100000 nodes");
	buf_free(&b);
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "{\"items\":");
	buf_puts(&b, "{}");
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "}");
	OK(lower_closed(json_slice(b.p, b.n), &out, &e) < 0);
	STR_IS(e.text, "schema nests deeper than 128 levels");
	buf_free(&b);
	buf_free(&out);
}
