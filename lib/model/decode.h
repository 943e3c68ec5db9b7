#ifndef MODEL_DECODE_H
#define MODEL_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/model.h"
#include "model/transcript.h"

/*
 * Stream events of the four providers into one reply (providers sheet 1.6).  Blocks
 * are slots in the order in which they started; a slot that was never completed is
 * dropped at the end.  Pure: what it learns goes to the reply and the watch.
 */

/* One open item of a provider: a content block, an output item, a tool call. */
struct item {
	int64_t index;		/* the provider's index */
	char *key;		/* its item id; NULL: none */
	size_t slot;		/* NO_SLOT: nothing to keep */
	int kind;		/* the decoder's own */
	int64_t part;		/* Responses: summary_index seen last */
	char *signature;	/* Anthropic: raw string token */
	bool closed;
};
#define NO_SLOT ((size_t)-1)
#define ITEMS_MAX 10000

struct decode {
	enum wire wire;
	struct model_reply *reply;
	struct model_error *me;
	const struct model_watch *w;
	int64_t turn;		/* assistant messages in the request: makes ids unique */
	int64_t max_tokens;	/* what the reply may cost */
	size_t content;		/* bytes of text, reasoning and arguments so far */
	int64_t at;		/* where in the stream the event stands, for errors */

	struct item *items;
	size_t n_items;
	size_t reasoning;	/* open reasoning slot or NO_SLOT */
	size_t calls;		/* calls seen */
	bool stopped;		/* a stop reason was given */
	bool ended;		/* terminal event: nothing more will come */
	bool refused;		/* a refusal was part of the text */
	bool said;		/* text came */
	struct buf untold;	/* text or reasoning that the watch has not seen */
	bool untold_reasoning;
};

void decode_init(struct decode *d, const struct model_request *rq,
    struct model_reply *reply, struct model_error *me,
    const struct model_watch *w);
/* Blocks that were never completed leave the reply. */
void decode_free(struct decode *d);

/* One event's payload; deltas wait for decode_tell.  -1: d->me says why. */
int decode_event(struct decode *d, const char *p, size_t n);
/* Show the watch what came since the last time: once a read, not once an event. */
void decode_tell(struct decode *d);
/* End of input.  -1 (FAULT_INCOMPLETE) if the provider had not come to an end. */
int decode_end(struct decode *d);

/* One per wire. */
int decode_anthropic(struct decode *d, struct jtext ev);
int decode_responses(struct decode *d, struct jtext ev);
int decode_chat(struct decode *d, struct jtext ev);
int decode_gemini(struct decode *d, struct jtext ev);
/* What is left to do when chat or Gemini streams are over. */
void decode_chat_end(struct decode *d);
void decode_gemini_end(struct decode *d);

/* ---- what they share ---- */

struct block *decode_slot(struct decode *d, size_t slot);
size_t decode_open(struct decode *d, enum block_kind kind);
/* String values; what is no string is nothing. */
void decode_text(struct decode *d, struct jtext s);
void decode_reasoning(struct decode *d, struct jtext s);
/* Complete it (opening one with text if none is open); meta: new raw JSON or NULL. */
void decode_reasoning_done(struct decode *d, struct jtext text, char *meta);
size_t decode_call(struct decode *d, struct jtext id, struct jtext name);
void decode_args(struct decode *d, size_t slot, struct jtext s);
/* Arguments are all there: check them. */
void decode_call_done(struct decode *d, size_t slot);
void decode_stop(struct decode *d, enum stop_reason stop);
/* What a provider's words for it mean; otherwise for any other word, nothing if there is none. */
struct decode_word {
	const char *name;
	enum stop_reason stop;
};
void decode_stop_word(struct decode *d, struct jtext reason,
    const struct decode_word *words, size_t n, enum stop_reason otherwise);
/* Overwrite *to if v is a count. */
void decode_count(struct jtext v, int64_t *to);

/* What is done with events of one "type". */
struct decode_kind {
	const char *type;
	int (*take)(struct decode *d, struct jtext ev);
};
/* Types that we do not know are for newer clients; an error without one is a proxy's. */
int decode_by_type(struct decode *d, struct jtext ev,
    const struct decode_kind *kinds, size_t n);
/* The event says what went wrong; -1. */
int decode_failed(struct decode *d, struct jtext ev);

struct item *decode_item(struct decode *d, int64_t index);	/* newest of that index */
struct item *decode_item_by_key(struct decode *d, struct jtext key);
struct item *decode_item_add(struct decode *d, int64_t index);	/* NULL: too many */

#endif
