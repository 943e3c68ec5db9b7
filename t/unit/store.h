/* A realm of its own for each test of the store. */
#ifndef T_STORE_H
#define T_STORE_H

#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "store/db.h"
#include "store/realm.h"
#include "store/sessions.h"

struct place {
	char root[64];
	struct realm r;
	struct db *db;
	struct session s;	/* one session */
};

static void
place_open(struct place *p)
{
	struct realm_opts o = { .realm = "test", .state_root = p->root };
	struct err e = ERR_NONE;

	memset(p, 0, sizeof *p);
	strcpy(p->root, "/tmp/rkat-unit.XXXXXX");
	if (!mkdtemp(p->root) || realm_resolve(&o, &p->r, &e) < 0 ||
	    realm_create(&p->r, &e) < 0 || !(p->db = db_open(&p->r, &e)) ||
	    session_create(p->db, &p->s, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(1);
	}
}

static void
place_close(struct place *p)
{
	session_free(&p->s);
	db_close(p->db);
	realm_free(&p->r);
	fs_remove_tree(p->root, NULL);
}

#endif
