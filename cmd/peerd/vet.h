#ifndef PEERD_VET_H
#define PEERD_VET_H

#include "comms/envelope.h"
#include "peerd/peerd.h"

/* Who said something: a trusted peer, or a session of this realm. */
struct sender {
	char *name, *address;	/* address NULL: of this realm */
};
void sender_free(struct sender *s);

/* Do we listen to whoever has that key? */
bool vet_knows(struct peerd *p, const unsigned char key[KEY_LEN]);

/*
 * Open a frame and see whether we listen to it (comms sheet section 8; who we are is
 * asked later): the sender is known, the signature his, the kind one for us, his pace
 * kept.  -1: it is not, which was logged; *v and *s are empty then.
 */
int vet(struct peerd *p, const void *cbor, size_t n, const struct caller *c,
    struct envelope *v, struct sender *s);

#endif
