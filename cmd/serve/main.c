/*
 * rkat-serve: the toolkit for programs.  Called as rkat-rpc it is the JSON-RPC server
 * of the contract (rpc sheet section 1).  It runs no turns itself: workers do.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/util.h"
#include "runner/pool.h"
#include "serve/listen.h"
#include "serve/rpc.h"
#include "serve/turns.h"
#include "store/db.h"
#include "store/realm.h"

#define WORKERS 64
#define WORKERS_MAX 4096
#define WORKER_JOBS 1000	/* then it is replaced */

struct server {
	struct realm_opts opts;
	const char *tcp, *unix_path;
	long workers;
	struct realm realm;
	struct event_base *base;
	struct db *db;
	struct pool *pool;
	struct turns *turns;
	struct rpc *rpc;
	struct listener *listeners[2];
	char *turn;		/* rkat-turn */
};

static int
help(void)
{
	printf("usage: %s [options]\n"
	    "\n"
	    "Serves JSON-RPC 2.0, one message a line, on standard input and output.\n"
	    "\n"
	    "  --tcp host:port       listen there instead (loopback only)\n"
	    "  --unix path           and, or, on a Unix socket\n"
	    "  --workers n           so many turns at once (default %d)\n"
	    "  --realm id            which realm (default: a new one)\n"
	    "  --isolated            a new one, whatever the environment says\n"
	    "  --state-root dir, --context-root dir, --user-config-root dir,\n"
	    "  --instance id, --realm-backend sqlite\n"
	    "  --version, --help\n", prog, WORKERS);
	return fflush(stdout) ? 1 : 0;
}

static int
version(void)
{
	printf("%s " RKAT_VERSION " (contract " RKAT_CONTRACT ")\n", prog);
	return fflush(stdout) ? 1 : 0;
}

static int
usage(void)
{
	fprintf(stderr, "usage: %s [--tcp host:port] [--unix path] "
	    "[--workers n] [realm options]\n", prog);
	return 2;
}

/* -1: go on; else the exit status. */
static int
parse(struct server *s, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "rpc", no_argument, NULL, 'r' },
		{ "tcp", required_argument, NULL, 't' },
		{ "unix", required_argument, NULL, 'u' },
		{ "workers", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	char *end;
	int o;

	while ((o = getopt_long(argc, argv, "hV", opts, NULL)) != -1)
		switch (o) {
		case 'r': break;
		case 't': s->tcp = optarg; break;
		case 'u': s->unix_path = optarg; break;
		case 'w':
			s->workers = strtol(optarg, &end, 10);
			if (*end || s->workers < 1 || s->workers > WORKERS_MAX) {
				fprintf(stderr, "%s: --workers: want a number "
				    "from 1 to %d, not '%s'\n", prog,
				    WORKERS_MAX, optarg);
				return 2;
			}
			break;
		case 'h': return help();
		case 'V': return version();
		default: return usage();
		}
	return optind < argc ? usage() : -1;
}

/* ---- clients ---- */

static void
on_accept(void *arg, int fd)
{
	struct server *s = arg;

	rpc_connect(s->rpc, fd, fd, RPC_SOCKET);
}

static int
start_listening(struct server *s, struct err *e)
{
	if (s->tcp && !(s->listeners[0] = listen_tcp(s->base, s->tcp,
	    on_accept, s, e)))
		return -1;
	if (s->unix_path && !(s->listeners[1] = listen_unix(s->base,
	    s->unix_path, on_accept, s, e)))
		return -1;
	for (size_t i = 0; i < COUNT(s->listeners); i++)
		if (s->listeners[i])
			fprintf(stderr, "%s listening on %s\n", prog,
			    listen_name(s->listeners[i]));
	return 0;
}

/*
 * fd as a descriptor of ours that does not block.  A pipe or terminal is opened again:
 * its flags are shared with others, who did not ask for that.
 */
static int
own_fd(int fd, int mode)
{
	char path[32];
	struct stat st;
	int own = -1;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		own = open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own < 0 && (own = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0)
		fcntl(own, F_SETFL, fcntl(own, F_GETFL) | O_NONBLOCK);
	return own;
}

static int
serve_stdio(struct server *s, struct err *e)
{
	int in = own_fd(STDIN_FILENO, O_RDONLY);
	int out = own_fd(STDOUT_FILENO, O_WRONLY);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (in < 0 || out < 0 || null < 0)
		return err_sys(e, E_FAILED, "standard input and output");
	/* Nothing else reads there or writes between our lines. */
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	rpc_connect(s->rpc, in, out, RPC_STDIO);
	return 0;
}

/* ---- life ---- */

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct server *s = arg;

	(void)sig;
	(void)what;
	for (size_t i = 0; i < COUNT(s->listeners); i++) {
		listen_close(s->listeners[i]);
		s->listeners[i] = NULL;
	}
	rpc_drain(s->rpc, 0);
}

/* epoll refuses files, which standard input may be. */
static struct event_base *
new_base(bool stdio)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	if (stdio)
		event_config_require_features(c, EV_FEATURE_FDS);
	base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

/* rkat-turn beside us first, so that an installation is one thing; then PATH. */
static char *
find_turn(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash, *path;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		path = fs_join(self, "rkat-turn");
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return proc_which("rkat-turn");
}

static int
open_realm(struct server *s, struct err *e)
{
	/* Without a word about it: a new one (sheet section 1). */
	if (!s->opts.realm)
		s->opts.isolated = true;
	if (realm_resolve(&s->opts, &s->realm, e) < 0 ||
	    realm_create(&s->realm, e) < 0 ||
	    !(s->db = db_open(&s->realm, e)))
		return -1;
	if (!(s->turn = find_turn()))
		return err_set(e, E_FAILED, "rkat-turn is not installed");
	return 0;
}

static int
dispatch(struct server *s, struct err *e)
{
	struct event *signals[3];
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	bool stdio = !s->tcp && !s->unix_path;
	int rc;

	for (size_t i = 0; i < COUNT(signals); i++) {
		signals[i] = evsignal_new(s->base, numbers[i], on_signal, s);
		event_add(signals[i], NULL);
	}
	rc = stdio ? serve_stdio(s, e) : start_listening(s, e);
	if (rc == 0)
		event_base_dispatch(s->base);
	for (size_t i = 0; i < COUNT(signals); i++)
		event_free(signals[i]);
	return rc;
}

static int
run(struct server *s, struct err *e)
{
	static char realm[] = "--realm", state[] = "--state-root",
	    context[] = "--context-root", user[] = "--user-config-root",
	    worker[] = "--worker";
	char *argv[11] = { NULL };

	if (open_realm(s, e) < 0)
		return -1;
	memcpy(argv, (char *[]){ s->turn, worker, realm, s->realm.id, state,
	    s->realm.state_root, context, s->realm.context_root,
	    s->realm.user_root ? user : NULL, s->realm.user_root },
	    10 * sizeof *argv);
	s->base = new_base(!s->tcp && !s->unix_path);
	s->pool = pool_new(&(struct pool_opts){ .base = s->base, .argv = argv,
	    .max = (size_t)s->workers, .recycle = WORKER_JOBS });
	s->turns = turns_new(s->db, s->pool);
	s->rpc = rpc_new(&(struct rpc_opts){ .base = s->base, .db = s->db,
	    .pool = s->pool, .turns = s->turns });
	return dispatch(s, e);
}

/* As many clients and workers as the system allows. */
static void
raise_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int
close_all(struct server *s, int status)
{
	if (s->rpc && rpc_broken(s->rpc))
		status = 1;
	for (size_t i = 0; i < COUNT(s->listeners); i++)
		listen_close(s->listeners[i]);
	rpc_free(s->rpc);
	turns_free(s->turns);
	pool_free(s->pool);
	db_close(s->db);
	if (s->base)
		event_base_free(s->base);
	realm_free(&s->realm);
	free(s->turn);
	proc_end_all();
	return status;
}

int
main(int argc, char *argv[])
{
	const char *name = strrchr(argv[0], '/');
	struct server s = { .workers = WORKERS };
	struct err e = ERR_NONE;
	int status;

	name = name ? name + 1 : argv[0];
	prog = strcmp(name, "rkat-rpc") ? "rkat-serve" : "rkat-rpc";
	proc_subreaper();
	if (realm_args(&argc, argv, &s.opts, &e) < 0)
		return err_report(prog, &e);
	if ((status = parse(&s, argc, argv)) >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	raise_limit();
	status = run(&s, &e) < 0 ? err_report(prog, &e) : 0;
	return close_all(&s, status);
}
