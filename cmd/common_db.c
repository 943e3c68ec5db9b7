#include "common.h"
#include "store/db.h"
#include "store/sessions.h"

int
cmd_open(struct cmd *c)
{
	if (c->db)
		return 0;
	if (realm_resolve(&c->opts, &c->realm, &c->e) < 0 ||
	    realm_create(&c->realm, &c->e) < 0)
		return -1;
	c->db = db_open_readable(&c->realm, &c->e);
	return c->db ? 0 : -1;
}

int
cmd_open_existing(struct cmd *c)
{
	struct realm r;
	int exists;

	if (realm_resolve(&c->opts, &r, &c->e) < 0)
		return -1;
	exists = realm_exists(&r, &c->e);
	realm_free(&r);
	if (exists < 0)
		return -1;
	return exists ? cmd_open(c) : err_set(&c->e, E_SESSION_NOT_FOUND,
	    "No sessions found in this realm");
}

int
cmd_resolve(struct cmd *c, const char *ref, char id[UUID_LEN + 1])
{
	return cmd_open_existing(c) < 0 ? -1 :
	    session_resolve(c->db, ref, id, &c->e);
}

void
cmd_close(struct cmd *c)
{
	db_close(c->db);
}
