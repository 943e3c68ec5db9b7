#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "sim/http.h"

/*
 * A model request, read into what rules ask for.  Four formats look the same here.
 */
enum format { F_ANTHROPIC, F_OPENAI, F_CHAT, F_GEMINI, F_MODELS, F_OTHER };

extern const char *const format_names[];	/* by enum format */

struct request {
	const struct http_request *http;
	enum format format;
	int64_t n;		/* 1 for the first request of this process */
	struct jtext body;	/* JSON object, or JTEXT_NONE */
	char *model;		/* "" if unknown */
	bool stream;		/* the client wants a stream */
	bool sse;		/* as server-sent events (gemini has a second way) */
	bool stream_usage;	/* chat: the usage chunk is asked for */
	struct buf system, user, history;
	struct buf *results;	/* of the newest batch of tool results */
	size_t n_results;
	bool has_tool_result;	/* the last message is one */
	int64_t turn;		/* answers of the model so far; neighbours count as one */
	char **tools;		/* names that are offered */
	size_t n_tools;

	enum { SAID_NOTHING, SAID_USER, SAID_ASSISTANT, SAID_RESULT } last;
};

/* Which format a path speaks; gemini's model is in the path. */
enum format request_format(const char *path);

/* Read what there is; holes are left empty (the checks complain, not this).  Borrows http. */
void request_read(struct request *rq, const struct http_request *http,
    int64_t n);
void request_free(struct request *rq);

/* The results of the newest batch, one per line. */
void request_results(const struct request *rq, struct buf *out);

/* The text of a content value: a string, or the text parts of an array, joined by newlines. */
void content_text(struct jtext content, struct buf *out);

/* Is this flag in the query (alt=sse)? */
bool query_has(const char *query, const char *pair);

#endif
