#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/encode.h"
#include "model/settle.h"

/* ---- a set of ids: open addressing, at most half full ---- */

struct ids {
	char **v;
	size_t room, n;		/* room is a power of two, or 0 */
};

/* The slot that holds id, or the free one where it belongs. */
static char **
slot_of(const struct ids *ids, const char *id)
{
	uint64_t h = 14695981039346656037u;	/* FNV-1a */
	size_t i;

	for (const char *p = id; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	h ^= h >> 32;
	for (i = h & (ids->room - 1); ids->v[i] && strcmp(ids->v[i], id); )
		i = (i + 1) & (ids->room - 1);
	return &ids->v[i];
}

static bool
ids_have(const struct ids *ids, const char *id)
{
	return ids->room && *slot_of(ids, id);
}

static void
ids_grow(struct ids *ids)
{
	struct ids old = *ids;

	ids->room = old.room ? old.room * 2 : 64;
	ids->v = xcalloc(ids->room, sizeof *ids->v);
	for (size_t i = 0; i < old.room; i++)
		if (old.v[i])
			*slot_of(ids, old.v[i]) = old.v[i];
	free(old.v);
}

/* Takes the string; NULL is nothing. */
static void
ids_add(struct ids *ids, char *id)
{
	if (!id || ids_have(ids, id)) {
		free(id);
		return;
	}
	if (++ids->n * 2 > ids->room)
		ids_grow(ids);
	*slot_of(ids, id) = id;
}

static void
ids_free(struct ids *ids)
{
	for (size_t i = 0; i < ids->room; i++)
		free(ids->v[i]);
	free(ids->v);
}

/* ---- ids ---- */

/* The calls of the transcript, in both shapes in which messages hold them. */
static void
add_known(struct ids *ids, const struct model_request *rq)
{
	struct jiter it;

	for (size_t i = 0; i < rq->n_messages; i++) {
		struct jtext m = rq->messages[i];

		for (it = json_iter(json_get(m, "blocks")); json_next(&it); )
			ids_add(ids, json_get_str(json_get(it.value, "data"), "id"));
		for (it = json_iter(json_get(m, "tool_calls")); json_next(&it); )
			ids_add(ids, json_get_str(it.value, "id"));
	}
}

/*
 * Ids must be unique in the session, or results would find the wrong call: some
 * servers send none, some call_0 in every turn (sheet 4.2), some one id for all.
 */
static char *
unique(const struct ids *ids, const char *id, int64_t turn, size_t nth)
{
	char *s = *id ? xstrdup(id) : NULL;
	uint64_t random;

	if (s && ids_have(ids, s)) {
		free(s);
		s = xasprintf("t%" PRId64 "_%s", turn, id);
	}
	if (s && ids_have(ids, s)) {
		free(s);
		s = xasprintf("t%" PRId64 "_%zu_%s", turn, nth, id);
	}
	while (!s || ids_have(ids, s)) {
		free(s);
		random_bytes(&random, sizeof random);
		s = xasprintf("call_%016" PRIx64, random);
	}
	return s;
}

/* ---- names ---- */

/* A tool whose name is not legal on the wire was offered under another one. */
static void
restore_name(const struct model_request *rq, struct block *b)
{
	for (size_t i = 0; i < rq->n_tools; i++)
		if (!strcmp(rq->tools[i].name, b->name))
			return;
	for (size_t i = 0; i < rq->n_tools; i++) {
		char *name = wire_name(rq->tools[i].name);
		bool hit = !strcmp(name, b->name);

		free(name);
		if (hit) {
			free(b->name);
			b->name = xstrdup(rq->tools[i].name);
			return;
		}
	}
}

void
settle_calls(const struct model_request *rq, struct model_reply *r,
    int64_t turn)
{
	struct ids ids = { .n = 0 };

	for (size_t i = 0; i < r->n_blocks; i++) {
		struct block *b = &r->blocks[i];
		char *id;

		if (b->kind != BLOCK_TOOL_USE)
			continue;
		if (!ids.room) {
			ids_grow(&ids);
			add_known(&ids, rq);
		}
		restore_name(rq, b);
		id = unique(&ids, b->id, turn, i);
		free(b->id);
		b->id = id;
		ids_add(&ids, xstrdup(id));
	}
	ids_free(&ids);
}
