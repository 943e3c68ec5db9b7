#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

int
refuse(struct refusal *r, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->message, sizeof r->message, fmt, ap);
	va_end(ap);
	r->f = (struct failure){ .status = status, .message = r->message };
	return -1;
}

int
refuse_param(struct refusal *r, const char *code, const char *param,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->message, sizeof r->message, fmt, ap);
	va_end(ap);
	snprintf(r->param, sizeof r->param, "%s", param ? param : "");
	r->f = (struct failure){ .status = 400, .message = r->message,
	    .code = code, .param = param ? r->param : NULL };
	return -1;
}

bool
in_words(struct jtext word, const char *words)
{
	size_t n;

	for (; *words; words += n) {
		words += strspn(words, " ");
		n = strcspn(words, " ");
		if (n && json_is(word, '"') && word.n == n + 2 &&
		    !memcmp(word.p + 1, words, n))
			return true;
	}
	return false;
}

struct jtext
unknown_key(struct jtext obj, const char *known)
{
	for (struct jiter it = json_iter(obj); json_next(&it);)
		if (!in_words(it.key, known))
			return it.key;
	return JTEXT_NONE;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool
ids_has(const struct ids *s, const char *id)
{
	return tfind(id, &s->root, by_text) != NULL;
}

void
ids_add(struct ids *s, const char *id)
{
	if (ids_has(s, id))
		return;
	tsearch(xstrdup(id), &s->root, by_text);
	s->n++;
}

bool
ids_take(struct ids *s, const char *id)
{
	char **found = tfind(id, &s->root, by_text);
	char *key = found ? *found : NULL;

	if (!key)
		return false;
	tdelete(id, &s->root, by_text);
	free(key);
	s->n--;
	return true;
}

const char *
ids_any(const struct ids *s)
{
	return *(char *const *)s->root;
}

void
ids_clear(struct ids *s)
{
	tdestroy(s->root, free);
	*s = (struct ids){ .n = 0 };
}

int
check_request(const struct request *rq, struct refusal *r)
{
	switch (rq->format) {
	case F_ANTHROPIC: return check_anthropic(rq, r);
	case F_OPENAI: return check_openai(rq, r);
	case F_CHAT: return check_chat(rq, r);
	case F_GEMINI: return check_gemini(rq, r);
	case F_MODELS:
	case F_OTHER: return 0;
	}
	return 0;
}
