#ifndef MODEL_ENCODE_H
#define MODEL_ENCODE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/model.h"
#include "model/transcript.h"

/*
 * Request bodies.  Keys come in one fixed order (a changed byte would cost the
 * provider's prompt cache), and JSON that is not ours is spliced as it is.
 */
struct encode {
	const struct model_request *rq;
	struct transcript t;
	struct buf *b;
	char betas[192];	/* anthropic-beta values, comma joined */
	bool replayed;		/* the body holds encrypted reasoning */
	struct err *e;
};

/* Body of a request into *b; en->betas and en->replayed are set.  flags: TRANSCRIPT_*. */
int encode_body(struct encode *en, const struct model_request *rq, int flags,
    struct buf *b, struct err *e);

/* One per wire; the transcript is read, the object is not open yet. */
int encode_anthropic(struct encode *en);
int encode_responses(struct encode *en);
int encode_chat(struct encode *en);
int encode_gemini(struct encode *en);

/* ---- what they share ---- */

struct jtext encode_param(const struct encode *en, const char *name);
/* JSON that is not ours; a lone surrogate escape, which providers refuse, becomes U+FFFD. */
void encode_raw(struct buf *b, struct jtext v);
void encode_kraw(struct buf *b, const char *key, struct jtext v);
/* A tool's members: name, description and, under this key, its schema. */
void encode_tool(struct buf *b, const struct tool_def *t, const char *key);
/* An input schema: at least {"type":"object","properties":{}}. */
void encode_schema(struct buf *b, const char *key, struct jtext schema);
/* Copy a parameter under a name of the wire, if it was given and is not null. */
void encode_copy(struct encode *en, const char *param, const char *key);
/* "key":"data:image/png;base64,..." */
void encode_data_uri(struct buf *b, const char *key, const struct part *p);
/* "key":"<text of the parts>" */
void encode_ktext(struct buf *b, const char *key, const struct part *parts,
    size_t n);
/* "content": one string, or an array of put's items if an image is among the parts. */
void encode_content(struct buf *b, const struct part *parts, size_t n,
    void (*put)(struct buf *b, const struct part *p));
/* The tool's arguments as a JSON string, as OpenAI wants them. */
void encode_args(struct buf *b, const struct part *call);
/* Does the model take a temperature; does it take reasoning settings (sheet 1.3)? */
bool encode_takes_temperature(const struct model_target *t);
bool encode_reasons(const struct model_target *t);
/* The structured_output parameter. */
struct output_format {
	struct jtext schema, name;
	bool strict;
};
bool encode_format(const struct encode *en, struct output_format *f);
/* {"name":..,"schema":..,"strict":..} members for both OpenAI styles. */
int encode_openai_format(struct encode *en, const struct output_format *f);

#endif
