#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/util.h"
#include "turn/signals.h"
#include "turn/front.h"

static const char usage[] =
    "usage: rkat-turn run [options] prompt\n"
    "       rkat-turn resume [options] session prompt\n"
    "       rkat-turn continue [options] prompt\n"
    "       rkat-turn [options] session prompt\n"
    "       rkat-turn --drain session\n"
    "       rkat-turn --worker\n"
    "\n"
    "prompt - reads standard input; session: an id, a prefix, last, ~2 ...\n"
    "\n"
    "  -m, --model id            -p, --provider anthropic|openai|gemini|self-hosted\n"
    "  --system text             the system prompt      --instructions text\n"
    "  -t, --tools safe|workspace|full|none             --yolo: full\n"
    "  --allow-tool name, --block-tool name             for this turn\n"
    "  --sandbox off|workspace|strict, --network        for the shell tool\n"
    "  -d, --max-duration time   --max-tool-calls n     --max-tokens n\n"
    "  --schema file|json        an answer that fits this JSON Schema\n"
    "  --param key=value, --params-json object          for the model\n"
    "  --label key=value, --app-context json            kept with the session\n"
    "  --json, -o text|json      -s, --stream, --no-stream, -v, --verbose\n"
    "  -w, --stream-view primary|mux|focus              -f, --stream-focus scope\n"
    "  --stdin auto|blob|lines|off                      --line-format text|json\n"
    "  --idempotency-key key     --content: the prompt is JSON content\n"
    "\n"
    "More: rkat help run\n";

/*
 * A standard descriptor that is closed would be given to the next file that is opened.
 * Nothing comes from a closed stdin; writing to the others stays an error.
 */
static void
fill_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDONLY | O_NOCTTY) != fd)
			_exit(1);
}

static int
say(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

/*
 * Our environment holds the keys: keep other processes of this user, tools outside a
 * sandbox first of all, from reading it in /proc.  (The leak checker traces itself.)
 */
static void
hide_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int
run(const struct options *o)
{
	if (o->help)
		return say(usage);
	if (o->version)
		return say("rkat-turn " RKAT_VERSION " (contract " RKAT_CONTRACT
		    ")\n");
	switch (o->verb) {
	case VERB_WORKER:
		return worker_main(o);
	case VERB_NONE:
	case VERB_DRAIN:
		return pipe_main(o);
	default:
		return people_main(o);
	}
}

int
main(int argc, char *argv[])
{
	bool json = options_want_json(argc, argv), bad;
	struct err e = ERR_NONE;
	struct options o;
	int status;

	fill_descriptors();
	hide_memory();
	proc_subreaper();
	signals_install();
	prog = "rkat-turn";
	bad = options_parse(argc, argv, &o, &e) < 0;
	if (o.verb == VERB_RUN || o.verb == VERB_RESUME ||
	    o.verb == VERB_CONTINUE)
		prog = "rkat";
	if (bad)
		status = json ? err_report_json(prog, &e) :
		    err_report(prog, &e);
	else
		status = run(&o);
	options_free(&o);
	proc_end_all();
	return status;
}
