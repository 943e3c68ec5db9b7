#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "peerd/peerd.h"
#include "store/db.h"
#include "store/participants.h"

/* So many secrets are held at once, whatever the number of sessions. */
#define HELD 128

struct held {
	char session[UUID_LEN + 1];	/* "": the realm's */
	struct identity *k;
	uint64_t used;
};
struct keys {
	struct held v[HELD];
	uint64_t clock;
};

void
keys_open(struct peerd *p)
{
	p->keys = xcalloc(1, sizeof *p->keys);
}

void
keys_forget(struct peerd *p)
{
	for (size_t i = 0; i < HELD; i++) {
		identity_free(p->keys->v[i].k);
		p->keys->v[i].k = NULL;
	}
}

/* The slot of a session, or the one that was not used for longest. */
static struct held *
slot(struct keys *s, const char *session)
{
	struct held *oldest = &s->v[0];

	for (size_t i = 0; i < HELD; i++) {
		struct held *h = &s->v[i];

		if (h->k && !strcmp(h->session, session))
			return h;
		if (!h->k || (oldest->k && h->used < oldest->used))
			oldest = h;
	}
	return oldest;
}

const struct identity *
keys_held(struct peerd *p, const char *session,
    const unsigned char key[KEY_LEN], struct err *e)
{
	struct held *h = slot(p->keys, session);

	if (!h->k || strcmp(h->session, session) ||
	    memcmp(identity_key(h->k), key, KEY_LEN)) {
		/* Another's, or it was rotated. */
		identity_free(h->k);
		memcpy(h->session, session, strlen(session) + 1);
		h->k = identity_load(&p->realm, *session ? session : NULL,
		    !*session, e);
	}
	h->used = ++p->keys->clock;
	if (h->k && memcmp(identity_key(h->k), key, KEY_LEN)) {
		err_set(e, E_NOT_FOUND, "its key is another one now");
		return NULL;
	}
	return h->k;
}

int
keys_find(struct peerd *p, const unsigned char key[KEY_LEN],
    char session[UUID_LEN + 1], bool *resident, struct err *e)
{
	char text[KEY_TEXT_LEN + 1];
	struct participant row;
	struct err none = ERR_NONE;
	int rc;

	key_text(key, text);
	*session = '\0';
	*resident = false;
	if ((rc = participant_by_key(p->db, text, &row, e)) < 0)
		return -1;
	if (rc == 0)
		return keys_held(p, "", key, &none) != NULL;
	memcpy(session, row.session, UUID_LEN + 1);
	*resident = row.resident;
	participant_free(&row);
	return 1;
}

void
keys_close(struct peerd *p)
{
	if (p->keys)
		keys_forget(p);
	free(p->keys);
}
