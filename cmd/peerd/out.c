#include "peerd/peerd.h"

int
out_open(struct peerd *p, struct err *e)
{
	(void)p;
	(void)e;
	return 0;
}

void
out_wake(struct peerd *p)
{
	(void)p;
}

bool
out_idle(const struct peerd *p)
{
	(void)p;
	return true;
}

void
out_close(struct peerd *p)
{
	(void)p;
}
