#include "sim/check.h"

int
check_gemini(const struct request *rq, struct refusal *r)
{
	(void)rq;
	(void)r;
	return 0;
}
