#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "sim/answer.h"

/*
 * {{tool_result}} is all of the newest batch; {{tool_result:2}} its second one, and
 * {{tool_result:2/stdout}} the member of that name if the result is JSON.
 */
static void
put_result(struct buf *out, const char *spec, const struct request *rq)
{
	char *rest;
	size_t i = strtoul(spec, &rest, 10);
	const struct buf *b;
	struct jtext v;
	char *s;

	if (i < 1 || i > rq->n_results)
		return;
	b = &rq->results[i - 1];
	if (*rest != '/') {
		buf_put(out, buf_str(b), b->n);
		return;
	}
	if (json_parse(buf_str(b), b->n, &v, NULL) < 0)
		return;
	v = json_path(v, rest + 1);
	if ((s = json_str(v, &i)))
		buf_put(out, s, i);
	else if (v.p)
		buf_put(out, v.p, v.n);
	free(s);
}

/* {{user:TEXT}} is the word (an id, say) behind TEXT in the last user text. */
static void
put_word(struct buf *out, const char *text, const struct request *rq)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *at = strstr(buf_str(&rq->user), text);

	if (!at)
		return;
	at += strlen(text);
	buf_put(out, at, strspn(at, word));
}

/* False if there is no such name: the braces are plain text then. */
static bool
put_value(struct buf *out, const char *name, const struct request *rq)
{
	if (!strcmp(name, "user"))
		buf_put(out, buf_str(&rq->user), rq->user.n);
	else if (!strncmp(name, "user:", 5))
		put_word(out, name + 5, rq);
	else if (!strcmp(name, "tool_result"))
		request_results(rq, out);
	else if (!strncmp(name, "tool_result:", 12))
		put_result(out, name + 12, rq);
	else if (!strcmp(name, "turn"))
		buf_printf(out, "%" PRId64, rq->turn);
	else if (!strcmp(name, "n"))
		buf_printf(out, "%" PRId64, rq->n);
	else
		return false;
	return true;
}

void
template_put(struct buf *out, const char *p, size_t n,
    const struct request *rq, bool json)
{
	const char *end = p + n, *open, *close;

	while ((open = memmem(p, (size_t)(end - p), "{{", 2)) &&
	    (close = memmem(open, (size_t)(end - open), "}}", 2))) {
		struct buf value = BUF_INIT, quoted = BUF_INIT;
		char *name = xstrndup(open + 2, (size_t)(close - open - 2));

		buf_put(out, p, (size_t)(open - p));
		if (!put_value(&value, name, rq)) {
			buf_put(out, open, 2);
			close = open;
		} else if (json) {
			jput_str(&quoted, buf_str(&value), value.n);
			buf_put(out, quoted.p + 1, quoted.n - 2);
		} else {
			buf_put(out, buf_str(&value), value.n);
		}
		p = close + 2;
		free(name);
		buf_free(&value);
		buf_free(&quoted);
	}
	buf_put(out, p, (size_t)(end - p));
}
