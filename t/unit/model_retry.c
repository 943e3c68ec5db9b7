#include <stdlib.h>
#include <time.h>

#include "model/fault.h"
#include "model/model.h"
#include "test.h"

static const struct retry_policy policy = RETRY_DEFAULT;

static struct model_error
http(int status, const struct fault_headers *h, const char *body)
{
	static const struct fault_headers none = { .request_id = "" };
	struct model_error me = { .retry_after_ms = -1 };

	fault_http(&me, status, h ? h : &none, body, strlen(body));
	return me;
}

static bool
between(int64_t v, int64_t low, int64_t high)
{
	return v >= low && v <= high;
}

/* ---- the policy ---- */

TEST(delays_double_with_a_little_jitter)
{
	struct model_error me = http(500, NULL, "");

	for (int i = 0; i < 100; i++) {
		OK(between(retry_delay(&policy, 1, &me), 450, 550));
		OK(between(retry_delay(&policy, 2, &me), 900, 1100));
		OK(between(retry_delay(&policy, 3, &me), 1800, 2200));
	}
	OK(retry_delay(&policy, 4, &me) == -1);
	OK(retry_delay(&(struct retry_policy){ 99, 500, 30000, 2 }, 60, &me) == 30000);
}

TEST(a_hint_is_kept_and_has_no_floor)
{
	struct fault_headers h = { .retry_after = "2" };
	struct model_error me = http(429, &h, "");

	OK(retry_delay(&policy, 1, &me) == 2000);
	OK(between(retry_delay(&policy, 3, &me), 2000, 2200));
	me = http(529, &h, "");
	OK(retry_delay(&policy, 1, &me) == 2000);
	me = http(429, &(struct fault_headers){ .retry_after = "0.1" }, "");
	OK(between(retry_delay(&policy, 1, &me), 450, 550));
	me = http(429, NULL, "");
	OK(retry_delay(&policy, 1, &me) == 30000);
}

TEST(more_than_two_minutes_is_for_the_user_to_decide)
{
	struct model_error me = http(429, &(struct fault_headers){ .retry_after = "3600" }, "");

	OK(me.retry_after_ms == 3600000 && me.retryable);
	OK(retry_delay(&policy, 1, &me) == -1);
	me = http(429, &(struct fault_headers){ .retry_after = "120" }, "");
	OK(retry_delay(&policy, 1, &me) == 120000);
}

TEST(what_is_not_retryable_is_not_retried)
{
	struct model_error me = http(400, NULL, "");

	OK(retry_delay(&policy, 1, &me) == -1);
}

TEST(a_conflict_is_retried_once)
{
	struct model_error me = http(409, NULL, "locked");

	OK(retry_delay(&policy, 1, &me) > 0);
	OK(retry_delay(&policy, 2, &me) == -1);
}

/* ---- hints ---- */

TEST(hints_in_all_their_forms)
{
	static const struct { struct fault_headers h; int64_t ms; } rows[] = {
		{ { .retry_after = "7" }, 7000 },
		{ { .retry_after = " 1.5 " }, 1500 },
		{ { .retry_after = "-3" }, -1 },
		{ { .retry_after = "soon" }, -1 },
		{ { .retry_after = "1e999" }, -1 },
		{ { .retry_after = "" }, -1 },
		{ { .retry_after = "9", .retry_after_ms = "250" }, 250 },
		{ { .retry_after = "Sun, 06 Nov 1994 08:49:37 GMT" }, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct model_error me = http(429, &rows[i].h, "");

		if (me.retry_after_ms != rows[i].ms)
			printf("# %s: %lld\n", rows[i].h.retry_after, (long long)me.retry_after_ms);
		OK(me.retry_after_ms == rows[i].ms);
	}
}

TEST(an_http_date_is_a_hint)
{
	struct fault_headers h = { .retry_after = "" };
	time_t then = time(NULL) + 10;
	struct tm tm;
	struct model_error me;

	gmtime_r(&then, &tm);
	strftime(h.retry_after, sizeof h.retry_after, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	me = http(503, &h, "");
	OK(between(me.retry_after_ms, 8000, 10000));
}

TEST(gemini_gives_its_hint_in_the_body)
{
	struct model_error me = http(429, NULL, "{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":["
	    "{\"@type\":\"x/google.rpc.RetryInfo\",\"retryDelay\":\"22s\"}]}}");

	OK(me.retry_after_ms == 22000 && me.retryable);
	me = http(429, NULL, "[{\"error\":{\"code\":429,\"message\":\"quota\",\"details\":["
	    "{\"quotaId\":\"GenerateRequestsPerDayPerProject\"},{\"retryDelay\":\"1.5s\"}]}}]");
	OK(me.retry_after_ms == 1500 && !me.retryable);
}

TEST(x_should_retry_has_the_last_word)
{
	struct model_error me = http(400, &(struct fault_headers){ .should_retry = "true" }, "");

	OK(me.retryable);
	me = http(500, &(struct fault_headers){ .should_retry = "false" }, "");
	OK(!me.retryable);
}

/* ---- statuses ---- */

TEST(statuses_are_classified)
{
	static const struct {
		int status;
		const char *body;
		enum model_fault fault;
		bool retryable;
		const char *text;
	} rows[] = {
		{ 400, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"bad\"}}", FAULT_INVALID_REQUEST, false, "Invalid request: bad" },
		{ 400, "{\"error\":{\"message\":\"no\",\"code\":\"unsupported_parameter\"}}", FAULT_INVALID_REQUEST, false, "Invalid request: no (unsupported_parameter)" },
		{ 400, "{\"error\":{\"message\":\"API key not valid. Please pass\",\"status\":\"INVALID_ARGUMENT\"}}", FAULT_AUTH, false, "Authentication failed: API key not valid. Please pass" },
		{ 401, "{\"error\":{\"message\":\"nope\"}}", FAULT_AUTH, false, "Authentication failed: nope" },
		{ 401, "", FAULT_AUTH, false, "Authentication failed: the server refused the key" },
		{ 402, "{\"error\":{\"message\":\"pay\"}}", FAULT_INVALID_REQUEST, false, "Invalid request: pay" },
		/* defect 13: the reason of a 403 is kept */
		{ 403, "{\"error\":{\"message\":\"region\"}}", FAULT_INVALID_KEY, false, "Invalid API key: region" },
		{ 404, "{\"error\":{\"message\":\"model: m\"}}", FAULT_MODEL_NOT_FOUND, false, "Model not found: model: m" },
		{ 404, "<h1>Not Found</h1>", FAULT_INVALID_REQUEST, false, "Invalid request: HTTP 404, is the base URL right? <h1>Not Found</h1>" },
		{ 408, "", FAULT_SERVER_ERROR, true, "Server error: 408 - " },
		{ 413, "too big", FAULT_INVALID_REQUEST, false, "Invalid request: too big" },
		{ 422, "{\"detail\":\"x\"}", FAULT_INVALID_REQUEST, false, "Invalid request: {\"detail\":\"x\"}" },
		{ 425, "", FAULT_SERVER_ERROR, true, "Server error: 425 - " },
		{ 429, "", FAULT_RATE_LIMITED, true, "Rate limited" },
		/* defect 13: waiting fills no purse */
		{ 429, "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"pay\"}}", FAULT_RATE_LIMITED, false, "Rate limited: pay" },
		{ 500, "<h1>\nOops</h1>", FAULT_SERVER_ERROR, true, "Server error: 500 - <h1> Oops</h1>" },
		{ 502, "", FAULT_SERVER_ERROR, true, "Server error: 502 - " },
		{ 503, "", FAULT_OVERLOADED, true, "Server overloaded (503)" },
		{ 504, "", FAULT_SERVER_ERROR, true, "Server error: 504 - " },
		{ 529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", FAULT_OVERLOADED, true, "Server overloaded (529): Overloaded" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct model_error me = http(rows[i].status, NULL, rows[i].body);

		STR_IS(me.text, rows[i].text);
		OK(me.fault == rows[i].fault);
		OK(me.retryable == rows[i].retryable);
		OK(me.status == rows[i].status);
	}
}

TEST(defect_13_context_overflow_is_recognised)
{
	static const struct { const char *body, *text; } rows[] = {
		{ "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}",
		    "Context length exceeded: 210000 > 200000" },
		{ "{\"error\":{\"message\":\"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease\"}}",
		    "Context length exceeded: 210000 > 200000" },
		{ "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"too much\"}}",
		    "Context length exceeded: 0 > 0" },
		{ "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens. However, your messages resulted in 8955 tokens.\"}}",
		    "Context length exceeded: 8955 > 8192" },
		{ "{\"error\":{\"code\":400,\"type\":\"exceed_context_size_error\",\"message\":\"m\",\"n_prompt_tokens\":5000,\"n_ctx\":4096}}",
		    "Context length exceeded: 5000 > 4096" },
		{ "{\"error\":{\"message\":\"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).\"}}",
		    "Context length exceeded: 1200000 > 1048576" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct model_error me = http(400, NULL, rows[i].body);

		STR_IS(me.text, rows[i].text);
		OK(me.fault == FAULT_CONTEXT_LENGTH && !me.retryable);
	}
}

TEST(long_and_broken_messages_become_one_clean_line)
{
	char *body = malloc(100001);
	struct model_error me;

	memset(body, 'e', 100000);
	body[100000] = '\0';
	me = http(500, NULL, body);
	OK(strlen(me.text) == strlen("Server error: 500 - ") + 2048);
	me = http(500, NULL, "a\x1b[31m\xff\xc3");
	STR_IS(me.text, "Server error: 500 - a [31m??");
	free(body);
}
