#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/json.h"
#include "base/util.h"
#include "store/realm.h"

#define ID_MAX 64
#define MANIFEST_MAX 65536

/* ---- which realm: cli sheet 9.1 ---- */

static bool
alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

bool
realm_id_valid(const char *id)
{
	size_t n = strlen(id);

	if (n == 0 || n > ID_MAX || !alnum(*id) || uuid_valid(id))
		return false;
	if (n == 32 && strspn(id, "0123456789abcdefABCDEF") == 32)
		return false;	/* a UUID without hyphens */
	for (size_t i = 0; i < n; i++)
		if (!alnum(id[i]) && id[i] != '_' && id[i] != '-')
			return false;
	return true;
}

static uint64_t
fnv1a64(const char *s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h;
}

/* Absolute, links resolved if it exists; new. */
static char *
absolute(const char *path, struct err *e)
{
	char *real = realpath(path, NULL), *cwd, *joined;

	if (real)
		return real;
	if (*path == '/')
		return xstrdup(path);
	if (!(cwd = getcwd(NULL, 0))) {
		err_sys(e, E_FAILED, "current directory");
		return NULL;
	}
	joined = fs_join(cwd, path);
	free(cwd);
	return joined;
}

static bool
has_rkat(const char *dir)
{
	char *path = fs_join(dir, ".rkat");
	struct stat st;
	bool yes = lstat(path, &st) == 0;

	free(path);
	return yes;
}

/* The user's directory, also where nothing has set HOME (systemd, env -i); new or NULL. */
static char *
home_dir(void)
{
	const char *env = getenv("HOME");
	struct passwd pw, *found;
	char text[4096];

	if (env && *env == '/')
		return xstrdup(env);
	if (getpwuid_r(geteuid(), &pw, text, sizeof text, &found) != 0 ||
	    !found || *pw.pw_dir != '/')
		return NULL;
	return xstrdup(pw.pw_dir);
}

/*
 * The nearest directory upwards with a .rkat in it, else the current one.  The one of
 * the home directory counts only there: else everything below it would be one realm.
 */
static char *
project_root(struct err *e)
{
	char *env = home_dir(), *home = env ? realpath(env, NULL) : NULL;
	char *cwd = getcwd(NULL, 0), *dir, *slash;

	free(env);
	if (!cwd) {
		err_sys(e, E_FAILED, "current directory");
		free(home);
		return NULL;
	}
	dir = xstrdup(cwd);
	while (!has_rkat(dir) ||
	    (home && !strcmp(dir, home) && strcmp(dir, cwd))) {
		if (!strcmp(dir, "/")) {
			free(dir);
			dir = xstrdup(cwd);
			break;
		}
		slash = strrchr(dir, '/');
		slash[slash == dir] = '\0';
	}
	free(home);
	free(cwd);
	return dir;
}

static char *
data_root(void)
{
	const char *xdg = getenv("XDG_DATA_HOME");
	char *home = home_dir(), *path;

	if (xdg && *xdg == '/')
		path = fs_join(xdg, "meerkat/realms");
	else if (home)
		path = fs_join(home, ".local/share/meerkat/realms");
	else
		path = xstrdup("meerkat/realms");
	free(home);
	return path;
}

/* Every byte that is not of the id's alphabet becomes '_'. */
static char *
realm_path(const char *state_root, const char *id)
{
	char *name = xstrdup(id), *path;

	for (char *s = name; *s; s++)
		if (!alnum(*s) && *s != '_' && *s != '-')
			*s = '_';
	path = fs_join(state_root, name);
	free(name);
	return path;
}

static int
choose_id(const struct realm_opts *o, struct realm *r, struct err *e)
{
	char id[UUID_LEN + 1];

	if (o->realm && o->isolated)
		return err_set(e, E_INVALID_PARAMS,
		    "`--realm` and `--isolated` cannot be used together");
	if (o->realm) {
		if (!realm_id_valid(o->realm))
			return err_set(e, E_INVALID_PARAMS,
			    "invalid explicit realm id: %s", o->realm);
		r->id = xstrdup(o->realm);
		r->origin = xstrdup("explicit");
	} else if (o->isolated) {
		uuid_v7(id);
		r->id = xasprintf("realm-%s", id);
		r->origin = xstrdup("generated");
	} else {
		r->id = xasprintf("ws-%016" PRIx64, fnv1a64(r->context_root));
		r->origin = xstrdup("workspace");
	}
	return 0;
}

static int
check_backend(const char *backend, struct err *e)
{
	if (!backend || !strcmp(backend, "sqlite"))
		return 0;
	if (!strcmp(backend, "jsonl"))
		return err_set(e, E_CAPABILITY_UNAVAILABLE,
		    "realm backend 'jsonl' is not built in; use sqlite");
	return err_set(e, E_INVALID_PARAMS,
	    "--realm-backend: want sqlite or jsonl, not '%s'", backend);
}

static int
want_text(const char *flag, const char *value, struct err *e)
{
	return !value || *value ? 0 :
	    err_set(e, E_INVALID_PARAMS, "%s: empty", flag);
}

static int
find_roots(const struct realm_opts *o, struct realm *r, struct err *e)
{
	char *data;

	if (want_text("--state-root", o->state_root, e) < 0 ||
	    want_text("--context-root", o->context_root, e) < 0 ||
	    want_text("--user-config-root", o->user_root, e) < 0)
		return -1;
	r->context_root = o->context_root ? absolute(o->context_root, e) :
	    project_root(e);
	data = o->state_root ? xstrdup(o->state_root) : data_root();
	r->state_root = absolute(data, e);
	free(data);
	data = o->user_root ? xstrdup(o->user_root) : home_dir();
	if (data)
		r->user_root = absolute(data, e);
	free(data);
	return r->context_root && r->state_root &&
	    (r->user_root || !o->user_root) ? 0 : -1;
}

int
realm_resolve(const struct realm_opts *o, struct realm *r, struct err *e)
{
	memset(r, 0, sizeof *r);
	if (check_backend(o->backend, e) < 0 || find_roots(o, r, e) < 0 ||
	    choose_id(o, r, e) < 0) {
		realm_free(r);
		return -1;
	}
	r->backend = xstrdup(o->backend);
	r->instance = xstrdup(o->instance);
	r->dir = realm_path(r->state_root, r->id);
	return 0;
}

void
realm_free(struct realm *r)
{
	free(r->id);
	free(r->origin);
	free(r->backend);
	free(r->instance);
	free(r->state_root);
	free(r->dir);
	free(r->context_root);
	free(r->user_root);
	if (r->held)
		close(r->held);
	memset(r, 0, sizeof *r);
}

char *
realm_file(const struct realm *r, const char *sub, const char *name,
    const char *suffix)
{
	return xasprintf("%s/%s/%s%s", r->dir, sub, name, suffix);
}

/* ---- the manifest: cli sheet 9.2, 9.3 ---- */

static char *
manifest_path(const char *dir)
{
	return fs_join(dir, "realm_manifest.json");
}

/* NOT_FOUND if there is none. */
int
realm_manifest(const char *dir, struct realm_info *info, struct err *e)
{
	char *path = manifest_path(dir), *created = NULL;
	struct buf b = BUF_INIT;
	struct jtext v;
	int rc = -1;

	memset(info, 0, sizeof *info);
	if (fs_read(path, MANIFEST_MAX, &b, e) < 0)
		goto done;
	if (json_parse(b.p, b.n, &v, NULL) < 0) {
		err_set(e, E_STORAGE_ERROR, "%s: not JSON", path);
		goto done;
	}
	info->id = json_get_str(v, "realm_id");
	info->backend = json_get_str(v, "backend");
	info->origin = json_get_str(v, "origin");
	created = json_get_str(v, "created_at");
	info->created_at = created ? atoll(created) :
	    json_get_i64(v, "created_at", 0);
	if (!info->origin)
		info->origin = xstrdup("legacy_unknown");
	if (!info->id || !info->backend) {
		err_set(e, E_STORAGE_ERROR,
		    "%s: no realm_id or no backend", path);
		goto done;
	}
	rc = 0;
done:
	if (rc < 0)
		realm_info_free(info);
	free(created);
	buf_free(&b);
	free(path);
	return rc;
}

void
realm_info_free(struct realm_info *info)
{
	free(info->id);
	free(info->origin);
	free(info->backend);
	memset(info, 0, sizeof *info);
}

/*
 * Two processes that start at once may both write it: each puts a whole file in
 * place, and both say the same.
 */
static int
write_manifest(const struct realm *r, struct err *e)
{
	char *path = manifest_path(r->dir), created[24];
	struct buf b = BUF_INIT, pretty = BUF_INIT;
	int rc;

	snprintf(created, sizeof created, "%" PRId64, time_ms() / 1000);
	jput_open(&b, '{');
	jput_kcstr(&b, "realm_id", r->id);
	jput_kcstr(&b, "backend", "sqlite");
	jput_kcstr(&b, "origin", r->origin);
	jput_kcstr(&b, "created_at", created);
	jput_close(&b, '}');
	jput_pretty(&pretty, b.p, b.n);
	buf_putc(&pretty, '\n');
	crash_point("manifest.before");
	rc = fs_write_atomic(path, pretty.p, pretty.n, 0600, e);
	crash_point("manifest.after");
	buf_free(&pretty);
	buf_free(&b);
	free(path);
	return rc;
}

/* What is there wins over what this process would have written. */
static int
take_manifest(struct realm *r, struct err *e)
{
	struct realm_info info;
	int rc = -1;

	if (realm_manifest(r->dir, &info, e) < 0)
		return -1;
	if (strcmp(info.id, r->id))
		err_set(e, E_STORAGE_ERROR, "%s belongs to realm '%s'",
		    r->dir, info.id);
	else if (r->backend && strcmp(r->backend, info.backend))
		err_set(e, E_INVALID_PARAMS, "Failed to open realm persistence "
		    "backend: realm '%s' uses '%s', not '%s'", r->id,
		    info.backend, r->backend);
	else
		rc = check_backend(info.backend, e);
	if (rc == 0) {
		free(r->backend);
		r->backend = xstrdup(info.backend);
		free(r->origin);
		r->origin = xstrdup(info.origin);
	}
	realm_info_free(&info);
	return rc;
}

static int
make_dirs(const struct realm *r, struct err *e)
{
	static const char *const subs[] = { "events", "run", "blobs" };
	int rc = 0;

	for (size_t i = 0; i < COUNT(subs) && rc == 0; i++) {
		char *path = fs_join(r->dir, subs[i]);

		rc = fs_is_dir(path) ? 0 : fs_mkdirs(path, 0700, e);
		free(path);
	}
	return rc;
}

/*
 * A shared flock on the directory: realm_delete wants it alone.  The record lock is
 * there to be looked at, as that of a session (lock.c).  1, or 0 if there is no realm,
 * perhaps no more.
 */
static int
hold(struct realm *r, struct err *e)
{
	struct flock mark = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int dir = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir < 0)
		return errno == ENOENT ? 0 :
		    err_sys(e, E_STORAGE_ERROR, "%s", r->dir);
	fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);	/* 0 is none */
	close(dir);
	while (fd > 0 && flock(fd, LOCK_SH) < 0)
		if (errno != EINTR) {
			close(fd);
			fd = -1;
		}
	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &mark) < 0) {
		err_sys(e, E_STORAGE_ERROR, "lock %s", r->dir);
		if (fd > 0)
			close(fd);
		return -1;
	}
	if (fs_same(fd, r->dir)) {
		r->held = fd;
		return 1;
	}
	close(fd);
	return 0;
}

/* Somebody may remove it between the two steps: then once more. */
static int
make_and_hold(struct realm *r, struct err *e)
{
	int rc = r->held ? 1 : 0;

	while (rc == 0 && (rc = hold(r, e)) == 0)
		rc = fs_mkdirs(r->dir, 0700, e);
	return rc < 0 ? -1 : 0;
}

int
realm_create(struct realm *r, struct err *e)
{
	struct err mine = ERR_NONE;
	int rc = -1;

	if (make_and_hold(r, &mine) == 0 && (realm_exists(r, NULL) > 0 ||
	    write_manifest(r, &mine) == 0) && make_dirs(r, &mine) == 0)
		rc = take_manifest(r, &mine);
	if (rc == 0)
		return 0;
	if (mine.code == E_INTERNAL_ERROR)	/* EACCES, ENOTDIR ... */
		mine.code = E_STORAGE_ERROR;
	if (e)
		*e = mine;
	return -1;
}

int
realm_exists(const struct realm *r, struct err *e)
{
	char *path = manifest_path(r->dir);
	int rc = access(path, F_OK) == 0 ? 1 : errno == ENOENT ? 0 :
	    err_sys(e, E_STORAGE_ERROR, "%s", path);

	free(path);
	return rc;
}

/* ---- global flags: cli sheet 1.2 ---- */

static const struct flag {
	const char *name;
	size_t offset;
} flags[] = {
	{ "-r", offsetof(struct realm_opts, realm) },
	{ "--realm", offsetof(struct realm_opts, realm) },
	{ "--instance", offsetof(struct realm_opts, instance) },
	{ "--realm-backend", offsetof(struct realm_opts, backend) },
	{ "--state-root", offsetof(struct realm_opts, state_root) },
	{ "--context-root", offsetof(struct realm_opts, context_root) },
	{ "--user-config-root", offsetof(struct realm_opts, user_root) },
};

/* The flag that arg names; *value is set for "--name=value" and "-rvalue". */
static const struct flag *
find_flag(const char *arg, const char **value)
{
	*value = NULL;
	for (size_t i = 0; i < COUNT(flags); i++) {
		size_t n = strlen(flags[i].name);

		if (strncmp(arg, flags[i].name, n) ||
		    (arg[n] && arg[n] != '=' && n > 2))
			continue;
		if (arg[n])
			*value = arg + n + (arg[n] == '=');
		return &flags[i];
	}
	return NULL;
}

static const char *
env_or_null(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

int
realm_args(int *argc, char **argv, struct realm_opts *o, struct err *e)
{
	int out = 1, i;

	memset(o, 0, sizeof *o);
	for (i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
		const char *value;
		const struct flag *f = find_flag(argv[i], &value);

		if (!strcmp(argv[i], "--isolated")) {
			o->isolated = true;
			continue;
		}
		if (!f) {
			argv[out++] = argv[i];
			continue;
		}
		if (!value && !(i + 1 < *argc && (value = argv[++i])))
			return err_set(e, E_INVALID_PARAMS,
			    "%s: a value is required", f->name);
		*(const char **)((char *)o + f->offset) = value;
	}
	while (i < *argc)
		argv[out++] = argv[i++];
	argv[out] = NULL;
	*argc = out;
	if (o->context_root && *o->context_root && !fs_is_dir(o->context_root))
		return err_set(e, E_INVALID_PARAMS, "--context-root %s: no "
		    "such directory", o->context_root);
	if (!o->realm && !o->isolated)
		o->realm = env_or_null("RKAT_REALM");
	if (!o->state_root)
		o->state_root = env_or_null("RKAT_STATE_ROOT");
	return 0;
}
