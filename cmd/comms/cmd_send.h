#ifndef COMMS_CMD_SEND_H
#define COMMS_CMD_SEND_H

#include <stdint.h>

#include "comms/comms.h"
#include "comms/send.h"

/* How far a letter came; its words are those of --wait. */
enum grade { GRADE_NONE, ACCEPTED, DELIVERED, ADMITTED, ANSWERED, DEAD };

/* Where it stands. */
struct standing {
	enum grade grade;
	char *why;		/* of a dead one, or of the last try that failed; or NULL */
	char *answer;		/* the response's kind, or NULL */
	bool untold;		/* delivered, and its receiver does not say more */
};

const char *grade_name(enum grade g);
/* GRADE_NONE if it is no word for one. */
enum grade grade_parse(const char *s);
/*
 * Until it came to `want`, is dead, ms have gone by or a signal came: 0, the signal's
 * number, or -1.  Looks at once, then at each commit to the realm.
 */
int wait_grade(struct cmd *c, const struct receipt *r, enum grade want,
    int64_t ms, struct standing *s);
void standing_free(struct standing *s);

#endif
