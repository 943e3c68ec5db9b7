#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/option.h"
#include "base/std.h"
#include "base/util.h"
#include "serve/options.h"

#define WORKERS 64
#define WORKERS_MAX 4096

static int
help(void)
{
	return std_say("usage: %s [options]\n"
	    "\n"
	    "Serves sessions to programs: JSON-RPC 2.0 as lines, and HTTP.\n"
	    "\n"
	    "  --rpc                   JSON-RPC on standard input and output\n"
	    "  --tcp host:port         JSON-RPC on a port\n"
	    "  --unix path             JSON-RPC on a Unix socket\n"
	    "  --rest[=host:port]      HTTP (default: rest.host and rest.port of the\n"
	    "                          configuration; 127.0.0.1:8080)\n"
	    "  --rest-unix path        HTTP on a Unix socket\n"
	    "  --workers n             so many turns at once (default %d)\n"
	    "  --token-file file       who connects shows one of these tokens\n"
	    "  --allow-remote          listen beyond loopback; needs --token-file\n"
	    "  --allow-host name       HTTP: another Host that is ours\n"
	    "  --allow-origin origin   HTTP: pages of this Origin may call\n"
	    "  --limits file           limits as TOML; read again on SIGHUP\n"
	    "  --access-log file       HTTP: a JSON line for each request (-: standard error)\n"
	    "  --expose-paths          tell where files are in answers about config\n"
	    "  --realm id              which realm (default: a new one)\n"
	    "  --isolated              a new one, whatever the environment says\n"
	    "  --state-root dir, --context-root dir, --user-config-root dir,\n"
	    "  --instance id, --realm-backend sqlite\n"
	    "  --version, --help\n", prog, WORKERS);
}

static int
usage(void)
{
	fprintf(stderr, "usage: %s [--rpc] [--tcp host:port] [--unix path] "
	    "[--rest[=host:port]] [--rest-unix path] [options]\n", prog);
	return 2;
}

static void
add(const char ***list, const char *s)
{
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	*list = xrealloc(*list, (n + 2) * sizeof **list);
	(*list)[n] = s;
	(*list)[n + 1] = NULL;
}

/* One option; -1: go on. */
static int
take(struct options *o, int c, const char *arg)
{
	struct err e = ERR_NONE;

	switch (c) {
	case 'r': o->rpc = true; break;
	case 't': o->tcp = arg; break;
	case 'u': o->unix_path = arg; break;
	case 'R':
		o->rest = true;
		o->rest_at = arg;
		break;
	case 'U': o->rest_unix = arg; break;
	case 'w':
		if (option_number(&o->workers, 1, WORKERS_MAX, "--workers",
		    arg, &e) < 0)
			return err_report(prog, &e);
		break;
	case 'a': o->allow_remote = true; break;
	case 'T': o->token_file = arg; break;
	case 'H': add(&o->hosts, arg); break;
	case 'O': add(&o->origins, arg); break;
	case 'l': o->limits = arg; break;
	case 'A': o->access_log = arg; break;
	case 'x': o->expose_paths = true; break;
	case 'h': return help();
	case 'V': return std_version();
	default: return usage();
	}
	return -1;
}

int
options_parse(struct options *o, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "rpc", no_argument, NULL, 'r' },
		{ "tcp", required_argument, NULL, 't' },
		{ "unix", required_argument, NULL, 'u' },
		{ "rest", optional_argument, NULL, 'R' },
		{ "rest-unix", required_argument, NULL, 'U' },
		{ "workers", required_argument, NULL, 'w' },
		{ "allow-remote", no_argument, NULL, 'a' },
		{ "token-file", required_argument, NULL, 'T' },
		{ "allow-host", required_argument, NULL, 'H' },
		{ "allow-origin", required_argument, NULL, 'O' },
		{ "limits", required_argument, NULL, 'l' },
		{ "access-log", required_argument, NULL, 'A' },
		{ "expose-paths", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	int c, status;

	o->workers = WORKERS;
	while ((c = getopt_long(argc, argv, "hV", opts, NULL)) != -1)
		if ((status = take(o, c, optarg)) >= 0)
			return status;
	return optind < argc ? usage() : -1;
}

bool
options_listen(const struct options *o)
{
	return o->rpc || o->tcp || o->unix_path || o->rest || o->rest_unix;
}

void
options_default(struct options *o)
{
	o->rest = !strcmp(prog, "rkat-rest");
	o->rpc = !o->rest;
}

void
options_free(struct options *o)
{
	free(o->hosts);
	free(o->origins);
}
