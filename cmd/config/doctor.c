#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/toml.h"
#include "base/util.h"
#include "config/config.h"
#include "model/catalog.h"
#include "store/db.h"

/* doctor: cli sheet 8.9, and checks of the ground that everything stands on. */

#define LITTLE_SPACE (64ll << 20)	/* bytes; a warning below it */

struct doctor {
	struct cmd *c;
	struct buf out;		/* lines, or JSON objects */
	bool bad;
};

/* Whether a warning fails the whole examination. */
enum verdict { FINE, WARNING, FAILURE };

static void say(struct doctor *d, enum verdict v, const char *area,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
say(struct doctor *d, enum verdict v, const char *area, const char *fmt, ...)
{
	const char *status = v == FINE ? "ok" : "warn";
	struct err line = ERR_NONE;	/* one line of printable text */
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	err_set(&line, E_FAILED, "%s", text.p);
	d->bad |= v == FAILURE;
	if (d->c->json) {
		jput_open(&d->out, '{');
		jput_kcstr(&d->out, "status", status);
		jput_kcstr(&d->out, "area", area);
		jput_kcstr(&d->out, "text", line.text);
		jput_kbool(&d->out, "fatal", v == FAILURE);
		jput_close(&d->out, '}');
	} else {
		buf_printf(&d->out, "%s\t%s\t%s\n", status, area, line.text);
	}
	buf_free(&text);
}

/* ---- configuration and keys ---- */

/* Any layer's file will do; what is missing is the realm's. */
static void
check_config(struct doctor *d)
{
	const struct realm *r = &d->c->realm;
	char *own = fs_join(r->dir, "config.toml");
	char *paths[] = { own,
	    xasprintf("%s/.rkat/config.toml", r->context_root),
	    r->user_root ? xasprintf("%s/.rkat/config.toml", r->user_root) :
	    NULL };
	size_t found = 0;

	while (found < COUNT(paths) &&
	    !(paths[found] && fs_exists(paths[found])))
		found++;
	if (found < COUNT(paths))
		say(d, FINE, "config", "%s", paths[found]);
	else
		say(d, FAILURE, "config", "missing config at %s", own);
	for (size_t i = 0; i < COUNT(paths); i++)
		free(paths[i]);
}

static void
check_keys(struct doctor *d, const struct config *config)
{
	static const struct { const char *provider, *env[4]; } keys[] = {
		{ "anthropic", { "RKAT_ANTHROPIC_API_KEY",
		    "ANTHROPIC_API_KEY" } },
		{ "openai", { "RKAT_OPENAI_API_KEY", "OPENAI_API_KEY" } },
		{ "gemini", { "RKAT_GEMINI_API_KEY", "GEMINI_API_KEY",
		    "GOOGLE_API_KEY" } },
	};

	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *via = NULL;
		struct jtext block = json_get(config->v, "provider");
		char *path = xasprintf("providers/api_keys/%s",
		    keys[i].provider);

		if (json_is(json_path(config->v, path), '"') ||
		    (json_str_is(json_get(block, "type"), keys[i].provider) &&
		    json_is(json_get(block, "api_key"), '"')))
			via = "config";
		for (int k = 0; !via && k < 4 && keys[i].env[k]; k++) {
			const char *v = getenv(keys[i].env[k]);

			via = v && *v ? keys[i].env[k] : NULL;
		}
		if (via)
			say(d, FINE, "provider", "%s via %s",
			    keys[i].provider, via);
		else
			say(d, WARNING, "provider", "%s missing %s",
			    keys[i].provider, keys[i].env[1]);
		free(path);
	}
}

/* ---- self-hosted servers ---- */

/* Is this id among data[].id? */
static bool
listed(struct jtext data, const char *id)
{
	for (struct jiter it = json_iter(data); json_next(&it); )
		if (json_str_is(json_get(it.value, "id"), id))
			return true;
	return false;
}

static void
check_aliases(struct doctor *d, const struct config *config, const char *id,
    struct jtext data)
{
	for (struct jiter it = json_iter(json_path(config->v,
	    "self_hosted/models")); json_next(&it); ) {
		char *alias = json_str(it.key, NULL), *remote;

		remote = json_get_str(it.value, "remote_model");
		if (!json_str_is(json_get(it.value, "server"), id))
			;
		else if (listed(data, remote))
			say(d, FINE, "self_hosted", "alias %s -> %s listed by %s",
			    alias, remote, id);
		else
			say(d, WARNING, "self_hosted",
			    "alias %s -> %s not listed by %s", alias, remote,
			    id);
		free(remote);
		free(alias);
	}
}

static void
check_server(struct doctor *d, const struct config *config, const char *id)
{
	struct model_target t;
	struct buf body = BUF_INIT;
	struct err e = ERR_NONE;
	struct jtext data = JTEXT_NONE, v;
	char *url = NULL;
	long status = 0;

	if (model_server(config, id, &t, &e) < 0) {
		say(d, FAILURE, "self_hosted", "server %s: %s", id, e.text);
		goto done;
	}
	url = xasprintf("%s/models", t.base_url);
	if (http_get(url, t.key, &status, &body, &e) < 0) {
		say(d, FAILURE, "self_hosted", "server %s unreachable at %s: %s",
		    id, url, e.text);
		goto done;
	}
	if (status < 200 || status > 299) {
		say(d, FAILURE, "self_hosted", "server %s returned %ld from %s",
		    id, status, url);
		goto done;
	}
	say(d, FINE, "self_hosted", "server %s reachable at %s", id, url);
	if (json_parse(buf_str(&body), body.n, &v, NULL) == 0)
		data = json_get(v, "data");
	if (!json_is(data, '['))
		say(d, WARNING, "self_hosted", "server %s did not return a "
		    "parseable /models payload", id);
	else if (json_count(data))
		check_aliases(d, config, id, data);
done:
	free(url);
	buf_free(&body);
	model_target_free(&t);
}

static void
check_servers(struct doctor *d, const struct config *config)
{
	struct jtext servers = json_path(config->v, "self_hosted/servers");

	if (!json_count(servers))
		say(d, FINE, "self_hosted", "no self-hosted servers configured");
	for (struct jiter it = json_iter(servers); json_next(&it); ) {
		char *id = json_str(it.key, NULL);

		check_server(d, config, id);
		free(id);
	}
}

/* ---- mcp.toml ---- */

/* The named servers of one file that the other file has not; -1 after a complaint. */
static int
count_servers(struct doctor *d, const char *root, struct buf *seen)
{
	char *path = xasprintf("%s/.rkat/mcp.toml", root);
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	struct toml *t = NULL, *list, *name;
	int n = 0;

	if (fs_read(path, CONFIG_MAX, &b, &e) == 0)
		t = toml_parse(buf_str(&b), b.n, &e);
	if (!t && e.code != E_NOT_FOUND) {
		say(d, FAILURE, "mcp", "Parse error in %s: %s", path, e.text);
		n = -1;
	}
	list = toml_get(t, "servers");
	for (size_t i = 0; list && i < list->n; i++) {
		char *key;

		name = toml_get(list->kids[i], "name");
		if (!name || name->kind != TOML_STRING) {
			say(d, FAILURE, "mcp", "Parse error in %s: "
			    "servers[%zu].name: want a string", path, i);
			n = -1;
			break;
		}
		key = xasprintf("\n%s\n", name->s);
		if (!strstr(buf_str(seen), key)) {
			buf_puts(seen, key);
			n++;
		}
		free(key);
	}
	toml_free(t);
	buf_free(&b);
	free(path);
	return n;
}

static void
check_mcp(struct doctor *d)
{
	struct buf seen = BUF_INIT;
	int project = count_servers(d, d->c->realm.context_root, &seen);
	int user = d->c->realm.user_root ?
	    count_servers(d, d->c->realm.user_root, &seen) : 0;

	if (project >= 0 && user >= 0)
		say(d, FINE, "mcp", "%d configured server(s)", project + user);
	buf_free(&seen);
}

/* ---- the ground ---- */

/* The nearest directory that exists on the way to path; new. */
static char *
existing(const char *path)
{
	char *p = xstrdup(path), *slash;

	while (!fs_is_dir(p) && (slash = strrchr(p, '/')) && slash != p)
		*slash = '\0';
	if (!fs_is_dir(p))
		p[1] = '\0';
	return p;
}

static void
check_space(struct doctor *d)
{
	char *dir = existing(d->c->realm.state_root);
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct statvfs fs;
	long long mib;

	/* Not every file system has files without a name; then access has to do. */
	if (fd >= 0 || (errno == EOPNOTSUPP && access(dir, W_OK) == 0))
		say(d, FINE, "state", "%s can be written", dir);
	else
		say(d, FAILURE, "state", "%s cannot be written: %s", dir,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	if (statvfs(dir, &fs) == 0) {
		mib = (long long)fs.f_bavail * (long long)fs.f_frsize;
		say(d, mib < LITTLE_SPACE ? WARNING : FINE, "space",
		    "%lld MiB free", mib >> 20);
	}
	free(dir);
}

static void
check_database(struct doctor *d)
{
	char *path = fs_join(d->c->realm.dir, "realm.sqlite3");
	struct err e = ERR_NONE;
	struct db *db = NULL;

	if (!fs_exists(path))
		say(d, FINE, "database", "none yet in realm %s",
		    d->c->realm.id);
	else if (!(db = db_open(&d->c->realm, &e)) || db_check(db, &e) < 0)
		say(d, FAILURE, "database", "%s", e.text);
	else
		say(d, FINE, "database", "%s is sound", path);
	db_close(db);
	free(path);
}

static void
check_sandbox(struct doctor *d, const struct config *config)
{
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	uint32_t action = SECCOMP_RET_ERRNO;
	bool seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0,
	    &action) == 0;
	enum verdict v = config_bool(config, "shell/sandbox_required",
	    false) ? FAILURE : WARNING;

	if (landlock > 0)
		say(d, FINE, "sandbox", "Landlock, version %ld", landlock);
	else
		say(d, v, "sandbox", "the kernel has no Landlock");
	if (seccomp)
		say(d, FINE, "sandbox", "seccomp");
	else
		say(d, v, "sandbox", "the kernel has no seccomp filters");
	if (http_version())
		say(d, FINE, "libcurl", "%s", http_version());
	else
		say(d, FAILURE, "libcurl", "libcurl.so.4 cannot be loaded");
}

/* ---- all of it ---- */

static void
examine(struct doctor *d)
{
	struct config config = { .v = JTEXT_NONE };
	struct err e = ERR_NONE;

	check_config(d);
	if (config_load(&d->c->realm, &config, &e) < 0)
		say(d, FAILURE, "config", "%s", e.text);
	check_keys(d, &config);
	check_servers(d, &config);
	check_mcp(d);
	check_space(d);
	check_database(d);
	check_sandbox(d, &config);
	config_free(&config);
}

int
verb_doctor(struct cmd *c, int argc, char *argv[])
{
	struct doctor d = { .c = c };
	int rc;

	if (cmd_args(c, argc, argv, 0) < 0 || cmd_realm(c) < 0)
		return -1;
	if (c->json) {
		jput_open(&d.out, '{');
		jput_key(&d.out, "checks");
		jput_open(&d.out, '[');
	}
	examine(&d);
	if (c->json) {
		jput_close(&d.out, ']');
		jput_kbool(&d.out, "ok", !d.bad);
		jput_close(&d.out, '}');
		rc = cmd_pretty(c, &d.out);
	} else {
		if (!d.bad)
			say(&d, FINE, "doctor", "setup looks good");
		rc = cmd_write(c, &d.out);
	}
	buf_free(&d.out);
	if (rc == 0 && d.bad)
		rc = err_set(&c->e, E_FAILED,
		    "doctor found issues; review the warnings above");
	return rc;
}
