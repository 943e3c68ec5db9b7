#ifndef MODEL_TRANSCRIPT_IMPL_H
#define MODEL_TRANSCRIPT_IMPL_H

#include <stdint.h>

#include "model/transcript.h"

/* Between transcript.c, which reads, transcript_parts.c and transcript_repair.c. */

/* What one reading needs. */
struct reader {
	const struct model_request *rq;
	enum wire wire;
	bool replay;		/* encrypted reasoning goes back */
	struct transcript *t;
	struct buf system;
	uint64_t *ids;		/* hashes of the call ids in use */
	size_t n_ids;
	struct err *e;
};

/* ---- transcript_parts.c ---- */

struct part *transcript_part(struct part **parts, size_t *n,
    enum part_kind kind);
void transcript_part_free(struct part *p);	/* what it holds */
void transcript_drop(struct turn *t, size_t i);
/* A text part, if the provider takes that text; takes the text. */
void transcript_text(struct reader *r, struct part **parts, size_t *n,
    char *text, size_t len);
bool transcript_sayable(const struct reader *r, const char *s, size_t n);
/* A string or an array of blocks (agent sheet 2.1). */
void transcript_content(struct reader *r, struct part **parts, size_t *n,
    struct jtext content);

/* ---- transcript.c ---- */

struct turn *transcript_turn(struct transcript *t, enum turn_role role);
void transcript_turn_free(struct turn *t);

/* ---- transcript_repair.c ---- */

/* Put the results right behind their calls; what is left of the result turns goes. */
void transcript_repair(struct reader *r);

#endif
