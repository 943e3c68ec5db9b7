#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/option.h"
#include "base/std.h"
#include "base/util.h"
#include "peerd/options.h"

#define WORKERS 8
#define WORKERS_MAX 4096

static int
help(void)
{
	return std_say("usage: %s [options]\n"
	    "\n"
	    "Keeps a realm's sessions reachable: takes in signed envelopes and plain\n"
	    "events, delivers what is to be said to others, and starts turns for resident\n"
	    "sessions that have work.  One for each realm; stays in the foreground.\n"
	    "\n"
	    "  --listen-tcp host:port    signed envelopes on a port (default: comms.address\n"
	    "                            of the configuration when comms.mode is tcp)\n"
	    "  --listen-unix path        signed envelopes on a Unix socket\n"
	    "  --advertise-tcp host:port how others reach the port\n"
	    "  --event-tcp host:port     lines of plain text as events; loopback only\n"
	    "  --event-unix path         the same on a Unix socket\n"
	    "  --session id              only this resident session (repeatable); ends when\n"
	    "                            none of them is left\n"
	    "  --workers n               so many turns at once (default %d); 0: none, they\n"
	    "                            are another process's to start\n"
	    "  --limits file             limits as TOML; read again on SIGHUP\n"
	    "  --once                    deliver what waits, work off queues, and end\n"
	    "  --realm id, --isolated, --instance id, --realm-backend sqlite,\n"
	    "  --state-root dir, --context-root dir, --user-config-root dir\n"
	    "  --version, --help\n", prog, WORKERS);
}

static int
usage(void)
{
	fprintf(stderr, "usage: %s [--listen-tcp host:port] "
	    "[--listen-unix path] [--session id] [--once] [options]\n", prog);
	return 2;
}

static void
add_session(struct options *o, const char *id)
{
	o->sessions = xrealloc(o->sessions,
	    (o->n_sessions + 1) * sizeof *o->sessions);
	o->sessions[o->n_sessions++] = xstrdup(id);
}

/* One option; -1: go on. */
static int
take(struct options *o, int c, const char *arg)
{
	struct err e = ERR_NONE;

	switch (c) {
	case 't': o->tcp = arg; break;
	case 'u': o->unix_path = arg; break;
	case 'a': o->advertise = arg; break;
	case 'E': o->event_tcp = arg; break;
	case 'U': o->event_unix = arg; break;
	case 's': add_session(o, arg); break;
	case 'w':
		if (option_number(&o->workers, 0, WORKERS_MAX, "--workers",
		    arg, &e) < 0)
			return err_report(prog, &e);
		break;
	case 'l': o->limits = arg; break;
	case 'o': o->once = true; break;
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
		{ "listen-tcp", required_argument, NULL, 't' },
		{ "listen-unix", required_argument, NULL, 'u' },
		{ "advertise-tcp", required_argument, NULL, 'a' },
		{ "event-tcp", required_argument, NULL, 'E' },
		{ "event-unix", required_argument, NULL, 'U' },
		{ "session", required_argument, NULL, 's' },
		{ "workers", required_argument, NULL, 'w' },
		{ "limits", required_argument, NULL, 'l' },
		{ "once", no_argument, NULL, 'o' },
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

void
options_free(struct options *o)
{
	for (size_t i = 0; i < o->n_sessions; i++)
		free(o->sessions[i]);
	free(o->sessions);
}
