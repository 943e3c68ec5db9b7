#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "peerd/peerd.h"

#define PEERS 256	/* whose pace is known at once */
#define NOTES 256	/* refusals that are counted apart */
#define RESTS 16	/* reasons, when there are more sources than that */
#define QUIET_MS 60000	/* between two lines about the same */

struct pace {
	unsigned char key[KEY_LEN];
	double tokens;
	int64_t at;		/* when they were counted; 0: no peer */
};
struct note {
	char reason[32], source[64];
	int64_t at;		/* of its last line; 0: free */
	unsigned long more;	/* since then */
};
struct gate {
	struct pace paces[PEERS];
	struct note notes[NOTES], rests[RESTS];
};

void
gate_open(struct peerd *p)
{
	p->gate = xcalloc(1, sizeof *p->gate);
}

/* ---- pace: a bucket of tokens for each key ---- */

/* Its own, or the one that has been full for longest. */
static struct pace *
pace_of(struct gate *g, const unsigned char key[KEY_LEN])
{
	struct pace *oldest = &g->paces[0];

	for (size_t i = 0; i < PEERS; i++) {
		struct pace *c = &g->paces[i];

		if (c->at && !memcmp(c->key, key, KEY_LEN))
			return c;
		if (c->at < oldest->at)
			oldest = c;
	}
	memcpy(oldest->key, key, KEY_LEN);
	oldest->at = 0;
	return oldest;
}

bool
gate_pass(struct peerd *p, const unsigned char key[KEY_LEN])
{
	struct pace *c = pace_of(p->gate, key);
	int64_t now = time_mono_ms();

	if (!c->at)
		c->tokens = p->limits.burst;
	else
		c->tokens += (double)(now - c->at) * p->limits.rate / 1000;
	if (c->tokens > p->limits.burst)
		c->tokens = p->limits.burst;
	c->at = now;
	if (c->tokens < 1)
		return false;
	c->tokens -= 1;
	return true;
}

/* ---- what is said of the others ---- */

static bool
is_note(const struct note *n, const char *reason, const char *source)
{
	return n->at && !strcmp(n->reason, reason) &&
	    !strncmp(n->source, source, sizeof n->source - 1);
}

/* The one about that, or the oldest. */
static struct note *
note_in(struct note *v, size_t n, const char *reason, const char *source)
{
	struct note *oldest = v;

	for (; n > 0; v++, n--) {
		if (is_note(v, reason, source))
			return v;
		if (v->at < oldest->at)
			oldest = v;
	}
	return oldest;
}

/* Who has a thousand addresses does not get a thousand lines. */
static struct note *
note_of(struct gate *g, const char *reason, const char **source, int64_t now)
{
	struct note *n = note_in(g->notes, NOTES, reason, *source);

	if (!n->at || is_note(n, reason, *source) || now - n->at >= QUIET_MS)
		return n;
	*source = "other addresses";
	return note_in(g->rests, RESTS, reason, *source);
}

static void
name_note(struct note *n, const char *reason, const char *source)
{
	*n = (struct note){ .at = 0 };
	strncpy(n->reason, reason, sizeof n->reason - 1);
	strncpy(n->source, source, sizeof n->source - 1);
}

/* What was counted and not said yet. */
static void
tell_rest(const struct note *n)
{
	if (n->at && n->more)
		warn("refused %lu more from %s: %s", n->more, n->source,
		    n->reason);
}

bool
gate_refuse(struct peerd *p, const char *reason, const char *source,
    const char *detail)
{
	int64_t now = time_mono_ms();
	struct note *n = note_of(p->gate, reason, &source, now);

	if (is_note(n, reason, source) && now - n->at < QUIET_MS) {
		n->more++;
		return false;
	}
	tell_rest(n);
	name_note(n, reason, source);
	n->at = now;
	warn("refused %s: %s: %s", source, reason, detail);
	return true;
}

void
gate_close(struct peerd *p)
{
	for (size_t i = 0; p->gate && i < NOTES; i++)
		tell_rest(&p->gate->notes[i]);
	for (size_t i = 0; p->gate && i < RESTS; i++)
		tell_rest(&p->gate->rests[i]);
	free(p->gate);
}
