#include <stdlib.h>
#include <string.h>

#include "agent/run.h"
#include "store/db.h"

/*
 * A durable step: everything between step_begin and step_commit is on disk, or
 * nothing is.  a->msgs follows the database only after the commit.
 */

int
step_begin(struct agent *a, struct err *e)
{
	return db_begin(a->env.db, e);
}

int
step_append(struct agent *a, const struct buf *message, int64_t *index,
    struct err *e)
{
	if (messages_append(a->env.db, a->s.id, message->p, message->n, index,
	    e) < 0)
		return -1;
	messages_push(&a->fresh, message->p, message->n);
	return 0;
}

/* The log is append-only: a change of one message is a new live transcript behind it. */
int
step_replace(struct agent *a, size_t i, const struct buf *message,
    struct err *e)
{
	struct messages *m = &a->msgs;
	struct buf same = BUF_INIT;
	int rc = -1;

	if (messages_rebase(a->env.db, a->s.id, e) < 0)
		return -1;
	for (size_t k = 0; k < m->n || k == i; k++) {
		buf_trunc(&same, 0);
		if (k == i)
			buf_put(&same, message->p, message->n);
		else
			buf_put(&same, m->v[k].p, m->v[k].n);
		if (messages_append(a->env.db, a->s.id, same.p, same.n, NULL,
		    e) < 0)
			goto done;
	}
	/* Still inside the step: the transcript as it will be. */
	messages_free(m);
	rc = messages_load(a->env.db, a->s.id, m, e);
done:
	buf_free(&same);
	return rc;
}

int
step_save(struct agent *a, struct err *e)
{
	if (session_advance(a->env.db, &a->s, false, e) < 0)
		return -1;
	return a->run.state ? run_update(a->env.db, &a->run, e) : 0;
}

int
step_save_all(struct agent *a, struct err *e)
{
	return session_advance(a->env.db, &a->s, true, e);
}

int
step_commit(struct agent *a, const char *before, const char *after,
    struct err *e)
{
	(void)before;
	(void)after;
	crash_point(before);
	if (db_commit(a->env.db, e) < 0) {
		step_abort(a);
		return -1;
	}
	crash_point(after);
	messages_move(&a->msgs, &a->fresh);
	return 0;
}

void
step_abort(struct agent *a)
{
	struct messages now;

	db_rollback(a->env.db);
	messages_free(&a->fresh);
	/* A replaced transcript must not outlive its transaction. */
	if (messages_load(a->env.db, a->s.id, &now, NULL) == 0) {
		messages_free(&a->msgs);
		a->msgs = now;
	}
}

int
step_message(struct agent *a, const struct buf *message, const char *before,
    const char *after, struct err *e)
{
	if (step_begin(a, e) < 0)
		return -1;
	if (step_append(a, message, NULL, e) < 0) {
		step_abort(a);
		return -1;
	}
	return step_commit(a, before, after, e);
}

int
step_state(struct agent *a, const char *before, const char *after,
    struct err *e)
{
	if (step_begin(a, e) < 0)
		return -1;
	if (step_save(a, e) < 0) {
		step_abort(a);
		return -1;
	}
	return step_commit(a, before, after, e);
}
