#include "base/buf.h"
#include "fuzz.h"
#include "model/sse.h"

static int
on_event(void *arg, const char *p, size_t n)
{
	struct buf *all = arg;

	CLAIM(p[n] == '\0');
	buf_put(all, p, n);
	buf_putc(all, '\xff');
	return 0;
}

/* All events of a stream that arrives in chunks of `step` bytes. */
static int
read_all(const char *p, size_t n, size_t step, struct buf *all)
{
	struct sse s = { .event = on_event, .arg = all };
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i += step) {
		size_t len = n - i < step ? n - i : step;
		char *chunk = xmalloc(len);	/* its end is a real end */

		memcpy(chunk, p + i, len);
		rc = sse_feed(&s, chunk, len, NULL);
		free(chunk);
	}
	if (rc == 0)
		rc = sse_end(&s, NULL);
	CLAIM(s.stray.n <= SSE_STRAY_MAX);
	sse_free(&s);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t steps[] = { 1, 7, 4096 };
	const char *p = (const char *)data;
	struct buf want = BUF_INIT, got = BUF_INIT;
	int rc = read_all(p, n, n ? n : 1, &want);

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		buf_trunc(&got, 0);
		CLAIM(read_all(p, n, steps[i], &got) == rc);
		CLAIM(got.n == want.n &&
		    (!got.n || !memcmp(got.p, want.p, got.n)));
	}
	buf_free(&want);
	buf_free(&got);
	return 0;
}
