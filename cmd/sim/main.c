#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/std.h"
#include "base/util.h"
#include "sim/record.h"
#include "sim/sim.h"

static const char synopsis[] =
    "usage: rkat-sim [options] script FILE\n"
    "       rkat-sim [options] echo\n"
    "       rkat-sim [options] record --upstream URL DIR\n"
    "       rkat-sim [options] replay DIR\n";

static const char help[] =
    "A stand-in model server on loopback: Anthropic Messages, OpenAI Responses,\n"
    "OpenAI Chat Completions and Gemini, answered from a script.\n"
    "\n"
    "  script FILE             answer by the rules of a script\n"
    "  echo                    answer what was said\n"
    "  record --upstream URL DIR   pass on to a real server, keep the exchanges\n"
    "  replay DIR              answer with the exchanges that were kept\n"
    "\n"
    "  --host ADDR             listen there (127.0.0.1)\n"
    "  --port N                listen on that port; 0 takes a free one (4010)\n"
    "  --ready FILE            write the port there once it listens\n"
    "  --log FILE              append one JSON line per request; - is stdout\n"
    "  --latency MS            wait before every piece of an answer (0)\n"
    "  --chunk N               characters per piece; 0 sends blocks whole (20)\n"
    "  --timeout MS            for a request to arrive (30000)\n"
    "  --lax                   accept requests that a provider would refuse\n"
    "  -h, --help, -V, --version\n";

static const char echo_rules[] =
    "{\"match\":{\"has_tool_result\":true},"
    "\"reply\":{\"text\":\"The tool said: {{tool_result}}\"}}\n"
    "{\"reply\":{\"text\":\"You said: {{user}}\"}}\n";

struct options {
	const char *host, *ready, *log, *upstream;
	int64_t port, timeout_ms;
};


static int
usage(void)
{
	fputs(synopsis, stderr);
	return 2;
}

static int
number(const char *option, const char *s, int64_t min, int64_t max,
    int64_t *out)
{
	struct jtext v = json_text(s);

	if (json_check(s, strlen(s), NULL) < 0 || !json_i64(v, out) ||
	    *out < min || *out > max) {
		warn("--%s %s: want a number from %lld to %lld", option, s,
		    (long long)min, (long long)max);
		return -1;
	}
	return 0;
}

enum { O_HOST = 1, O_PORT, O_READY, O_LOG, O_LATENCY, O_CHUNK, O_TIMEOUT,
	O_LAX, O_UPSTREAM };

static const struct option options[] = {
	{ "host", required_argument, NULL, O_HOST },
	{ "port", required_argument, NULL, O_PORT },
	{ "ready", required_argument, NULL, O_READY },
	{ "log", required_argument, NULL, O_LOG },
	{ "latency", required_argument, NULL, O_LATENCY },
	{ "chunk", required_argument, NULL, O_CHUNK },
	{ "timeout", required_argument, NULL, O_TIMEOUT },
	{ "lax", no_argument, NULL, O_LAX },
	{ "upstream", required_argument, NULL, O_UPSTREAM },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

/* -1 to go on, or the exit status. */
static int
parse_options(int argc, char *argv[], struct options *o, struct sim *s)
{
	int64_t *n;
	int64_t max;
	int c, index = 0;

	while ((c = getopt_long(argc, argv, "hV", options, &index)) != -1) {
		n = NULL;
		max = 3600000;
		switch (c) {
		case O_HOST: o->host = optarg; break;
		case O_PORT: n = &o->port; max = 65535; break;
		case O_READY: o->ready = optarg; break;
		case O_LOG: o->log = optarg; break;
		case O_LATENCY: n = &s->defaults.chunk_delay_ms; break;
		case O_CHUNK: n = &s->defaults.chunk; max = INT32_MAX; break;
		case O_TIMEOUT: n = &o->timeout_ms; break;
		case O_LAX: s->lax = true; break;
		case O_UPSTREAM: o->upstream = optarg; break;
		case 'h': return std_say("%s\n%s", synopsis, help);
		case 'V': return std_version();
		default: return usage();
		}
		if (n && number(options[index].name, optarg,
		    n == &o->timeout_ms, max, n) < 0)
			return 2;
	}
	return -1;
}

/* 1 is a usage error. */
static int
set_mode(int argc, char *argv[], const struct options *o, struct sim *s,
    struct err *e)
{
	const char *mode = argc > 0 ? argv[0] : "";

	if (!strcmp(mode, "record") && argc == 2 && o->upstream)
		return (s->recorder = recorder_open(s->base, o->upstream,
		    argv[1], e)) ? 0 : -1;
	if (o->upstream)
		return 1;
	if (!strcmp(mode, "replay") && argc == 2)
		return (s->replay = replay_open(argv[1], &s->defaults, e)) ? 0 : -1;
	if (!strcmp(mode, "script") && argc == 2)
		return script_load(&s->script, argv[1], &s->defaults, e);
	if (!strcmp(mode, "echo") && argc == 1)
		return script_parse(&s->script, echo_rules,
		    sizeof echo_rules - 1, "echo", &s->defaults, e);
	return 1;
}

/* A recorder hands requests on with their keys: not for the neighbours. */
static int
check_host(const struct options *o, const struct sim *s, struct err *e)
{
	if (!strcmp(o->host, "localhost") || !strncmp(o->host, "127.", 4) ||
	    !strcmp(o->host, "::1"))
		return 0;
	if (s->recorder)
		return err_set(e, E_INVALID_PARAMS,
		    "--host %s: record listens on loopback only", o->host);
	warn("--host %s: everybody who can reach it can use it", o->host);
	return 0;
}

static int
open_log(const char *path, struct err *e)
{
	int fd;

	if (!strcmp(path, "-"))
		return STDOUT_FILENO;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		err_sys(e, E_FAILED, "--log %s", path);
	return fd;
}

static int
tell_port(const struct options *o, const struct sim *s, struct err *e)
{
	int port = http_port(s->http);
	char text[16];
	int n = snprintf(text, sizeof text, "%d\n", port);

	if (o->ready && fs_write_atomic(o->ready, text, (size_t)n, 0644, e) < 0)
		return err_wrap(e, "--ready");
	fprintf(stderr, strchr(o->host, ':') ?
	    "%s: listening on http://[%s]:%d\n" :
	    "%s: listening on http://%s:%d\n", prog, o->host, port);
	return 0;
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	event_base_loopbreak(arg);
}

static int
serve(const struct options *o, struct sim *s, struct err *e)
{
	const struct http_hooks hooks = { sim_handle, sim_refuse, s };
	struct event *term, *intr;
	int rc = -1;

	term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
	intr = evsignal_new(s->base, SIGINT, on_signal, s->base);
	event_add(term, NULL);
	event_add(intr, NULL);
	s->http = http_open(s->base, o->host, (int)o->port, o->timeout_ms,
	    &hooks, e);
	if (s->http && tell_port(o, s, e) == 0) {
		event_base_dispatch(s->base);
		rc = 0;
	}
	http_close(s->http);
	event_free(term);
	event_free(intr);
	return rc;
}

/* As many connections as the system allows. */
static void
raise_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

int
main(int argc, char *argv[])
{
	struct options o = { .host = "127.0.0.1", .port = 4010,
	    .timeout_ms = 30000 };
	struct sim s = { .defaults = { .chunk = 20 }, .log = -1 };
	struct err e = ERR_NONE;
	int rc;

	std_fill();
	prog = "rkat-sim";
	if ((rc = parse_options(argc, argv, &o, &s)) >= 0)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	s.base = event_base_new();
	rc = set_mode(argc - optind, argv + optind, &o, &s, &e);
	if (rc > 0) {
		warn(optind < argc ? "unknown mode, or wrong arguments for it: %s" :
		    "want a mode", argv[optind]);
		rc = usage();
		goto done;
	}
	if (rc == 0)
		rc = check_host(&o, &s, &e);
	if (rc == 0 && o.log && (s.log = open_log(o.log, &e)) < 0)
		rc = -1;
	if (rc == 0)
		rc = serve(&o, &s, &e);
	if (rc < 0)
		rc = err_report(prog, &e);
done:
	recorder_close(s.recorder);
	replay_close(s.replay);
	script_free(&s.script);
	if (s.log > STDOUT_FILENO)
		close(s.log);
	event_base_free(s.base);
	return rc;
}
