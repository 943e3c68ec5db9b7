/* The framing of HTTP requests: lib/serve/http_head.h. */
#include <stdlib.h>
#include <string.h>

#include "serve/http_head.h"
#include "test.h"

#define HOST "Host: a\r\n"

/* The status that this head is refused with, 0, or -1: no head. */
static int
status_of(const char *text, size_t n)
{
	struct http_head h;
	const char *why;
	size_t seen = 0;
	ssize_t len = http_head_find(text, n, &seen);
	int status;

	if (len <= 0)
		return (int)len - 1;
	status = http_head_parse(&h, text, (size_t)len, &why);
	http_head_free(&h);
	return status;
}

#define IS(text, want) OK(status_of(text, sizeof(text) - 1) == (want))

TEST(a_plain_request_is_read)
{
	static const char text[] = "POST /a/b%20c?x=1&y HTTP/1.1\r\nHost: a:1\r\n"
	    "X-One:  two words \t\r\nContent-Length: 12\r\nx-one: again\r\n\r\n";
	struct http_head h;
	const char *why;

	OK(http_head_parse(&h, text, sizeof text - 1, &why) == 0);
	STR_IS(h.method, "POST");
	STR_IS(h.path, "/a/b%20c");
	STR_IS(h.query, "x=1&y");
	STR_IS(h.host, "a:1");
	STR_IS(http_head_get(&h, "X-ONE"), "two words");
	OK(h.length == 12 && !h.chunked && h.keep_alive && !h.expects);
	OK(!http_head_get(&h, "x"));
	http_head_free(&h);
}

TEST(a_head_is_found_however_it_is_cut)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\nrest";
	size_t whole = sizeof text - 1 - 4;

	for (size_t cut = 0; cut < whole; cut++) {
		size_t seen = 0;

		OK(http_head_find(text, cut, &seen) == 0);
		OK(http_head_find(text, whole, &seen) == (ssize_t)whole);
	}
	for (size_t seen = 0, i = 0; i < whole; i++)
		OK(http_head_find(text, i, &seen) == 0);
}

TEST(what_two_readers_could_read_in_two_ways_is_refused)
{
	IS("GET / HTTP/1.1\n" HOST "\n", -2);
	IS("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", -2);
	IS("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", -2);
	IS("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", -2);
	IS("GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n", -2);
	IS("\x16\x03\x01\x02\x00", -2);		/* TLS */
	IS("GET / HTTP/1.1\r\nX: 1\r\n folded\r\n" HOST "\r\n", 400);
	IS("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400);
	IS("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
	IS("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400);
	IS("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400);
	IS("GET / HTTP/1.1\r\n\r\n", 400);
	IS("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400);
	IS("GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400);
	IS("GET / HTTP/1.1\r\n" HOST "Origin: x\r\norigin: y\r\n\r\n", 400);
	IS("GET http://b/ HTTP/1.1\r\n" HOST "\r\n", 400);
}

TEST(a_length_is_said_once_and_in_one_way)
{
#define POST "POST / HTTP/1.1\r\n" HOST
	IS(POST "Content-Length: 5\r\n\r\n", 0);
	IS(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400);
	IS(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400);
	IS(POST "Content-Length: 5, 5\r\n\r\n", 400);
	IS(POST "Content-Length: +5\r\n\r\n", 400);
	IS(POST "Content-Length: 0x5\r\n\r\n", 400);
	IS(POST "Content-Length: -1\r\n\r\n", 400);
	IS(POST "Content-Length:\r\n\r\n", 400);
	IS(POST "Content-Length: 99999999999999999999\r\n\r\n", 400);
	IS(POST "Transfer-Encoding: Chunked\r\n\r\n", 0);
	IS(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400);
	IS(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	IS(POST "Transfer-Encoding: xchunked\r\n\r\n", 400);
	IS(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400);
	IS(POST "Transfer-Encoding: chunked, identity\r\n\r\n", 400);
	IS(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	IS(POST "Transfer-Encoding:\r\n\r\n", 400);
	IS("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	IS(POST "Expect: magic\r\n\r\n", 417);
}

TEST(request_lines)
{
	IS("GET /\r\n" HOST "\r\n", 400);
	IS("GET  / HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET / HTTP/1.1 \r\n" HOST "\r\n", 505);
	IS("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
	IS("GET / http/1.1\r\n" HOST "\r\n", 400);
	IS("G(T / HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET a HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET * HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0);
	IS("CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET /#x HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET http:// HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET http://?x HTTP/1.1\r\n" HOST "\r\n", 400);
	IS("GET / HTTP/1.0\r\n\r\n", 0);
}

TEST(an_absolute_target_is_cut_into_host_and_path)
{
	static const char text[] = "GET http://a:1/x?q HTTP/1.1\r\nHost: A:1\r\n\r\n";
	static const char bare[] = "GET http://a HTTP/1.1\r\n" HOST "\r\n";
	struct http_head h;
	const char *why;

	OK(http_head_parse(&h, text, sizeof text - 1, &why) == 0);
	STR_IS(h.authority, "a:1");
	STR_IS(h.path, "/x");
	STR_IS(h.query, "q");
	http_head_free(&h);
	OK(http_head_parse(&h, bare, sizeof bare - 1, &why) == 0);
	STR_IS(h.path, "/");
	http_head_free(&h);
}

TEST(connections_are_kept_as_the_version_and_the_header_say)
{
	static const struct {
		const char *text;
		bool kept;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", true },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
	};
	struct http_head h;
	const char *why;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		OK(http_head_parse(&h, cases[i].text, strlen(cases[i].text),
		    &why) == 0);
		OK(h.keep_alive == cases[i].kept);
		http_head_free(&h);
	}
}

TEST(too_many_header_lines_are_refused)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 1; i < HTTP_FIELDS; i++)
		buf_printf(&b, "X%d: y\r\n", i);
	buf_puts(&b, "\r\n");
	OK(status_of(b.p, b.n) == 0);
	buf_trunc(&b, b.n - 2);
	buf_puts(&b, "One: more\r\n\r\n");
	OK(status_of(b.p, b.n) == 431);
	buf_free(&b);
}

/* ---- chunks ---- */

/* Fed in pieces of `step` bytes: the body, or "-1" and "-2". */
static const char *
chunked(const char *text, size_t step, size_t max)
{
	static char out[256];
	struct http_chunks c = { 0 };
	struct buf body = BUF_INIT;
	size_t n = strlen(text), off = 0;
	ssize_t took = 0;

	while (off < n && !c.done && took >= 0) {
		size_t some = n - off < step ? n - off : step;

		took = http_chunks_take(&c, text + off, some, &body, max);
		off += took > 0 ? (size_t)took : 0;
	}
	if (took < 0)
		snprintf(out, sizeof out, "%d", (int)took);
	else
		snprintf(out, sizeof out, "%s%s%s", buf_str(&body),
		    c.done ? "|" : "...", c.done ? text + off : "");
	buf_free(&body);
	return out;
}

TEST(chunks_are_joined_however_they_are_cut)
{
	static const char text[] = "5;x=\"y\"\r\nhello\r\n001\r\n \r\n5\r\nwor"
	    "ld\r\n0\r\nTrailer: x\r\n\r\nnext";

	for (size_t step = 1; step < sizeof text; step++)
		STR_IS(chunked(text, step, 100), "hello world|next");
	STR_IS(chunked("0\r\n\r\n", 100, 0), "|");
	STR_IS(chunked("5\r\nhel", 100, 100), "hel...");
}

TEST(malformed_and_oversized_chunks_are_refused)
{
	STR_IS(chunked("\r\n", 9, 100), "-1");
	STR_IS(chunked("x\r\n", 9, 100), "-1");
	STR_IS(chunked("-1\r\n", 9, 100), "-1");
	STR_IS(chunked("0x5\r\n", 9, 100), "-1");
	STR_IS(chunked("5\nhello\n", 9, 100), "-1");
	STR_IS(chunked("5\r\nhelloX", 9, 100), "-1");
	STR_IS(chunked("5\r\nhello\n", 9, 100), "-1");
	STR_IS(chunked("123456789\r\n", 99, 100), "-1");
	STR_IS(chunked("5;a\001\r\n", 9, 100), "-1");
	STR_IS(chunked("0\r\nX\n\r\n", 9, 100), "-1");
	STR_IS(chunked("ffffffff\r\n", 99, 100), "-2");
	STR_IS(chunked("3\r\nabc\r\n3\r\n", 99, 5), "-2");
}

TEST(extensions_and_trailers_do_not_go_on_for_ever)
{
	struct http_chunks c = { 0 };
	struct buf body = BUF_INIT, text = BUF_INIT;

	buf_puts(&text, "1;");
	for (int i = 0; i < 20000; i++)
		buf_putc(&text, 'x');
	OK(http_chunks_take(&c, text.p, text.n, &body, 100) == -1);
	buf_free(&text);
	buf_free(&body);
}
