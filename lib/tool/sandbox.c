#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "tool/landlock.h"
#include "tool/sandbox.h"
#include "tool/syscalls.h"

struct sandbox {
	struct sandbox_spec spec;
	char *root, *program;
	char *tmp;
	char *missing;
	int landlock;			/* version; 0: none */
	int rules;			/* descriptor while armed, or -1 */
	struct sock_fprog filter;	/* no instructions: none */
};

static int
make_tmp(struct sandbox *s, struct err *e)
{
	const char *base = getenv("TMPDIR");
	char *path, *real;

	path = xasprintf("%s/rkat-tool.XXXXXX", base && *base ? base : "/tmp");
	real = mkdtemp(path) ? realpath(path, NULL) : NULL;
	if (!real)
		err_sys(e, E_INTERNAL_ERROR, "sandbox: temp directory %s", path);
	s->tmp = real;
	free(path);
	return real ? 0 : -1;
}

/* What the kernel lacks, new; "" if nothing. */
static char *
lacking(bool network)
{
	const char *files = landlock_missing(landlock_version());
	const char *calls = syscalls_supported() ? "" : network ?
	    "seccomp filters: system calls are not limited" :
	    "seccomp filters: neither system calls nor the network are limited";

	return xasprintf("%s%s%s", files, *files && *calls ? "; " : "", calls);
}

char *
sandbox_describe(enum sandbox_mode mode, bool network)
{
	char *lack, *text;

	if (mode == SANDBOX_OFF)
		return xstrdup("There is no sandbox.");
	lack = lacking(network);
	text = xasprintf("It runs in a sandbox: writing works only in the project "
	    "and in $TMPDIR, %s, and there is %s network.%s%s",
	    mode == SANDBOX_STRICT ?
	    "reading only there and where programs are installed" :
	    "files with credentials cannot be read", network ? "a" : "no",
	    *lack ? " Not enforced here: the kernel lacks " : "", lack);
	free(lack);
	return text;
}

struct sandbox *
sandbox_new(const struct sandbox_spec *spec, struct err *e)
{
	static bool told;
	struct sandbox *s = xcalloc(1, sizeof *s);

	s->spec = *spec;
	s->spec.root = s->root = xstrdup(spec->root);
	s->spec.program = s->program = spec->program ?
	    realpath(spec->program, NULL) : NULL;
	s->rules = -1;
	s->landlock = landlock_version();
	if (make_tmp(s, e) < 0 || (syscalls_supported() &&
	    syscalls_filter(spec->network, &s->filter, e) < 0)) {
		sandbox_free(s);
		return NULL;
	}
	s->missing = lacking(spec->network);
	if (*s->missing && !told)
		warn("sandbox: this kernel lacks %s", s->missing);
	told = told || *s->missing;
	return s;
}

void
sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	sandbox_disarm(s);
	if (s->tmp)
		fs_remove_tree(s->tmp, NULL);
	free(s->filter.filter);
	free(s->tmp);
	free(s->missing);
	free(s->root);
	free(s->program);
	free(s);
}

const char *
sandbox_tmp(const struct sandbox *s)
{
	return s->tmp;
}

const char *
sandbox_missing(const struct sandbox *s)
{
	return s->missing;
}

int
sandbox_arm(struct sandbox *s, struct err *e)
{
	sandbox_disarm(s);
	if (!s->landlock)
		return 0;
	s->rules = landlock_rules(&s->spec, s->tmp, s->landlock, e);
	return s->rules < 0 ? -1 : 0;
}

/*
 * Root in the sandbox keeps what touches files that it may touch, and loses the rest
 * at exec: CAP_PERFMON alone lets it read any process, past Landlock.  Who is not
 * privileged has nothing to lose, so errors do not matter.
 */
static void
drop_capabilities(void)
{
	const uint64_t kept = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE |
	    1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | 1ULL << CAP_KILL |
	    1ULL << CAP_SETGID | 1ULL << CAP_SETUID |
	    1ULL << CAP_NET_BIND_SERVICE;

	for (int cap = 0; cap < 64; cap++)
		if (!(kept >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int
sandbox_confine(void *arg)
{
	const struct sandbox *s = arg;

	drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (s->rules >= 0 &&
	    landlock_enter(s->rules, s->spec.mode == SANDBOX_STRICT) < 0)
		return -1;
	return s->filter.len ?
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &s->filter) : 0;
}

void
sandbox_disarm(struct sandbox *s)
{
	if (s->rules >= 0)
		close(s->rules);
	s->rules = -1;
}
