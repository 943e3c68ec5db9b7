/* fill STATE_ROOT REALM N: add N sessions with two messages each; print the id of one in the middle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "store/db.h"
#include "store/sessions.h"

static int
add(struct db *db, char id[UUID_LEN + 1], struct err *e)
{
	static const char *const text[] = {
		"{\"role\":\"user\",\"content\":\"hello\"}",
		"{\"role\":\"block_assistant\",\"blocks\":[{\"block_type\":\"text\",\"data\":{\"text\":\"hi\"}}],\"stop_reason\":\"end_turn\"}",
	};
	struct session s = { .meta = NULL };
	int rc = session_create(db, &s, e);

	for (size_t i = 0; rc == 0 && i < COUNT(text); i++)
		rc = messages_append(db, s.id, text[i], strlen(text[i]), NULL, e);
	memcpy(id, s.id, sizeof s.id);
	session_free(&s);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct realm_opts o = { .state_root = argv[1], .realm = argc > 2 ? argv[2] : NULL };
	int n = argc > 3 ? atoi(argv[3]) : 0;
	char id[UUID_LEN + 1], middle[UUID_LEN + 1] = "";
	struct err e = ERR_NONE;
	struct db *db = NULL;
	struct realm r;

	if (n < 1 || realm_resolve(&o, &r, &e) < 0 || realm_create(&r, &e) < 0 ||
	    !(db = db_open(&r, &e)))
		goto fail;
	for (int i = 0; i < n; i++) {
		if (i % 1000 == 0 && ((i && db_commit(db, &e) < 0) ||
		    db_begin(db, &e) < 0))
			goto fail;
		if (add(db, id, &e) < 0)
			goto fail;
		if (i == n / 2)
			memcpy(middle, id, sizeof id);
	}
	if (db_commit(db, &e) < 0)
		goto fail;
	db_close(db);
	realm_free(&r);
	puts(middle);
	return 0;
fail:
	return err_report("fill", &e);
}
