#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/transcript_impl.h"

#define ID_MAX 64		/* Responses refuses longer call ids */
#define NO_RESULT "[interrupted: this call has no result]"

/* ---- names and ids ---- */

static uint64_t
fnv(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

static bool
word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool
all_word(const char *s)
{
	while (word(*s))
		s++;
	return !*s;
}

/* s in legal characters; a changed one is told apart by a hash of the original. */
static char *
legal(const char *s, size_t keep)
{
	struct buf b = BUF_INIT;

	for (; *s && b.n < keep; s++)
		buf_putc(&b, word(*s) ? *s : '_');
	return buf_steal(&b);
}

char *
wire_name(const char *name)
{
	char *safe, *s;

	if (*name && strlen(name) <= 64 && all_word(name))
		return xstrdup(name);
	if (!*name)
		return xstrdup("unknown");
	safe = legal(name, 48);
	s = xasprintf("%s_%08" PRIx32, safe, (uint32_t)fnv(name));
	free(safe);
	return s;
}

/* Claim an id: false if it is in use. */
static bool
claim(struct reader *r, const char *id)
{
	uint64_t h = fnv(id);

	for (size_t i = 0; i < r->n_ids; i++)
		if (r->ids[i] == h)
			return false;
	if (r->n_ids % 64 == 0)
		r->ids = xrealloc(r->ids, (r->n_ids + 64) * sizeof *r->ids);
	r->ids[r->n_ids++] = h;
	return true;
}

/*
 * The id of a call on this wire: Anthropic wants [a-zA-Z0-9_-]+, Responses at most 64
 * bytes, both want it unique in the request.  The same history gives the same ids.
 */
static char *
wire_id(struct reader *r, const char *id)
{
	bool ok = *id && strlen(id) <= ID_MAX &&
	    (r->wire != WIRE_ANTHROPIC || all_word(id));
	char *safe, *s;

	if (ok && claim(r, id))
		return xstrdup(id);
	safe = legal(*id ? id : "call", 36);
	s = xasprintf("%s_%08" PRIx32, safe, (uint32_t)fnv(id));
	for (int k = 2; !claim(r, s); k++) {
		free(s);
		s = xasprintf("%s_%08" PRIx32 "_%d", safe, (uint32_t)fnv(id), k);
	}
	free(safe);
	return s;
}

/* ---- results behind their calls ---- */

/* The first result for this id among turns[from..to), taken out of its place. */
static bool
take_result(struct turn *turns, size_t from, size_t to, const char *id,
    struct part *out)
{
	for (size_t i = from; i < to; i++) {
		if (turns[i].role != TURN_RESULTS)
			continue;
		for (size_t k = 0; k < turns[i].n_parts; k++) {
			struct part *p = &turns[i].parts[k];

			if (!p->id || strcmp(p->id, id))
				continue;
			*out = *p;
			*p = (struct part){ .kind = PART_RESULT };
			return true;
		}
	}
	return false;
}

/* The results of the calls of `said`, looked for in turns[from..to). */
static void
answer_calls(struct reader *r, struct turn *said, struct turn *results,
    struct turn *turns, size_t from, size_t to)
{
	for (size_t i = 0; i < said->n_parts; i++) {
		struct part *call = &said->parts[i], *p;
		char *id;

		if (call->kind != PART_CALL)
			continue;
		p = transcript_part(&results->parts, &results->n_parts,
		    PART_RESULT);
		if (!take_result(turns, from, to, call->id, p)) {
			p->is_error = true;
			transcript_text(r, &p->parts, &p->n_parts,
			    xstrdup(NO_RESULT), strlen(NO_RESULT));
		}
		id = wire_id(r, call->id);
		free(call->id);
		free(p->id);
		call->id = id;
		p->id = xstrdup(id);
		p->name = xstrdup(call->name);
	}
}

void
transcript_repair(struct reader *r)
{
	struct turn *old = r->t->turns;
	size_t n = r->t->n_turns;

	r->t->turns = NULL;
	r->t->n_turns = 0;
	for (size_t i = 0; i < n; i++) {
		struct turn *t, results = { .role = TURN_RESULTS };
		size_t to = i + 1;

		if (old[i].role == TURN_RESULTS)
			continue;
		if (old[i].role == TURN_ASSISTANT) {
			while (to < n && old[to].role != TURN_ASSISTANT)
				to++;
			answer_calls(r, &old[i], &results, old, i + 1, to);
			/* Both Gemini and older Messages models want a user first. */
			if (!r->t->n_turns) {
				t = transcript_turn(r->t, TURN_USER);
				transcript_text(r, &t->parts, &t->n_parts,
				    xstrdup("[conversation continues]"), 24);
			}
		}
		*transcript_turn(r->t, old[i].role) = old[i];
		old[i].parts = NULL;
		old[i].n_parts = 0;
		if (results.n_parts)
			*transcript_turn(r->t, TURN_RESULTS) = results;
	}
	for (size_t i = 0; i < n; i++)
		transcript_turn_free(&old[i]);
	free(old);
	free(r->ids);
}
