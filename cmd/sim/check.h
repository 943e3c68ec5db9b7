#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/request.h"
#include "sim/script.h"

/*
 * What the real servers refuse, where it is cheap to see: providers sheet 2.1, 3.1,
 * 4.1, 5.1.
 */
struct refusal {
	struct failure f;	/* message and param point into the members below */
	char param[128];
	char message[512];
};

/* 0, or -1 and *r says what a client did wrong. */
int check_request(const struct request *rq, struct refusal *r);

/* For the checks: fill *r and give -1. */
int refuse(struct refusal *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, as 400, with OpenAI's code and parameter (either may be NULL). */
int refuse_param(struct refusal *r, const char *code, const char *param,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The first member that is not in the space separated list; JTEXT_NONE if all are. */
struct jtext unknown_key(struct jtext obj, const char *known);
bool in_words(struct jtext word, const char *words);	/* a string of that list? */

/* Sets of call ids; quick also when a request brings a million. */
struct ids {
	void *root;		/* of tsearch(3) */
	size_t n;
};
bool ids_has(const struct ids *s, const char *id);
void ids_add(struct ids *s, const char *id);
bool ids_take(struct ids *s, const char *id);	/* remove; false if it was not in */
const char *ids_any(const struct ids *s);	/* one of them; there must be one */
void ids_clear(struct ids *s);

int check_anthropic(const struct request *rq, struct refusal *r);
int check_openai(const struct request *rq, struct refusal *r);
int check_chat(const struct request *rq, struct refusal *r);
int check_gemini(const struct request *rq, struct refusal *r);

#endif
