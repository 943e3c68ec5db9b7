#include <math.h>

#include "base/util.h"
#include "model/model.h"

/* Providers sheet 8, agent sheet 8. */
#define HINT_MAX_MS 120000	/* a longer wait is the user's decision */
#define RATE_FLOOR_MS 30000	/* rate limited, and no word for how long */

int64_t
retry_delay(const struct retry_policy *p, int n, const struct model_error *me)
{
	double jitter = 0.9 + 0.2 * random_unit(), ms;
	int64_t delay;

	if (!me->retryable || n < 1 || n > p->max_retries ||
	    (me->max_retries && n > me->max_retries) ||
	    me->retry_after_ms > HINT_MAX_MS)
		return -1;
	ms = (double)p->initial_ms * pow(p->multiplier, n - 1) * jitter;
	delay = ms < (double)p->max_ms ? (int64_t)ms : p->max_ms;
	if (me->retry_after_ms >= 0)
		return me->retry_after_ms > delay ? me->retry_after_ms : delay;
	if (me->fault == FAULT_RATE_LIMITED && delay < RATE_FLOOR_MS)
		return RATE_FLOOR_MS;
	return delay;
}
