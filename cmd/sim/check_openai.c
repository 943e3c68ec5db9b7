#include "sim/check.h"

int
check_openai(const struct request *rq, struct refusal *r)
{
	(void)rq;
	(void)r;
	return 0;
}
