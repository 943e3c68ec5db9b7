#ifndef MODEL_TRANSCRIPT_H
#define MODEL_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "model/model.h"

/*
 * The stored messages as a provider accepts them.  Reading a transcript repairs what
 * one of the four would refuse: every call has exactly one result, right behind it and
 * in call order; results without a call, empty messages and reasoning of other
 * providers are gone; call ids are unique and of legal form.
 */
enum wire { WIRE_ANTHROPIC, WIRE_RESPONSES, WIRE_CHAT, WIRE_GEMINI };
enum wire wire_of(const struct model_target *t);

enum part_kind { PART_TEXT, PART_IMAGE, PART_VIDEO, PART_REASONING, PART_CALL,
	PART_RESULT };

struct part {
	enum part_kind kind;
	char *text;		/* text, reasoning; base64 of media */
	size_t n;
	char *media;		/* image/png */
	char *id, *name;	/* call and result; id as it goes over the wire */
	char *args;		/* call: always a JSON object */
	struct jtext meta;	/* borrowed from the message */
	bool is_error;		/* result */
	struct part *parts;	/* result: its content */
	size_t n_parts;
};

enum turn_role { TURN_USER, TURN_ASSISTANT, TURN_RESULTS };

struct turn {
	enum turn_role role;
	struct part *parts;
	size_t n_parts;
};

struct transcript {
	char *system;		/* NULL: none */
	struct turn *turns;
	size_t n_turns;
};

/* Leave the encrypted reasoning of the Responses API out. */
#define TRANSCRIPT_NO_REPLAY 1

/* Borrows from rq->messages.  INVALID_PARAMS if nothing is left to send. */
int transcript_read(struct transcript *t, const struct model_request *rq,
    int flags, struct err *e);
void transcript_free(struct transcript *t);

/* Is reasoning of this provider tag ("anthropic", "open_ai") in the part's meta? */
bool part_meta_is(const struct part *p, const char *provider);
/* Text of the parts as one string, media as their projection (providers sheet 1.5); new. */
char *parts_text(const struct part *parts, size_t n, size_t *len);
bool parts_have(const struct part *parts, size_t n, enum part_kind kind);
/* A tool's name as the providers allow it: [A-Za-z0-9_-]{1,64}; new. */
char *wire_name(const char *name);

#endif
