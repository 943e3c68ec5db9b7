#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "model/model.h"
#include "model/transcript.h"
#include "test.h"

/*
 * The client against a server of a few bytes: a forked child that plays one scripted
 * misbehaviour.  `serve` answers the n-th request (1 based) on fd; false closes.
 */
typedef bool serve_fn(int fd, int n);

struct shared {
	atomic_int connections, requests;
	char head[8192];	/* the last request, as it came */
};

static struct shared *shared;
static pid_t server;
static char base_url[64];

/* Read one whole request; false at the end of the connection. */
static bool
read_request(int fd)
{
	size_t n = 0, need = 0;
	ssize_t got;
	char *end, *length;

	for (;;) {
		got = read(fd, shared->head + n, sizeof shared->head - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
		shared->head[n] = '\0';
		end = strstr(shared->head, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(shared->head, "content-length:");
		need = (size_t)(end + 4 - shared->head) +
		    (length ? strtoul(length + 15, NULL, 10) : 0);
		if (n >= need || n == sizeof shared->head - 1)
			return true;
	}
}

static void
serve_forever(int listener, serve_fn *serve)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		shared->connections++;
		while (read_request(fd))
			if (!serve(fd, ++shared->requests))
				break;
		close(fd);
	}
}

static void
start(serve_fn *serve)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!shared)
		shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 0, sizeof *shared);
	OK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
	OK(listen(fd, 8) == 0);
	OK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d",
	    ntohs(a.sin_port));
	fflush(stdout);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		serve_forever(fd, serve);
	}
	close(fd);
}

static void
stop(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void
say(int fd, const char *s)
{
	(void)!fs_write_all(fd, s, strlen(s));
}

static void
nap(int ms)
{
	poll(NULL, 0, ms);
}

static bool
reset(int fd)
{
	struct linger now = { 1, 0 };

	nap(20);	/* let the client read what was sent */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	return false;
}

#define SSE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n"
#define EV(json) "data: " json "\n\n"
#define HALF EV("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}") \
	EV("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello\"}}")
#define REST EV("{\"type\":\"content_block_stop\",\"index\":0}") \
	EV("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}") \
	EV("{\"type\":\"message_stop\"}")

/* ---- a call and what came of it ---- */

#define SECRET "sk-ant-verysecret"

static struct loop *loop;
static struct model *model;
static struct model_target t;
static struct model_request rq;
static struct jtext messages[8];
static struct model_reply reply;
static struct model_error me;
static struct buf seen;
static int64_t took;
static bool cancel;

static void
on_text(void *arg, const char *p, size_t n)
{
	(void)arg;
	buf_put(&seen, p, n);
}

static void
open_client(enum provider p)
{
	loop = loop_new();
	model = model_new(loop);
	t = (struct model_target){ .provider = p, .id = (char *)"m",
	    .wire_id = (char *)"m", .base_url = base_url,
	    .key = (char *)SECRET, .chat_style = p == PROVIDER_SELF_HOSTED };
	messages[0] = json_text("{\"role\":\"user\",\"content\":\"hi\"}");
	rq = (struct model_request){ .target = &t, .messages = messages,
	    .n_messages = 1, .max_tokens = 10, .temperature = NAN };
	cancel = false;
}

static void
close_client(void)
{
	model_free(model);
	loop_free(loop);
	buf_free(&seen);
}

static int
call(const struct model_deadlines *d)
{
	static const struct model_deadlines patient = { 2000, 5000, 5000, 10000 };
	struct model_watch w = { .text = on_text };
	int64_t from = time_mono_ms();
	int rc;

	buf_trunc(&seen, 0);
	rc = model_call(model, &rq, d ? d : &patient, &w, &cancel, &reply, &me);
	took = time_mono_ms() - from;
	OK(!strstr(me.text, "verysecret"));
	return rc;
}

/* One call against one misbehaviour. */
static int
try(serve_fn *serve, const struct model_deadlines *d)
{
	int rc;

	start(serve);
	open_client(PROVIDER_ANTHROPIC);
	rc = call(d);
	model_reply_free(&reply);
	close_client();
	stop();
	return rc;
}

static void
starts(const char *text, const char *want)
{
	if (strncmp(text, want, strlen(want))) {
		printf("# got  %s\n# want %s...\n", text, want);
		test_bad++;
	}
}

/* ---- what works ---- */

static bool
good(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD);
	say(fd, ": comment\n\n" HALF);
	nap(5);
	say(fd, REST);
	return false;
}

TEST(a_reply_arrives_and_the_request_was_right)
{
	struct buf b = BUF_INIT;

	start(good);
	open_client(PROVIDER_ANTHROPIC);
	OK(call(NULL) == 0);
	STR_IS(buf_str(&seen), "hello");
	model_reply_emit(&reply, &b);
	STR_IS(buf_str(&b), "{\"role\":\"block_assistant\",\"blocks\":[{\"block_type\":\"text\",\"data\":{\"text\":\"hello\"}}],\"stop_reason\":\"end_turn\"}");
	OK(reply.usage.output == 2);
	starts(shared->head, "POST /v1/messages HTTP/1.1\r\n");
	OK(strstr(shared->head, "\r\nx-api-key: " SECRET "\r\n"));
	OK(strstr(shared->head, "\r\nanthropic-version: 2023-06-01\r\n"));
	OK(strstr(shared->head, "\r\nAccept: text/event-stream\r\n"));
	OK(strstr(shared->head, "\r\nContent-Type: application/json\r\n"));
	OK(strstr(shared->head, "\r\nUser-Agent: rkat/"));
	OK(!strcasestr(shared->head, "expect:"));
	OK(!strcasestr(shared->head, "accept-encoding"));
	OK(!strcasestr(shared->head, "anthropic-beta"));
	buf_free(&b);
	model_reply_free(&reply);
	close_client();
	stop();
}

static bool
keep_alive(int fd, int n)
{
	(void)n;
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(HALF REST), HALF REST);
	return true;
}

TEST(the_connection_is_used_again)
{
	start(keep_alive);
	open_client(PROVIDER_ANTHROPIC);
	for (int i = 0; i < 3; i++) {
		OK(call(NULL) == 0);
		model_reply_free(&reply);
	}
	OK(shared->connections == 1);
	OK(shared->requests == 3);
	close_client();
	stop();
}

TEST(loopback_is_never_proxied)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	OK(try(good, NULL) == 0);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static bool
never_closes(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD HALF REST);
	nap(10000);
	return false;
}

TEST(a_complete_reply_does_not_wait_for_the_connection_to_end)
{
	OK(try(never_closes, NULL) == 0);
	OK(took < 1000);
}

static bool
drip(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD);
	for (const char *p = HALF REST; *p; p++) {
		(void)!write(fd, p, 1);
		if (p[0] == '\n')
			nap(10);
	}
	return false;
}

TEST(a_slow_drip_of_single_bytes_is_fine)
{
	static const struct model_deadlines d = { 500, 500, 500, 5000 };

	OK(try(drip, &d) == 0);
}

TEST(no_network_with_the_test_client)
{
	setenv("RKAT_TEST_CLIENT", "1", 1);
	snprintf(base_url, sizeof base_url, "http://127.0.0.1:1");
	open_client(PROVIDER_OPENAI);
	OK(call(NULL) == 0);
	STR_IS(buf_str(&seen), "ok");
	OK(reply.n_blocks == 1 && reply.stop == STOP_END_TURN);
	OK(reply.usage.input == 0 && reply.usage.cache_read == -1);
	model_reply_free(&reply);
	close_client();
	unsetenv("RKAT_TEST_CLIENT");
}

/* ---- connections that fail ---- */

static bool
cut(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD HALF);
	return false;
}

TEST(defect_7_a_clean_end_without_a_terminal_event_is_incomplete)
{
	OK(try(cut, NULL) < 0);
	OK(me.fault == FAULT_INCOMPLETE && me.retryable);
	STR_IS(me.text, "Incomplete response: the stream ended before the model was done");
}

static bool
cut_by_reset(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD HALF);
	return reset(fd);
}

TEST(a_reset_in_the_middle_is_incomplete_and_keeps_the_text)
{
	start(cut_by_reset);
	open_client(PROVIDER_ANTHROPIC);
	OK(call(NULL) < 0);
	OK(me.fault == FAULT_INCOMPLETE && me.retryable);
	starts(me.text, "Incomplete response: the reply was cut after 2 events: Connection reset: 127.0.0.1:");
	OK(reply.n_blocks == 1);
	STR_IS(buf_str(&reply.blocks[0].text), "hello");
	model_reply_free(&reply);
	close_client();
	stop();
}

static bool
reset_at_once(int fd, int n)
{
	(void)n;
	return reset(fd);
}

TEST(a_reset_before_any_byte_is_a_connection_reset)
{
	OK(try(reset_at_once, NULL) < 0);
	OK(me.fault == FAULT_CONNECTION_RESET && me.retryable);
}

static bool
short_body(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n" HALF);
	return false;
}

TEST(a_body_shorter_than_announced_is_incomplete)
{
	OK(try(short_body, NULL) < 0);
	OK(me.fault == FAULT_INCOMPLETE && me.retryable);
}

static bool
reset_after_stop(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD HALF REST);
	return reset(fd);
}

TEST(a_reset_behind_the_end_does_not_matter)
{
	OK(try(reset_after_stop, NULL) == 0);
}

TEST(nobody_listens)
{
	snprintf(base_url, sizeof base_url, "http://127.0.0.1:1");
	open_client(PROVIDER_ANTHROPIC);
	OK(call(NULL) < 0);
	OK(me.fault == FAULT_CONNECTION_RESET && me.retryable);
	starts(me.text, "Connection reset: 127.0.0.1:1: ");
	OK(took < 2500);
	model_reply_free(&reply);
	close_client();
}

TEST(an_address_that_is_none)
{
	snprintf(base_url, sizeof base_url, "ftp://127.0.0.1:1");
	open_client(PROVIDER_ANTHROPIC);
	OK(call(NULL) < 0);
	OK(me.fault == FAULT_INVALID_REQUEST && !me.retryable);
	model_reply_free(&reply);
	close_client();
}

/* ---- deadlines: each says what was waited for ---- */

static bool
hang(int fd, int n)
{
	(void)fd;
	(void)n;
	nap(20000);
	return false;
}

TEST(first_byte_deadline)
{
	static const struct model_deadlines d = { 1000, 150, -1, -1 };

	OK(try(hang, &d) < 0);
	OK(me.fault == FAULT_NETWORK_TIMEOUT && me.retryable);
	starts(me.text, "Network timeout after 150ms waiting for the first byte of the reply from 127.0.0.1:");
	OK(took >= 150 && took < 400);
}

static bool
silence_after_headers(int fd, int n)
{
	say(fd, SSE_HEAD);
	return hang(fd, n);
}

TEST(defect_14_silence_after_the_headers_meets_the_idle_deadline)
{
	static const struct model_deadlines d = { 1000, 1000, 150, -1 };

	OK(try(silence_after_headers, &d) < 0);
	OK(me.fault == FAULT_NETWORK_TIMEOUT && me.retryable);
	starts(me.text, "Network timeout after 150ms waiting for more of the reply from 127.0.0.1:");
	OK(took >= 150 && took < 500);
}

static bool
pings_for_ever(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD);
	for (int i = 0; i < 1000; i++) {
		say(fd, ": ping\n\n");
		nap(20);
	}
	return false;
}

TEST(total_deadline)
{
	static const struct model_deadlines d = { 1000, 1000, 1000, 200 };

	OK(try(pings_for_ever, &d) < 0);
	OK(me.fault == FAULT_CALL_TIMEOUT && me.retryable);
	STR_IS(me.text, "LLM call timed out after 0.2s");
	OK(took >= 200 && took < 500);
}

static void
slow_reader(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	nap(300);
}

TEST(our_own_slow_reader_is_not_the_servers_silence)
{
	static const struct model_deadlines d = { 1000, 1000, 200, -1 };
	struct model_watch w = { .text = slow_reader };

	start(good);
	open_client(PROVIDER_ANTHROPIC);
	OK(model_call(model, &rq, &d, &w, NULL, &reply, &me) == 0);
	model_reply_free(&reply);
	close_client();
	stop();
}

/* ---- cancel ---- */

static int64_t cancelled_at;

static void
do_cancel(void *arg)
{
	(void)arg;
	cancel = true;
	cancelled_at = time_mono_ms();
}

static void
on_alarm(int sig)
{
	(void)sig;
	cancel = true;
}

TEST(cancel_from_the_loop_and_from_a_signal)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval when = { .it_value = { 0, 100000 } };

	start(silence_after_headers);
	open_client(PROVIDER_ANTHROPIC);
	loop_timer(loop, 100, do_cancel, NULL);
	OK(call(NULL) < 0);
	OK(me.fault == FAULT_CANCELLED && !me.retryable);
	OK(reply.stop == STOP_CANCELLED);
	OK(time_mono_ms() - cancelled_at < 50);
	model_reply_free(&reply);
	stop();

	start(hang);
	cancel = false;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
	OK(call(NULL) < 0);
	OK(me.fault == FAULT_CANCELLED);
	OK(took >= 90 && took < 150);
	model_reply_free(&reply);
	OK(call(NULL) < 0 && me.fault == FAULT_CANCELLED);	/* still set */
	close_client();
	stop();
}

/* ---- replies that are no streams ---- */

static bool
html(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html>\n<h1>Log in</h1>");
	return false;
}

TEST(html_with_status_200_is_a_parse_error)
{
	OK(try(html, NULL) < 0);
	OK(me.fault == FAULT_PARSE && !me.retryable);
	STR_IS(me.text, "Stream parsing error: the server sent text/html instead of an event stream; it starts with: <!doctype html> <h1>Log in</h1>");
}

static bool
json_error_200(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
	    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}");
	return false;
}

TEST(an_error_document_with_status_200_is_classified)
{
	OK(try(json_error_200, NULL) < 0);
	OK(me.fault == FAULT_OVERLOADED && me.retryable);
}

static bool
stray(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD "{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"quota\",\n    \"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}\n");
	return false;
}

static bool
error_field(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD HALF "error: {\"code\":500,\"message\":\"slot gone\",\"type\":\"server_error\"}\n\n");
	return false;
}

TEST(a_bare_error_inside_the_stream_is_found)
{
	OK(try(stray, NULL) < 0);
	STR_IS(me.text, "Rate limited: quota");
	OK(try(error_field, NULL) < 0);
	STR_IS(me.text, "Server error: 500 - slot gone");
}

static bool
garbage(int fd, int n)
{
	(void)n;
	say(fd, SSE_HEAD "data: {\"type\":\"ping\"}\n\ndata: {]}\n\n");
	nap(10000);
	return false;
}

TEST(garbage_ends_the_call_at_once)
{
	OK(try(garbage, NULL) < 0);
	OK(me.fault == FAULT_PARSE && took < 1000);
	starts(me.text, "Stream parsing error: the event at byte 23: not JSON: ");
}

static void
flood(int fd, const char *start, const char *chunk)
{
	size_t n = strlen(chunk);

	say(fd, SSE_HEAD);
	say(fd, start);
	while (write(fd, chunk, n) > 0)
		;
}

static char big[65537];

static bool
giant_line(int fd, int n)
{
	(void)n;
	memset(big, 'x', sizeof big - 1);
	flood(fd, "data: ", big);
	return false;
}

static bool
endless_stream(int fd, int n)
{
	(void)n;
	memset(big, ' ', sizeof big - 1);
	memcpy(big, ": ", 2);
	big[sizeof big - 2] = '\n';
	flood(fd, HALF, big);
	return false;
}

static bool
endless_talk(int fd, int n)
{
	static const char head[] = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
	    tail[] = "\"}}\n\n";

	(void)n;
	memset(big, 'x', sizeof big - 1);
	memcpy(big, head, sizeof head - 1);
	memcpy(big + sizeof big - sizeof tail, tail, sizeof tail - 1);
	flood(fd, HALF, big);
	return false;
}

TEST(giant_lines_and_endless_streams_are_bounded)
{
	OK(try(giant_line, NULL) < 0);
	STR_IS(me.text, "Stream parsing error: one event is longer than 16 MiB");
	OK(try(endless_stream, NULL) < 0);
	STR_IS(me.text, "Stream parsing error: 64 MiB came that are no part of a reply");
	OK(try(endless_talk, NULL) < 0);
	STR_IS(me.text, "Stream parsing error: 64 MiB came and the reply has no end");
}

/* ---- statuses ---- */

static bool
redirect(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\n\r\n");
	return false;
}

TEST(a_redirect_is_not_followed)
{
	OK(try(redirect, NULL) < 0);
	OK(!me.retryable && me.status == 307);
	OK(shared->requests == 1);
	starts(me.text, "Unknown error: HTTP 307: ");
}

static bool
leaky_401(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nrequest-id: req_7\r\nConnection: close\r\n\r\n"
	    "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid key " SECRET "\"}}");
	return false;
}

TEST(a_key_that_the_server_repeats_is_redacted)
{
	OK(try(leaky_401, NULL) < 0);
	OK(me.fault == FAULT_AUTH && !me.retryable);
	STR_IS(me.text, "Authentication failed: invalid key [redacted]");
	STR_IS(me.request_id, "req_7");
}

static bool
retry_429(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
	    "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}");
	return false;
}

TEST(retry_after_of_a_429_is_read)
{
	OK(try(retry_429, NULL) < 0);
	OK(me.fault == FAULT_RATE_LIMITED && me.retry_after_ms == 2000);
	STR_IS(me.text, "Rate limited, retry after 2000ms: slow");
}

static bool
endless_error(int fd, int n)
{
	(void)n;
	say(fd, "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n");
	memset(big, 'e', sizeof big - 1);
	while (write(fd, big, sizeof big - 1) > 0)
		;
	return false;
}

TEST(an_endless_error_document_is_bounded)
{
	OK(try(endless_error, NULL) < 0);
	OK(me.fault == FAULT_SERVER_ERROR && me.retryable);
	starts(me.text, "Server error: 500 - eeee");
	OK(strlen(me.text) <= 2100);
}

TEST(a_key_with_a_line_break_is_refused)
{
	open_client(PROVIDER_ANTHROPIC);
	t.key = (char *)"a\r\nx-evil: 1";
	OK(call(NULL) < 0);
	OK(me.fault == FAULT_AUTH);
	close_client();
}

/* ---- Responses: encrypted reasoning that the server refuses ---- */

static bool
no_replay(int fd, int n)
{
	if (n == 1)
		say(fd, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
		    "{\"error\":{\"message\":\"could not verify\",\"type\":\"invalid_request_error\",\"code\":\"invalid_encrypted_content\"}}");
	else
		say(fd, SSE_HEAD EV("{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\","
		    "\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}]}}"));
	return false;
}

TEST(refused_reasoning_is_left_out_once)
{
	start(no_replay);
	open_client(PROVIDER_OPENAI);
	messages[1] = json_text("{\"role\":\"block_assistant\",\"blocks\":["
	    "{\"block_type\":\"reasoning\",\"data\":{\"text\":\"\",\"meta\":{\"provider\":\"open_ai\",\"id\":\"rs\",\"encrypted_content\":\"ENC\"}}},"
	    "{\"block_type\":\"tool_use\",\"data\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}}}]}");
	rq.n_messages = 2;
	OK(call(NULL) == 0);
	OK(shared->requests == 2);
	OK(!strstr(shared->head, "ENC"));
	/* the server used an id that the session knows already */
	STR_IS(reply.blocks[0].id, "t1_c");
	model_reply_free(&reply);
	close_client();
	stop();
}

/* ---- Chat: ids and names ---- */

static bool
two_calls(int fd, int n)
{
	char *name = wire_name("my.tool");

	(void)n;
	say(fd, SSE_HEAD);
	dprintf(fd, EV("{\"choices\":[{\"delta\":{\"tool_calls\":["
	    "{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"%s\",\"arguments\":\"{}\"}},"
	    "{\"index\":1,\"function\":{\"name\":\"b\",\"arguments\":\"\"}}]},\"finish_reason\":\"stop\"}]}"),
	    name);
	free(name);
	return false;
}

TEST(calls_get_ids_and_their_tools_own_names)
{
	static const struct tool_def tool = { "my.tool", "", { "{}", 2 } };

	start(two_calls);
	open_client(PROVIDER_SELF_HOSTED);
	rq.tools = &tool;
	rq.n_tools = 1;
	OK(call(NULL) == 0);
	OK(reply.n_blocks == 2 && reply.stop == STOP_TOOL_USE);
	STR_IS(reply.blocks[0].id, "x");
	STR_IS(reply.blocks[0].name, "my.tool");
	OK(strstr(shared->head, "\"name\":\"my_tool_"));
	starts(reply.blocks[1].id, "call_");
	OK(strstr(shared->head, "\r\nAuthorization: Bearer " SECRET "\r\n"));
	model_reply_free(&reply);
	close_client();
	stop();
}
