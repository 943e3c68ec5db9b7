/* Bytes to the HTTP server with the REST routes; and chunks, however they are cut. */
#include "server.h"

static void
connected(int fd)
{
	http_conn_new(server.http, fd, "fuzz");
}

/* A body in pieces of so many bytes: how it ended. */
static ssize_t
take(const char *p, size_t n, size_t step, struct buf *body)
{
	struct http_chunks c = { .state = 0 };
	ssize_t got = 0;

	for (size_t at = 0; at < n && !c.done; at += (size_t)got) {
		size_t len = n - at < step ? n - at : step;

		got = http_chunks_take(&c, p + at, len, body, 1000);
		if (got < 0)
			return got;
		CLAIM((size_t)got <= len);
		if ((size_t)got < len)
			CLAIM(c.done);
	}
	return c.done;
}

static void
chunks(const char *p, size_t n)
{
	struct buf want = BUF_INIT, got = BUF_INIT;
	ssize_t rc = take(p, n, n ? n : 1, &want);

	CLAIM(take(p, n, 1, &got) == rc);
	if (rc >= 0)
		CLAIM(got.n == want.n &&
		    (!got.n || !memcmp(got.p, want.p, got.n)));
	buf_free(&want);
	buf_free(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char good[] = "GET /health HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n";
	struct buf told = BUF_INIT;

	server_open();
	chunks((const char *)p, n);
	server_client(connected, p, n, &told);
	CLAIM(!told.n || !memcmp(told.p, "HTTP/1.1 ", 9));
	buf_trunc(&told, 0);
	server_client(connected, (const uint8_t *)good, sizeof good - 1, &told);
	CLAIM(told.n && !memcmp(told.p, "HTTP/1.1 200 ", 13));
	buf_free(&told);
	return 0;
}
