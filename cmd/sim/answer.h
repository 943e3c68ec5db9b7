#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include "sim/request.h"
#include "sim/script.h"

/*
 * An answer on its way out.  One driver walks through the parts; a dialect per
 * format puts them into events.
 */
enum { EVENTS_MAX = 8 };	/* that one step makes */

struct stream;

struct dialect {
	const char *content_type;
	bool whole_calls;	/* arguments are never split */
	void (*begin)(struct stream *s);
	void (*open)(struct stream *s, const struct part *p);
	void (*delta)(struct stream *s, const struct part *p, const char *text,
	    size_t n);
	void (*close)(struct stream *s, const struct part *p);
	void (*end)(struct stream *s);
	/* An error in the middle. */
	void (*fail)(struct stream *s, const struct failure *f);
	/* The answer without a stream, as JSON. */
	void (*whole)(struct stream *s, struct buf *b);
};

extern const struct dialect dialect_anthropic, dialect_openai, dialect_chat,
    dialect_gemini;

struct stream {
	const struct request *rq;
	const struct reply *reply;	/* limits and delays */
	const struct dialect *d;
	struct part *parts;		/* templates replaced, ids given */
	size_t n_parts;
	int64_t usage[USE_COUNT];
	int64_t thought;		/* tokens of the output that were thinking */
	enum stop stop;			/* never STOP_AUTO */
	int64_t created;		/* unix seconds */

	/* For the dialects. */
	struct buf json;		/* the event being built */
	int64_t seq;
	size_t calls;			/* that were opened so far */
	const char *carried;		/* a signature that waits for its part */

	/* For the driver. */
	enum { AT_BEGIN, AT_OPEN, AT_DELTA, AT_CLOSE, AT_END, AT_DONE } at;
	size_t part, offset;
	struct buf events;
	size_t ends[EVENTS_MAX], n_ends, taken;
	bool was_delta;
	int64_t sent;
};

/* The answer as a body to pull; both rq and reply must outlive it. */
void answer_body(const struct request *rq, const struct reply *reply,
    struct body *b);
const char *answer_content_type(const struct request *rq);

/* For dialects: s->json as one event (name may be NULL), and start anew. */
void stream_event(struct stream *s, const char *name);
size_t part_index(const struct stream *s, const struct part *p);
/* Arguments where the format wants a value; what is not JSON becomes a string. */
void args_put(struct buf *b, const struct part *p);

/* A provider's error object; for gemini without the outer array. */
void error_put(struct buf *b, enum format format, const struct failure *f,
    int64_t n);
/* Header lines that go with it. */
void error_fields(struct buf *b, enum format format, const struct failure *f);

/* {{user}} and friends.  With json, the values are escaped for the inside of a JSON string. */
void template_put(struct buf *out, const char *p, size_t n,
    const struct request *rq, bool json);

#endif
