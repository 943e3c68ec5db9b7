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

bool
ids_has(const struct ids *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], id))
			return true;
	return false;
}

void
ids_add(struct ids *s, const char *id)
{
	s->v = xrealloc(s->v, (s->n + 1) * sizeof *s->v);
	s->v[s->n++] = xstrdup(id);
}

bool
ids_take(struct ids *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], id)) {
			free(s->v[i]);
			s->v[i] = s->v[--s->n];
			return true;
		}
	return false;
}

void
ids_clear(struct ids *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
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
