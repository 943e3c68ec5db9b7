#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/buf.h"
#include "base/util.h"
#include "peerd/peerd.h"

int
plain_open(struct peerd *p, struct err *e)
{
	(void)p;
	(void)e;
	return 0;
}

int
plain_listen(struct peerd *p, int fd, struct err *e)
{
	(void)p;
	(void)fd;
	(void)e;
	return 0;
}

void
plain_close(struct peerd *p)
{
	(void)p;
}
