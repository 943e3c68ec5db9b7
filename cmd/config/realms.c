#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jput.h"
#include "base/util.h"
#include "config/config.h"

/* realms: cli sheet 8.3. */

static int
no_more(struct cmd *c, int argc)
{
	return argc > 1 ? cmd_usage(c) : 0;
}

/* The one argument, which must be a realm's id; NULL: c->e says what is wrong. */
static const char *
one_id(struct cmd *c, int argc, char *argv[])
{
	if (argc - optind != 1) {
		cmd_usage(c);
		return NULL;
	}
	if (realm_id_valid(argv[optind]))
		return argv[optind];
	err_set(&c->e, E_INVALID_PARAMS, "invalid explicit realm id: %.80s",
	    argv[optind]);
	return NULL;
}

static int
current(struct cmd *c, int argc, char *argv[])
{
	struct buf b = BUF_INIT;
	int rc;

	(void)argv;
	if (no_more(c, argc) < 0 || cmd_realm(c) < 0)
		return -1;
	buf_printf(&b, "%s\n", c->realm.id);
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

/* ---- list and show ---- */

static void
put_row(struct buf *b, const struct realm_info *r)
{
	buf_printf(b, "%-28s %-8s %-14s %-8d %-12" PRId64 "\n", r->id,
	    r->backend, r->origin, r->active, r->created_at);
	if (!strcmp(r->origin, "legacy_unknown"))
		buf_printf(b, "  note: realm '%s' is legacy/unknown origin and"
		    " is skipped by --isolated-only prune.\n", r->id);
}

static void
put_object(struct buf *b, const struct realm_info *r)
{
	jput_open(b, '{');
	jput_kcstr(b, "realm_id", r->id);
	jput_kcstr(b, "backend", r->backend);
	jput_kcstr(b, "origin", r->origin);
	jput_ki64(b, "created_at", r->created_at);
	jput_ki64(b, "active", r->active);
	jput_close(b, '}');
}

static int
list(struct cmd *c, int argc, char *argv[])
{
	struct realm_info *v;
	struct buf b = BUF_INIT;
	size_t n;
	int rc;

	if (cmd_args(c, argc, argv, 0) < 0 || cmd_realm(c) < 0 ||
	    realm_list(c->realm.state_root, &v, &n, &c->e) < 0)
		return -1;
	if (c->json) {
		jput_open(&b, '[');
		for (size_t i = 0; i < n; i++)
			put_object(&b, &v[i]);
		jput_close(&b, ']');
		rc = cmd_pretty(c, &b);
	} else {
		if (n)
			buf_printf(&b, "%-28s %-8s %-14s %-8s %-12s\n%.76s\n",
			    "REALM", "BACKEND", "ORIGIN", "ACTIVE",
			    "CREATED_AT",
			    "--------------------------------------"
			    "--------------------------------------");
		else
			buf_puts(&b, "No realms found.\n");
		for (size_t i = 0; i < n; i++)
			put_row(&b, &v[i]);
		rc = cmd_write(c, &b);
	}
	realm_list_free(v, n);
	buf_free(&b);
	return rc;
}

/* Call f with the realm of this id: 1, or 0 if there is none. */
static int
with_realm(struct cmd *c, const char *id,
    void (*f)(const struct realm_info *r, void *arg), void *arg)
{
	struct realm_info *v;
	size_t n;
	int found = 0;

	if (realm_list(c->realm.state_root, &v, &n, &c->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].id, id)) {
			f(&v[i], arg);
			found = 1;
		}
	realm_list_free(v, n);
	return found;
}

struct show {
	struct buf b;
	const char *state_root;
};

static void
put_show(const struct realm_info *r, void *arg)
{
	struct show *s = arg;

	buf_printf(&s->b, "realm_id: %s\nbackend: %s\norigin: %s\n"
	    "created_at: %" PRId64 "\nstate_root: %s\nactive_leases: %d\n",
	    r->id, r->backend, r->origin, r->created_at, s->state_root,
	    r->active);
}

static int
show(struct cmd *c, int argc, char *argv[])
{
	struct show s = { .b = BUF_INIT };
	const char *id = one_id(c, argc, argv);
	int rc;

	if (!id || cmd_realm(c) < 0)
		return -1;
	s.state_root = c->realm.state_root;
	rc = with_realm(c, id, put_show, &s);
	if (rc == 0)
		rc = err_set(&c->e, E_NOT_FOUND, "Realm not found: %s", id);
	else if (rc > 0)
		rc = cmd_write(c, &s.b);
	buf_free(&s.b);
	return rc;
}

/* ---- create and delete ---- */

static int
create(struct cmd *c, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 }
	};
	struct buf b = BUF_INIT;
	const char *id;
	int o, rc;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'b': c->opts.backend = optarg; break;
		default: return cmd_usage(c);
		}
	if (!(id = one_id(c, argc, argv)))
		return -1;
	c->opts.realm = id;
	c->opts.isolated = false;
	if (cmd_realm(c) < 0 || realm_create(&c->realm, &c->e) < 0)
		return -1;
	buf_printf(&b, "Created realm '%s' backend=%s origin=%s\n", id,
	    c->realm.backend, c->realm.origin);
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

static int
delete(struct cmd *c, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 }
	};
	struct buf b = BUF_INIT;
	bool force = false;
	const char *id;
	int o, rc;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'f': force = true; break;
		default: return cmd_usage(c);
		}
	if (!(id = one_id(c, argc, argv)) || cmd_realm(c) < 0 ||
	    realm_delete(c->realm.state_root, id, force, &c->e) < 0)
		return -1;
	buf_printf(&b, "Deleted realm '%s'\n", id);
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

/* ---- prune ---- */

struct prune {
	bool isolated_only, force;
	int64_t before;		/* created earlier than this */
	int removed, active, legacy, left;
};

static void
prune_one(struct cmd *c, struct prune *p, const struct realm_info *r)
{
	bool legacy = !strcmp(r->origin, "legacy_unknown");

	if (r->created_at > p->before)
		return;
	if (legacy && !p->force) {
		p->legacy++;
		return;
	}
	if (!legacy && p->isolated_only && strcmp(r->origin, "generated"))
		return;
	if (r->active && !p->force) {
		p->active++;
		return;
	}
	if (realm_delete(c->realm.state_root, r->id, p->force, &c->e) == 0) {
		p->removed++;
	} else if (c->e.code == E_SESSION_BUSY) {
		p->active++;
	} else {
		if (!p->left++)
			fprintf(stderr, "Leftover realms (partial cleanup):\n");
		fprintf(stderr, "  - %s (%s)\n", r->id, c->e.text);
	}
}

static int
prune_all(struct cmd *c, struct prune *p)
{
	struct realm_info *v;
	struct buf b = BUF_INIT;
	size_t n;
	int rc;

	if (cmd_realm(c) < 0 ||
	    realm_list(c->realm.state_root, &v, &n, &c->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		prune_one(c, p, &v[i]);
	realm_list_free(v, n);
	buf_printf(&b, "Prune summary: removed=%d, skipped_active=%d, "
	    "skipped_legacy=%d, leftovers=%d\n", p->removed, p->active,
	    p->legacy, p->left);
	if (p->legacy)
		buf_printf(&b, "note: %d legacy/unknown realm(s) were kept. "
		    "Use --force to prune them.\n", p->legacy);
	rc = cmd_write(c, &b);
	if (rc == 0 && p->left)
		rc = err_set(&c->e, E_FAILED, "Realm prune completed with "
		    "partial failures (see leftovers above).");
	buf_free(&b);
	return rc;
}

static int
prune(struct cmd *c, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "isolated-only", no_argument, NULL, 'i' },
		{ "older-than-hours", required_argument, NULL, 'o' },
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 }
	};
	struct prune p = { .force = false };
	int64_t hours = 24;
	int o;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'i': p.isolated_only = true; break;
		case 'f': p.force = true; break;
		case 'o':
			if (cmd_number(c, "--older-than-hours", optarg,
			    0, &hours) < 0)
				return -1;
			break;
		default: return cmd_usage(c);
		}
	if (optind < argc)
		return cmd_usage(c);
	if (hours > 1000000)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--older-than-hours: want at most 1000000");
	p.before = (int64_t)time(NULL) - hours * 3600;
	return prune_all(c, &p);
}

int
verb_realms(struct cmd *c, int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*run)(struct cmd *c, int argc, char *argv[]);
		const char *synopsis;
	} subs[] = {
		{ "current", current, "realms current" },
		{ "list", list, "realms list [--json]" },
		{ "show", show, "realms show id" },
		{ "create", create, "realms create id [--backend sqlite]" },
		{ "delete", delete, "realms delete id [--force]" },
		{ "prune", prune, "realms prune [--isolated-only] "
		    "[--older-than-hours n] [--force]" },
	};

	for (size_t i = 0; argc > 1 && i < COUNT(subs); i++)
		if (!strcmp(argv[1], subs[i].name)) {
			c->synopsis = subs[i].synopsis;
			argv[1] = argv[0];
			return subs[i].run(c, argc - 1, argv + 1);
		}
	return cmd_usage(c);
}
