#include <sys/prctl.h>

#include "base/proc.h"
#include "base/std.h"
#include "base/util.h"
#include "turn/signals.h"
#include "turn/front.h"

static const char usage[] =
    "usage: rkat-turn run [options] prompt\n"
    "       rkat-turn resume [options] session prompt\n"
    "       rkat-turn continue [options] prompt\n"
    "       rkat-turn resume --keep-alive|--no-keep-alive [options] session\n"
    "       rkat-turn [options] session prompt\n"
    "       rkat-turn --drain session\n"
    "       rkat-turn --worker\n"
    "\n"
    "prompt - reads standard input; session: an id, a prefix, last, ~2 ...\n"
    "\n"
    "options of every turn:\n"
    "  -m, --model id               -p, --provider anthropic|openai|gemini|self-hosted\n"
    "  --system text                the system prompt; also --system-prompt\n"
    "  --instructions text          more of it, or a notice before the prompt\n"
    "  -d, --max-duration time      30s, 1h30m; also --timeout\n"
    "  --max-tool-calls n\n"
    "  --allow-tool name            offer only these; --block-tool name: all but these\n"
    "  --param key=value            for the model; --params-json object\n"
    "  --schema file|json           an answer that fits this JSON Schema\n"
    "  --idempotency-key key        run once\n"
    "  -o, --output text|json       --json\n"
    "  -h, --help, -V, --version, and the global options of rkat(1)\n"
    "options of run:\n"
    "  -t, --tools safe|workspace|full|none             --yolo: full\n"
    "  --sandbox off|workspace|strict                   --network, for the shell tool\n"
    "  --max-tokens n               of one model call\n"
    "  --label key=value            --app-context json: kept with the session\n"
    "  --no-comms                   nobody can speak to it; --stdin lines ends with its input\n"
    "options of run, resume and continue:\n"
    "  -s, --stream, --no-stream    -v, --verbose\n"
    "  -w, --stream-view primary|mux|focus              -f, --stream-focus scope\n"
    "  --stdin auto|blob|lines|off                      --line-format text|json\n"
    "  --keep-alive                 stay; turns are run when something comes for it\n"
    "  --comms-name name            others can speak to it by this name\n"
    "  --comms-listen-tcp host:port                     signed envelopes from other hosts\n"
    "  --comms-advertise-tcp host:port                  how those reach it\n"
    "  --comms-binding-out file     write what they need to know of it\n"
    "  --agent-description text     --agent-label key=value: what peers see\n"
    "options of resume and continue:\n"
    "  --no-keep-alive              it is not resident any more\n"
    "options of a turn for programs:\n"
    "  --content                    the prompt is JSON content\n"
    "\n"
    "More: rkat help run\n";

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
		return std_say("%s", usage);
	if (o->version)
		return std_version();
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

	std_fill();
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
