#ifndef SIM_REPLY_PARTS_H
#define SIM_REPLY_PARTS_H

#include "sim/script.h"

/* The members of a reply object that say what the answer is made of. */
struct raw_parts {
	struct jtext text, thinking, tool_calls, blocks, repeat;
	char *signature;	/* NULL when it was taken over */
};
int parts_parse(struct raw_parts *raw, struct reply *r, struct err *e);

#endif
