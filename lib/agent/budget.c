#include "agent/budget.h"
#include "base/jput.h"
#include "store/config.h"

const char *
budget_name(enum budget_type t)
{
	static const char *const names[] = { "tokens", "time", "tool_calls" };

	return names[t];
}

static int64_t
or_none(int64_t v, int64_t otherwise)
{
	return v >= 0 ? v : otherwise;
}

/*
 * limits.* is what is in effect; the budget table, which the documents also show,
 * fills in where limits says nothing (config sheet 2).
 */
static void
from_config(struct budget *b, const struct config *c)
{
	b->limit[BUDGET_TOKENS] = or_none(config_i64(c, "limits/budget", -1),
	    config_i64(c, "budget/max_tokens", -1));
	b->limit[BUDGET_TIME] = or_none(config_ms(c, "limits/max_duration"),
	    config_ms(c, "budget/max_duration"));
	b->limit[BUDGET_CALLS] = config_i64(c, "budget/max_tool_calls", -1);
}

static int64_t
duration_ms(struct jtext d)
{
	if (!json_is(d, '{'))
		return -1;
	return json_get_i64(d, "secs", 0) * 1000 +
	    (json_get_i64(d, "nanos", 0) + 999999) / 1000000;
}

void
budget_limits(struct budget *b, struct jtext limits, const struct config *c)
{
	b->threshold = config_f64(c, "agent/budget_warning_threshold", 0.8);
	if (!json_is(limits, '{')) {
		from_config(b, c);
		return;
	}
	b->limit[BUDGET_TOKENS] = json_get_i64(limits, "max_tokens", -1);
	b->limit[BUDGET_TIME] = duration_ms(json_get(limits, "max_duration"));
	b->limit[BUDGET_CALLS] = json_get_i64(limits, "max_tool_calls", -1);
}

static int
put_count(struct buf *out, struct jtext in, const char *key, struct err *e)
{
	struct jtext v = json_get(in, key);
	int64_t n;

	if (!v.p || json_is(v, 'n')) {
		jput_knull(out, key);
		return 0;
	}
	if (!json_i64(v, &n) || n < 0)
		return err_set(e, E_INVALID_PARAMS,
		    "budget: /%s: want a number of 0 or more", key);
	jput_ki64(out, key, n);
	return 0;
}

static int
put_duration(struct buf *out, struct jtext v, struct err *e)
{
	int64_t ms, s = 0, ns = 0;
	bool bad = false;

	if (!v.p || json_is(v, 'n')) {
		jput_knull(out, "max_duration");
		return 0;
	}
	if (json_i64(v, &ms)) {
		s = ms / 1000;
		ns = ms % 1000 * 1000000;
	} else if (json_i64(json_get(v, "secs"), &s)) {
		ns = json_get_i64(v, "nanos", 0);
	} else {
		bad = true;
	}
	if (bad || s < 0 || ns < 0 || ns >= 1000000000 || s > INT64_MAX / 1000 - 1)
		return err_set(e, E_INVALID_PARAMS, "budget: /max_duration: "
		    "want milliseconds or {\"secs\":..,\"nanos\":..}");
	jput_key(out, "max_duration");
	jput_open(out, '{');
	jput_ki64(out, "secs", s);
	jput_ki64(out, "nanos", ns);
	jput_close(out, '}');
	return 0;
}

int
budget_parse(struct jtext in, struct buf *out, struct err *e)
{
	if (!json_is(in, '{'))
		return err_set(e, E_INVALID_PARAMS, "budget: want an object");
	jput_open(out, '{');
	if (put_count(out, in, "max_tokens", e) < 0 ||
	    put_duration(out, json_get(in, "max_duration"), e) < 0 ||
	    put_count(out, in, "max_tool_calls", e) < 0)
		return -1;
	jput_close(out, '}');
	return 0;
}

enum budget_type
budget_spent(const struct budget *b)
{
	for (int t = 0; t < BUDGET_TYPES; t++)
		if (b->limit[t] >= 0 && b->used[t] >= b->limit[t])
			return (enum budget_type)t;
	return BUDGET_TYPES;
}

enum budget_type
budget_warn(struct budget *b)
{
	for (int t = 0; t < BUDGET_TYPES; t++) {
		if (b->warned[t] || b->limit[t] <= 0 ||
		    b->used[t] >= b->limit[t] ||
		    (double)b->used[t] < b->threshold * (double)b->limit[t])
			continue;
		b->warned[t] = true;
		return (enum budget_type)t;
	}
	return BUDGET_TYPES;
}

int64_t
budget_left_ms(const struct budget *b)
{
	int64_t left = b->limit[BUDGET_TIME] - b->used[BUDGET_TIME];

	if (b->limit[BUDGET_TIME] < 0)
		return -1;
	return left > 0 ? left : 0;
}

int
budget_error(const struct budget *b, enum budget_type t, struct err *e)
{
	long long used = b->used[t], limit = b->limit[t];

	switch (t) {
	case BUDGET_TOKENS:
		return err_set(e, E_BUDGET_EXHAUSTED,
		    "Token budget exceeded: used %lld, limit %lld", used, limit);
	case BUDGET_TIME:
		return err_set(e, E_BUDGET_EXHAUSTED,
		    "Time budget exceeded: %llds > %llds", used / 1000,
		    limit / 1000);
	default:
		return err_set(e, E_BUDGET_EXHAUSTED,
		    "Tool call budget exceeded: %lld calls > %lld limit", used,
		    limit);
	}
}
