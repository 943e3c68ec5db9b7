#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "runner/command.h"
#include "store/realm.h"

char *
command_path(const char *name, struct err *e)
{
	char self[4096], *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		path = fs_join(self, name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	if (!(path = proc_which(name)))
		err_set(e, E_FAILED, "%s is not installed", name);
	return path;
}

int
worker_command(struct worker_command *w, struct realm *r, struct err *e)
{
	static char realm[] = "--realm", state[] = "--state-root",
	    context[] = "--context-root", user[] = "--user-config-root",
	    worker[] = "--worker";
	char *turn = command_path("rkat-turn", e);

	if (!turn)
		return -1;
	*w = (struct worker_command){ .argv = { turn, worker, realm, r->id,
	    state, r->state_root, context, r->context_root,
	    r->user_root ? user : NULL, r->user_root } };
	return 0;
}

void
worker_command_free(struct worker_command *w)
{
	free(w->argv[0]);
	w->argv[0] = NULL;
}

void
raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}
