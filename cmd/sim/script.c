#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/util.h"
#include "sim/fields.h"
#include "sim/request.h"
#include "sim/script.h"

#define SCRIPT_MAX	((size_t)256 << 20)

/* ---- loading ---- */

struct raw_match {
	char *format;
	struct match m;
};

static int
match_parse(struct jtext v, struct match *m, struct err *e)
{
#define FIELD(type, name)	{ #name, type, offsetof(struct raw_match, m.name), 0 }
	static const struct field fields[] = {
		{ "format", FIELD_STR, offsetof(struct raw_match, format), 0 },
		FIELD(FIELD_STR, model), FIELD(FIELD_STR, user),
		FIELD(FIELD_STR, system), FIELD(FIELD_STR, history),
		FIELD(FIELD_STR, tool_result), FIELD(FIELD_STR, tool),
		FIELD(FIELD_FLAG, has_tool_result),
		FIELD(FIELD_I64, turn), FIELD(FIELD_I64, nth),
	};
#undef FIELD
	struct raw_match raw = { .m = { .format = -1, .has_tool_result = -1,
	    .turn = -1, .nth = -1 } };
	int rc = fields_read(v, fields, COUNT(fields), &raw, "/match", e);

	if (rc == 0 && raw.format) {
		for (int i = F_ANTHROPIC; i <= F_GEMINI; i++)
			if (!strcmp(raw.format, format_names[i]))
				raw.m.format = i;
		if (raw.m.format < 0)
			rc = err_set(e, E_INVALID_PARAMS, "/match/format: \"%.60s\" is "
			    "none of: anthropic, openai, chat, gemini", raw.format);
	}
	if (rc == 0 && raw.m.nth == 0)
		rc = err_set(e, E_INVALID_PARAMS, "/match/nth: counts from 1");
	free(raw.format);
	*m = raw.m;
	return rc;
}

static void
match_free(struct match *m)
{
	free(m->model);
	free(m->user);
	free(m->system);
	free(m->history);
	free(m->tool_result);
	free(m->tool);
}

struct raw_rule {
	struct jtext match, reply;
};

static int
add_rule(struct script *s, const char *p, size_t n, const struct defaults *d,
    struct err *e)
{
	static const struct field fields[] = {
		{ "match", FIELD_RAW, offsetof(struct raw_rule, match), '{' },
		{ "reply", FIELD_RAW, offsetof(struct raw_rule, reply), '{' },
	};
	struct raw_rule raw = { .match = json_text("{}") };
	struct rule *r;
	struct jtext v;

	if (json_parse(p, n, &v, e) < 0 ||
	    fields_read(v, fields, COUNT(fields), &raw, "", e) < 0)
		return -1;
	if (!raw.reply.p)
		return err_set(e, E_INVALID_PARAMS, "/reply: missing");
	s->rules = xrealloc(s->rules, (s->n + 1) * sizeof *s->rules);
	r = &s->rules[s->n++];
	*r = (struct rule){ .held = 0 };
	if (match_parse(raw.match, &r->match, e) < 0)
		return -1;
	return reply_parse(raw.reply, d, &r->reply, e);
}

int
script_parse(struct script *s, const char *p, size_t n, const char *name,
    const struct defaults *d, struct err *e)
{
	const char *end = p + n, *eol;

	*s = (struct script){ .n = 0 };
	for (int line = 1; p < end; p = eol + 1, line++) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		while (p < eol && strchr(" \t\r", *p))
			p++;
		if (p == eol || *p == '#')
			continue;
		if (add_rule(s, p, (size_t)(eol - p), d, e) < 0)
			return err_wrap(e, "%s: line %d", name, line);
	}
	return s->n ? 0 : err_set(e, E_INVALID_PARAMS, "%s: holds no rule", name);
}

int
script_load(struct script *s, const char *path, const struct defaults *d,
    struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	*s = (struct script){ .n = 0 };
	rc = fs_read(path, SCRIPT_MAX, &b, e);
	if (rc == 0)
		rc = script_parse(s, buf_str(&b), b.n, path, d, e);
	buf_free(&b);
	return rc;
}

void
script_free(struct script *s)
{
	for (size_t i = 0; i < s->n; i++) {
		match_free(&s->rules[i].match);
		reply_free(&s->rules[i].reply);
	}
	free(s->rules);
}

/* ---- matching ---- */

static bool
within(const struct buf *b, const char *s)
{
	return !s || memmem(buf_str(b), b->n, s, strlen(s)) != NULL;
}

static bool
offered(const struct request *rq, const char *tool)
{
	for (size_t i = 0; i < rq->n_tools; i++)
		if (!strcmp(rq->tools[i], tool))
			return true;
	return false;
}

static bool
holds(const struct match *m, const struct request *rq,
    const struct buf *results)
{
	return (m->format < 0 || m->format == (int)rq->format) &&
	    (!m->model || fnmatch(m->model, rq->model, 0) == 0) &&
	    (m->has_tool_result < 0 || m->has_tool_result == rq->has_tool_result) &&
	    (m->turn < 0 || m->turn == rq->turn) &&
	    (!m->tool || offered(rq, m->tool)) &&
	    within(&rq->user, m->user) && within(&rq->system, m->system) &&
	    within(results, m->tool_result) && within(&rq->history, m->history);
}

int
script_match(struct script *s, const struct request *rq)
{
	struct buf results = BUF_INIT;
	int found = -1;

	request_results(rq, &results);
	for (size_t i = 0; i < s->n; i++) {
		struct rule *r = &s->rules[i];

		/* Counters count also when an earlier rule has won. */
		if ((found >= 0 && r->match.nth < 0) ||
		    !holds(&r->match, rq, &results))
			continue;
		r->held++;
		if (found < 0 && (r->match.nth < 0 || r->match.nth == r->held))
			found = (int)i;
	}
	buf_free(&results);
	return found;
}
