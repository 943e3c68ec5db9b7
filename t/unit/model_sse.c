#include <stdlib.h>

#include "model/sse.h"
#include "test.h"

static int
note(void *arg, const char *p, size_t n)
{
	struct buf *b = arg;

	buf_putc(b, '<');
	buf_put(b, p, n);
	buf_putc(b, '>');
	return 0;
}

/* All events of a text that arrives in pieces of `step` bytes. */
static char *
events(const char *text, size_t n, size_t step)
{
	struct buf b = BUF_INIT;
	struct sse s = { .event = note, .arg = &b };
	struct err e = ERR_NONE;

	for (size_t i = 0; i < n; i += step)
		OK(sse_feed(&s, text + i, n - i < step ? n - i : step, &e) == 0);
	OK(sse_end(&s, &e) == 0);
	sse_free(&s);
	return buf_steal(&b);
}

static void
same_in_pieces(const char *text, const char *want)
{
	static const size_t steps[] = { 1, 2, 3, 7, 1000000 };

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		char *got = events(text, strlen(text), steps[i]);

		STR_IS(got, want);
		free(got);
	}
}

TEST(events_end_with_a_blank_line)
{
	same_in_pieces("data: a\n\ndata:b\n\n", "<a><b>");
}

TEST(crlf_comments_and_other_fields_carry_nothing)
{
	same_in_pieces(":hello\r\nevent: x\r\nid: 7\r\nretry: 1\r\n"
	    "data: {\"a\":1}\r\n\r\n: ping\r\n\r\n", "<{\"a\":1}>");
}

TEST(data_lines_of_one_event_are_joined)
{
	same_in_pieces("data: a\ndata:\ndata\ndata:  b\n\n", "<a\n\n\n b>");
}

TEST(a_last_event_without_a_blank_line_counts)
{
	same_in_pieces("data: a\n\ndata: [DONE]", "<a><[DONE]>");
	same_in_pieces("data: a\r\n", "<a>");
}

TEST(a_byte_order_mark_is_skipped)
{
	same_in_pieces("\xef\xbb\xbf" "data: a\n\n", "<a>");
}

TEST(defect_10_characters_may_be_cut_between_chunks)
{
	same_in_pieces("data: \xf0\x9f\x98\x80\xc3\xa9\n\n",
	    "<\xf0\x9f\x98\x80\xc3\xa9>");
}

TEST(words_that_only_start_like_a_field_are_stray)
{
	struct buf b = BUF_INIT;
	struct sse s = { .event = note, .arg = &b };
	const char *text = "dataset: x\n{\"error\":1}\neventual\n\n";

	OK(sse_feed(&s, text, strlen(text), NULL) == 0);
	STR_IS(buf_str(&b), "");
	STR_IS(buf_str(&s.stray), "dataset: x\n{\"error\":1}\neventual\n");
	sse_free(&s);
	buf_free(&b);
}

TEST(an_event_knows_where_it_started)
{
	struct buf b = BUF_INIT;
	struct sse s = { .event = note, .arg = &b };
	const char *text = ": ping\n\ndata: a\n";

	for (size_t i = 0; i < strlen(text); i++)
		OK(sse_feed(&s, text + i, 1, NULL) == 0);
	OK(s.event_at == 8);
	sse_free(&s);
	buf_free(&b);
}

TEST(an_endless_line_is_an_error_not_memory)
{
	struct buf b = BUF_INIT;
	struct sse s = { .event = note, .arg = &b };
	struct err e = ERR_NONE;
	size_t n = 1 << 20;
	char *p = malloc(n);
	int rc = 0;

	memset(p, 'x', n);
	for (int i = 0; rc == 0 && i < 20; i++)
		rc = sse_feed(&s, p, n, &e);
	OK(rc < 0);
	STR_IS(e.text, "one event is longer than 16 MiB");
	free(p);
	sse_free(&s);
	buf_free(&b);
}

TEST(ten_megabytes_in_one_event_are_fine)
{
	size_t n = 10u << 20;
	char *p = malloc(n + 8), *got;

	memset(p, 'x', n + 8);
	memcpy(p, "data: ", 6);
	memcpy(p + n + 6, "\n\n", 2);
	got = events(p, n + 8, 16384);
	OK(strlen(got) == n + 2);
	free(got);
	free(p);
}
