#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "tool/landlock.h"

/* The kernel's interface; the header of Debian 12 ends at version 2. */
#define CREATE_VERSION (1U << 0)
#define RULE_PATH_BENEATH 1
struct rules_attr {
	uint64_t fs, net, scoped;
};
struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

#define NET_BIND_TCP	(1ULL << 0)	/* version 4 */
#define NET_CONNECT_TCP	(1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)	/* version 6 */
#define SCOPE_SIGNAL	(1ULL << 1)

#define LL_WRITES (LL_WRITE_FILE | LL_REMOVE_DIR | LL_REMOVE_FILE | \
	LL_MAKE_CHAR | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SOCK | \
	LL_MAKE_FIFO | LL_MAKE_BLOCK | LL_MAKE_SYM | LL_REFER | \
	LL_TRUNCATE | LL_IOCTL_DEV)
#define LL_READS (LL_EXECUTE | LL_READ_FILE | LL_READ_DIR)
/* What may be said of a file that is no directory. */
#define LL_OF_FILES (LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | \
	LL_IOCTL_DEV)
/* Nobody makes devices, and nobody drives those that are there. */
#define LL_AT_HOME ((LL_WRITES | LL_READS) & \
	~(LL_MAKE_CHAR | LL_MAKE_BLOCK | LL_IOCTL_DEV))

static const char *const devices[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	"/dev/tty",
};

/* strict: where programs, libraries and their tables are. */
static const char *const system_places[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/nix/store", "/gnu/store",
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",
	"/etc/ld.so.conf.d", "/etc/ld.so.preload", "/etc/passwd", "/etc/group",
	"/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf",
	"/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/localtime",
	"/etc/timezone", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
	"/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/mime.types",
	"/etc/magic", "/etc/terminfo", "/etc/inputrc", "/etc/bash.bashrc",
	"/etc/profile", "/etc/profile.d", "/etc/gitconfig", "/etc/locale.alias",
	"/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo",
	"/proc/stat", "/proc/uptime", "/proc/version", "/proc/sys/kernel",
	"/proc/sys/vm", "/sys/devices/system/cpu",
};

/* workspace: what stays unread; below the home directory unless it begins with '/'. */
static const char *const secrets[] = {
	".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc",
	".npmrc", ".pypirc", ".git-credentials", ".vault-token",
	".password-store", ".mozilla", ".terraform.d", ".config/gcloud",
	".config/gh", ".config/hub", ".config/git/credentials", ".config/op",
	".config/google-chrome", ".config/chromium", ".config/rclone",
	".local/share/keyrings", ".cargo/credentials",
	".cargo/credentials.toml", ".rkat", ".bash_history", ".zsh_history",
	"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-",
	"/etc/sudoers", "/etc/sudoers.d", "/etc/ssl/private",
};

int
landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return v > 0 ? (int)v : 0;
}

const char *
landlock_missing(int version)
{
	return version < 1 ? "Landlock (Linux 5.13): files are not protected" :
	    version < 3 ? "Landlock version 3 (Linux 6.2): files outside can be "
	    "truncated, devices driven, processes signalled" :
	    version < 5 ? "Landlock version 5 (Linux 6.10): devices can be driven, "
	    "processes outside signalled" :
	    version < 6 ? "Landlock version 6 (Linux 6.12): processes outside can "
	    "be signalled" : "";
}

/* ---- rules ---- */

struct rules {
	int fd;
	uint64_t handled;
	char **denied;		/* canonical paths */
	size_t n_denied;
};

static int
add(const struct rules *r, int fd, uint64_t allowed)
{
	struct path_attr a = { .allowed = allowed & r->handled, .parent = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		a.allowed &= LL_OF_FILES;
	if (!a.allowed)
		return 0;
	return (int)syscall(SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &a,
	    0);
}

/* What does not exist needs no rule. */
static int
allow(const struct rules *r, const char *path, uint64_t allowed)
{
	int fd = open(path, O_PATH | O_CLOEXEC), rc;

	if (fd < 0)
		return 0;
	rc = add(r, fd, allowed);
	close(fd);
	return rc;
}

/* Is path one of those that stay unread (0), on the way to one (1), or neither (-1)? */
static int
nearness(const struct rules *r, const char *path)
{
	size_t n = strcmp(path, "/") ? strlen(path) : 0;
	int near = -1;

	for (size_t i = 0; i < r->n_denied; i++) {
		if (!strcmp(r->denied[i], path))
			return 0;
		if (!strncmp(r->denied[i], path, n) && r->denied[i][n] == '/')
			near = 1;
	}
	return near;
}

/*
 * Rules only ever allow, so what stays unread is left out: on the way to it each
 * neighbour gets its own rule.  What is made there later is not readable until the
 * next command.
 */
static int
allow_reading(const struct rules *r, const char *path)
{
	int near = nearness(r, path), rc = 0;
	struct dirent *d;
	DIR *dir;

	if (near == 0)
		return 0;
	if (near < 0)
		return allow(r, path, LL_READ_FILE);
	if (!(dir = opendir(path)))
		return 0;
	while (rc == 0 && (d = readdir(dir))) {
		char *sub;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    d->d_type == DT_LNK)
			continue;
		sub = fs_join(path, d->d_name);
		rc = allow_reading(r, sub);
		free(sub);
	}
	closedir(dir);
	return rc;
}

static void
deny(struct rules *r, const char *dir, const char *name)
{
	char *path = dir ? fs_join(dir, name) : xstrdup(name);
	char *real = realpath(path, NULL);

	free(path);
	if (!real)
		return;
	r->denied = xrealloc(r->denied, (r->n_denied + 1) * sizeof *r->denied);
	r->denied[r->n_denied++] = real;
}

static void
deny_secrets(struct rules *r, const struct sandbox_spec *spec)
{
	const char *home = getenv("HOME");

	for (size_t i = 0; i < COUNT(secrets); i++)
		if (*secrets[i] == '/')
			deny(r, NULL, secrets[i]);
		else if (home && *home == '/')
			deny(r, home, secrets[i]);
	if (spec->realm && spec->realm->state_root)
		deny(r, NULL, spec->realm->state_root);
	if (spec->realm && spec->realm->user_root)
		deny(r, spec->realm->user_root, ".rkat");
}

static int
allow_all(const struct rules *r, const char *const *paths, size_t n,
    uint64_t allowed)
{
	for (size_t i = 0; i < n; i++)
		if (allow(r, paths[i], allowed) < 0)
			return -1;
	return 0;
}

static int
fill(struct rules *r, const struct sandbox_spec *spec, const char *tmp)
{
	if (allow_all(r, devices, COUNT(devices), LL_OF_FILES & ~LL_EXECUTE) < 0 ||
	    allow(r, spec->root, LL_AT_HOME) < 0 ||
	    allow(r, tmp, LL_AT_HOME) < 0)
		return -1;
	if (spec->mode == SANDBOX_WORKSPACE)
		return allow_reading(r, "/");
	if (spec->program && allow(r, spec->program, LL_READS) < 0)
		return -1;
	return allow_all(r, system_places, COUNT(system_places), LL_READS);
}

int
landlock_rules(const struct sandbox_spec *spec, const char *tmp, int version,
    struct err *e)
{
	bool strict = spec->mode == SANDBOX_STRICT;
	struct rules_attr a = { .fs = LL_WRITES | (strict ? LL_READS :
	    LL_READ_FILE) };
	struct rules r = { .fd = -1 };
	size_t size = sizeof a;
	int rc;

	if (version < 2)
		a.fs &= ~LL_REFER;
	if (version < 3)
		a.fs &= ~LL_TRUNCATE;
	if (version < 5)
		a.fs &= ~LL_IOCTL_DEV;
	if (version >= 4 && !spec->network)
		a.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (version >= 6)
		a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	if (version < 6)
		size = version < 4 ? sizeof a.fs : 2 * sizeof a.fs;
	r.handled = a.fs;
	r.fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (r.fd < 0)
		return err_sys(e, E_INTERNAL_ERROR, "sandbox: Landlock");
	if (!strict)
		deny_secrets(&r, spec);
	rc = fill(&r, spec, tmp);
	if (rc < 0) {
		err_sys(e, E_INTERNAL_ERROR, "sandbox: Landlock rule");
		close(r.fd);
	}
	for (size_t i = 0; i < r.n_denied; i++)
		free(r.denied[i]);
	free(r.denied);
	return rc < 0 ? -1 : r.fd;
}

/* A process may look at itself; which one that is, only it knows. */
static int
allow_self(int rules)
{
	struct path_attr a = { .allowed = LL_READ_FILE | LL_READ_DIR };
	int rc;

	if ((a.parent = open("/proc/self", O_PATH | O_CLOEXEC)) < 0)
		return 0;
	rc = (int)syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &a, 0);
	close(a.parent);
	return rc;
}

int
landlock_enter(int rules, bool strict)
{
	if (strict && allow_self(rules) < 0)
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, rules, 0);
}
