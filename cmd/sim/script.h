#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "sim/http.h"

/*
 * Scripts: JSON lines of {"match":{...},"reply":{...}}; the format is in rkat-sim(1).
 * A script is checked completely when it is loaded.
 */

struct request;

enum stop { STOP_AUTO, STOP_END, STOP_TOOLS, STOP_LENGTH, STOP_SEQUENCE,
	STOP_FILTER };

enum part_kind { PART_TEXT, PART_THINKING, PART_REDACTED, PART_CALL };

/* One piece of an answer. */
struct part {
	enum part_kind kind;
	char *p;		/* text, thinking, redacted data, arguments */
	size_t n;
	bool object;		/* the arguments are a JSON object; else raw text */
	char *signature;	/* or NULL */
	char *id, *name;	/* of a call; id may be NULL */
};

enum { USE_INPUT, USE_OUTPUT, USE_CACHE_READ, USE_CACHE_CREATION, USE_COUNT };

/* What is wrong, before it is put into a provider's words. */
struct failure {
	int status;
	const char *type, *code, *param;	/* NULL: the provider's usual ones */
	const char *message;
	const char *retry_after;		/* seconds, or NULL */
};

/* Bytes of a raw body. */
struct piece {
	char *p;
	size_t n;
	int64_t delay_ms, times;
};

struct reply {
	struct part *parts;
	size_t n_parts;
	int64_t usage[USE_COUNT];	/* -1: count */
	enum stop stop;

	int64_t status;
	char *err_type, *err_message, *err_code, *retry_after;
	struct buf fields;		/* header lines of "headers" */

	int64_t delay_ms, first_delay_ms, chunk_delay_ms;
	int64_t chunk;			/* characters per delta; 0: all at once */

	int64_t end_after;		/* events; -1: all */
	enum ending end;		/* then, and of a raw body */
	int64_t fail_after;		/* events before the error event; -1: none */
	char *fail_type, *fail_message, *fail_code;

	bool raw;
	struct piece *pieces;
	size_t n_pieces;
	char *content_type;		/* or NULL */
};

struct match {
	int format;			/* -1: any */
	char *model, *user, *system, *history, *tool_result, *tool;
	int has_tool_result;		/* -1: any */
	int64_t turn, nth;		/* -1: any */
};

struct rule {
	struct match match;
	struct reply reply;
	int64_t held;			/* requests for which all but nth held */
};

struct script {
	struct rule *rules;
	size_t n;
};

/* What the command line says for every rule that says nothing. */
struct defaults {
	int64_t chunk, chunk_delay_ms;
};

/* INVALID_PARAMS with "FILE: line N: reason"; free *s in any case. */
int script_parse(struct script *s, const char *p, size_t n, const char *name,
    const struct defaults *d, struct err *e);
int script_load(struct script *s, const char *path, const struct defaults *d,
    struct err *e);
void script_free(struct script *s);

/* One reply object; *r is to be freed in any case. */
int reply_parse(struct jtext v, const struct defaults *d, struct reply *r,
    struct err *e);
void reply_init(struct reply *r, const struct defaults *d);
void reply_free(struct reply *r);
void parts_free(struct part *parts, size_t n);

/* The first rule that holds, or -1; counts for nth. */
int script_match(struct script *s, const struct request *rq);

#endif
