#include <string.h>

#include <event2/event.h>

#include "base/util.h"
#include "peerd/peerd.h"
#include "runner/drain.h"
#include "store/db.h"
#include "store/inputs.h"
#include "store/lock.h"
#include "store/participants.h"

#define RETRY_S 60	/* until those are tried again that nobody could help */

/* Of --session, if there are any. */
static bool
is_chosen(const struct peerd *p, const char *session)
{
	bool found = p->o.n_sessions == 0;

	for (size_t i = 0; i < p->o.n_sessions && !found; i++)
		found = !strcmp(p->o.sessions[i], session);
	return found;
}

bool
is_resident(struct peerd *p, const char *session)
{
	struct participant row;
	bool resident;

	if (!is_chosen(p, session) || participant_load(p->db, session, &row, NULL) <= 0)
		return false;
	resident = row.resident;
	participant_free(&row);
	return resident;
}

static int
wake(void *arg, const char *session)
{
	struct peerd *p = arg;

	if (p->o.workers && is_resident(p, session))
		drain_wake(p->drain, session);
	return 0;
}

/* Its turns got nowhere, a model that is down for instance: not the end of it. */
void
resident_ended(struct peerd *p, const char *session)
{
	static const struct timeval later = { RETRY_S, 0 };
	int64_t head;

	if (!p->stopping && !p->o.once && is_resident(p, session) &&
	    inputs_due(p->db, session, &head, NULL) > 0 &&
	    !event_pending(p->retry, EV_TIMEOUT, NULL))
		event_add(p->retry, &later);
}

void
residents_look(struct peerd *p)
{
	struct err e = ERR_NONE;

	if (inputs_due_residents(p->db, wake, p, &e) < 0)
		warn("residents with work: %s", e.text);
}

void
resident_wake(struct peerd *p, const char *session, bool resident)
{
	if (p->stopping || !p->o.workers || !resident ||
	    !is_chosen(p, session))
		bell_ring(&p->realm, session, 'w');
	else
		drain_wake(p->drain, session);
}

bool
residents_left(struct peerd *p)
{
	for (size_t i = 0; i < p->o.n_sessions; i++)
		if (is_resident(p, p->o.sessions[i]))
			return true;
	return false;
}
