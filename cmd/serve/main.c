/*
 * rkat-serve: the toolkit for programs.  Called as rkat-rpc it is the JSON-RPC server
 * of the contract (rpc sheet section 1), as rkat-rest the HTTP one (rest sheet section
 * 1).  It runs no turns itself: workers do.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/proc.h"
#include "base/std.h"
#include "base/util.h"
#include "runner/command.h"
#include "runner/drain.h"
#include "runner/pool.h"
#include "serve/auth.h"
#include "serve/feed.h"
#include "serve/limits.h"
#include "serve/notify.h"
#include "serve/rest.h"
#include "serve/rpc.h"
#include "serve/server.h"
#include "serve/turns.h"
#include "store/db.h"
#include "store/lock.h"

#define WORKER_JOBS 1000	/* then it is replaced */
#define WORKER_BYTES ((size_t)64 << 20)	/* likewise */
#define GRACE_MS 10000	/* for turns, when a daemon is told to stop */

/* ---- life ---- */

static void
on_http_idle(void *arg)
{
	struct server *s = arg;

	s->http_idle = true;
	if (s->rpc_idle)
		event_base_loopbreak(s->base);
}

static void
stop(struct server *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	notify(s->notify, "STOPPING=1");
	close_doors(s);
	http_drain(s->http, on_http_idle, s);
}

/* Nothing is left to be done, or (late) to be waited for. */
static void
on_rpc_drained(void *arg, bool late)
{
	struct server *s = arg;

	stop(s);
	rest_end_streams(s->rest);
	s->rpc_idle = true;
	if (s->http_idle || late)
		event_base_loopbreak(s->base);
}

#define SIZE(member) offsetof(struct http_limits, member), true
#define SECONDS(member) offsetof(struct http_limits, member), false

static const struct limit limits_keys[] = {
	{ "connections", SIZE(connections), 1, 1000000 },
	{ "in_flight", SIZE(in_flight), 1, 1000000 },
	{ "subscribers", SIZE(subscribers), 0, 1000000 },
	{ "body_bytes", SIZE(body), 1024, 1 << 30 },
	{ "header_bytes", SIZE(headers), 1024, 1 << 20 },
	{ "buffered_bytes", SIZE(buffered), 4096, 1 << 30 },
	{ "idle_seconds", SECONDS(idle_s), 1, 86400 },
	{ "stall_seconds", SECONDS(stall_s), 1, 86400 },
	{ "keep_alive_seconds", SECONDS(keep_alive_s), 1, 86400 },
};

/* What can change while it runs: limits, tokens, the file of the access log. */
static int
load_files(struct server *s, struct err *e)
{
	const struct options *o = &s->o;
	struct http_limits limits = HTTP_LIMITS;
	int fd = -1;

	if (o->limits && limits_load(o->limits, limits_keys,
	    COUNT(limits_keys), &limits, e) < 0)
		return -1;
	if (s->auth ? auth_reload(s->auth, e) < 0 : o->token_file &&
	    !(s->auth = auth_load(o->token_file, e)))
		return -1;
	if (o->access_log && !strcmp(o->access_log, "-"))
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (o->access_log)
		fd = open(o->access_log, O_WRONLY | O_APPEND | O_CREAT |
		    O_CLOEXEC | O_NOCTTY, 0600);
	if (o->access_log && fd < 0)
		return err_sys(e, E_FAILED, "--access-log %.200s",
		    o->access_log);
	if (s->access_fd >= 0)
		close(s->access_fd);
	s->access_fd = fd;
	s->limits = limits;
	return 0;
}

static void
on_reload(evutil_socket_t sig, short what, void *arg)
{
	struct server *s = arg;
	struct err e = ERR_NONE;

	(void)sig;
	(void)what;
	notify_reloading(s->notify);
	if (load_files(s, &e) < 0)
		warn("reload: %s; everything stays as it was", e.text);
	http_set_access(s->http, s->access_fd);
	http_set_limits(s->http, &s->limits);
	rpc_set_stall(s->rpc, s->limits.stall_s);
	notify(s->notify, "READY=1");
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct server *s = arg;

	(void)sig;
	(void)what;
	/* Who started us with pipes waits at the other end; said twice it is urgent. */
	rpc_drain(s->rpc, s->o.rpc || s->stopping ? 0 : GRACE_MS);
	stop(s);
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

static int
open_realm(struct server *s, struct err *e)
{
	/* Without a word about it: a new one (sheet section 1). */
	if (!s->o.realm.realm)
		s->o.realm.isolated = true;
	if (realm_resolve(&s->o.realm, &s->realm, e) < 0 ||
	    realm_create(&s->realm, e) < 0 ||
	    !(s->db = db_open(&s->realm, e)))
		return -1;
	return worker_command(&s->worker, &s->realm, e);
}

static bool
is_keeper(void *arg)
{
	return look_for_peerd(arg);
}

static int
dispatch(struct server *s, struct err *e)
{
	struct event *signals[3];
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	int rc;

	for (size_t i = 0; i < COUNT(signals); i++) {
		signals[i] = evsignal_new(s->base, numbers[i],
		    numbers[i] == SIGHUP ? on_reload : on_signal, s);
		event_add(signals[i], NULL);
	}
	rc = turns_watch(s->turns, s->base, &(struct turns_watch_hooks){
	    .wake = rpc_wake_client, .keeper = is_keeper, .arg = s }, e);
	if (rc == 0)
		rc = open_doors(s, e);
	if (rc == 0 && s->o.rpc)
		rc = serve_stdio(s, e);
	if (rc == 0) {
		drain_recover(s->drain);
		notify(s->notify, "READY=1");
		event_base_dispatch(s->base);
	}
	for (size_t i = 0; i < COUNT(signals); i++)
		event_free(signals[i]);
	return rc;
}

static const char *const inherit_names[] = { [INHERIT_REST] = "rest",
    [INHERIT_RPC] = "rpc", NULL };

/* What was asked for, before anything is made. */
static int
settle_options(struct server *s, struct err *e)
{
	const char *to = getenv("NOTIFY_SOCKET");

	s->notify = xstrdup(to);
	unsetenv("NOTIFY_SOCKET");	/* not for our children */
	if (inherit(s->inherited, &s->n_inherited, inherit_names,
	    strcmp(prog, "rkat-rest") ? INHERIT_RPC : INHERIT_REST, e) < 0)
		return -1;
	if (!s->n_inherited && !options_listen(&s->o))
		options_default(&s->o);
	if (s->o.allow_remote && !s->o.token_file)
		return err_set(e, E_INVALID_PARAMS, "--allow-remote: others "
		    "can be let in only with a token: --token-file");
	return load_files(s, e);
}

static bool
is_held(void *arg, const char *session)
{
	const struct server *s = arg;

	return lock_held(&s->realm, session);
}

/* The surfaces and what is behind them. */
static void
build(struct server *s)
{
	s->base = new_base(s->o.rpc);
	s->pool = pool_new(&(struct pool_opts){ .base = s->base,
	    .argv = s->worker.argv, .max = (size_t)s->o.workers,
	    .recycle = WORKER_JOBS, .too_large = WORKER_BYTES,
	    .held = is_held, .arg = s });
	s->drain = drain_new(&(struct drain_opts){ .base = s->base,
	    .db = s->db, .pool = s->pool,
	    .max = (size_t)(s->o.workers - s->o.workers / 4) });
	watch_for_peerd(s);
	s->turns = turns_new(s->db, s->pool, s->drain);
	s->feeds = feeds_new(s->base, &s->realm);
	s->rpc = rpc_new(&(struct rpc_opts){ .base = s->base, .db = s->db,
	    .pool = s->pool, .turns = s->turns, .feeds = s->feeds,
	    .auth = s->auth, .drained = on_rpc_drained, .arg = s });
	s->rest = rest_new(&(struct rest_opts){ .base = s->base, .db = s->db,
	    .pool = s->pool, .turns = s->turns, .feeds = s->feeds,
	    .expose_paths = s->o.expose_paths });
	s->http = http_server_new(&(struct http_opts){ .base = s->base,
	    .routes = rest_routes, .n_routes = rest_n_routes, .arg = s->rest,
	    .limits = s->limits, .auth = s->auth, .hosts = s->o.hosts,
	    .origins = s->o.origins, .access_fd = s->access_fd });
	rest_served_by(s->rest, s->http);
	rpc_set_stall(s->rpc, s->limits.stall_s);
}

static int
run(struct server *s, struct err *e)
{
	if (settle_options(s, e) < 0 || open_realm(s, e) < 0)
		return -1;
	build(s);
	return dispatch(s, e);
}

static int
close_all(struct server *s, int status)
{
	if (s->rpc && rpc_broken(s->rpc))
		status = 1;
	close_doors(s);
	end_peerd(s);
	rpc_free(s->rpc);
	http_server_free(s->http);
	rest_free(s->rest);
	feeds_free(s->feeds);
	turns_free(s->turns);
	drain_free(s->drain);
	pool_free(s->pool);
	db_close(s->db);
	if (s->base)
		event_base_free(s->base);
	auth_free(s->auth);
	if (s->access_fd >= 0)
		close(s->access_fd);
	realm_free(&s->realm);
	options_free(&s->o);
	free(s->notify);
	worker_command_free(&s->worker);
	proc_end_all();
	return status;
}

/* The name that we were called by; options_parse takes the mode from it. */
static const char *
program(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *name = slash ? slash + 1 : argv0;
	static const char *const names[] = { "rkat-rpc", "rkat-rest" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(name, names[i]))
			return names[i];
	return "rkat-serve";
}

int
main(int argc, char *argv[])
{
	struct server s = { .access_fd = -1 };
	struct err e = ERR_NONE;
	int status;

	prog = program(argv[0]);
	std_fill();
	proc_subreaper();
	if (realm_args(&argc, argv, &s.o.realm, &e) < 0)
		return err_report(prog, &e);
	if ((status = options_parse(&s.o, argc, argv)) >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	raise_descriptors();
	status = run(&s, &e) < 0 ? err_report(prog, &e) : 0;
	return close_all(&s, status);
}
