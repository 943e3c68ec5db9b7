/*
 * rkat: find the command that a word means, and become it.  Links libc only and
 * starts in under a millisecond.  What the words do is written in the commands.
 * Source: cli sheet section 1.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNAVAILABLE = 40 };

/* Words that are not simply rkat-WORD: the command, its verb, its manual page. */
static const struct word {
	const char *word, *command, *verb, *page;
} words[] = {
	{ "run", "turn", "run", "rkat-turn.1" },
	{ "resume", "turn", "resume", "rkat-turn.1" },
	{ "continue", "turn", "continue", "rkat-turn.1" },
	{ "c", "turn", "continue", "rkat-turn.1" },
	{ "sessions", "session", NULL, "rkat-session.1" },
	{ "session", "session", NULL, "rkat-session.1" },
	{ "blob", "session", "blob", "rkat-session.1" },
	{ "config", "config", NULL, "rkat-config.1" },
	{ "realms", "config", "realms", "rkat-config.1" },
	{ "models", "config", "models", "rkat-config.1" },
	{ "capabilities", "config", "capabilities", "rkat-config.1" },
	{ "doctor", "config", "doctor", "rkat-config.1" },
	{ "init", "config", "init", "rkat-config.1" },
	{ "sim", "sim", NULL, "rkat-sim.1" },
	{ "serve", "serve", NULL, "rkat-serve.1" },
	{ "rpc", "rpc", NULL, "rkat-serve.1" },
	{ "rest", "rest", NULL, "rkat-serve.1" },
	{ "peerd", "peerd", NULL, "rkat-peerd.8" },
	{ "turn", "turn", NULL, "rkat-turn.1" },
	{ "mcp", "mcp", NULL, "rkat-mcp.1" },
	{ "skills", "skills", NULL, "rkat-skills.1" },
	{ "mob", "mob", NULL, "rkat-mob.1" },
	{ "comms", "comms", NULL, "rkat-comms.1" },
	/* Pages that no command has. */
	{ "rkat", NULL, NULL, "rkat.1" },
	{ "help", NULL, NULL, "rkat.1" },
	{ "tour", NULL, NULL, "rkat.7" },
	{ "api", NULL, NULL, "rkat-api.5" },
	{ "events", NULL, NULL, "rkat-events.5" },
	{ "state", NULL, NULL, "rkat-state.5" },
	{ "worker", NULL, NULL, "rkat-worker.5" },
};

/* Options whose next argument is their value, when looking for the first word. */
static const char *const valued[] = {
	"-r", "--realm", "--instance", "--realm-backend", "--state-root",
	"--context-root", "--user-config-root",
	"-m", "--model", "-p", "--provider", "-o", "--output", "-d",
	"--max-duration", "--timeout", "-t", "--tools", "--system",
	"--system-prompt", "--max-tokens", "--max-tool-calls", "--param",
	"--params-json", "--schema", "--preload-skill", "--skill-ref",
	"--skill-reference", "--allow-tool", "--block-tool", "--label",
	"--instructions", "--app-context", "--line-format", "-w",
	"--stream-view", "-f", "--stream-focus", "--sandbox",
	"--idempotency-key", "--comms-name", "--comms-listen-tcp",
	"--comms-advertise-tcp", "--comms-binding-out",
	"--comms-pairing-password", "--comms-pairing-password-env",
	"--comms-pairing-password-file", "--agent-description",
	"--agent-label",
};
static const char *const stdin_modes[] = { "auto", "blob", "lines", "off" };

static const char short_help[] =
    "usage: rkat [options] \"prompt\"\n"
    "       rkat [options] command [arguments]\n"
    "\n"
    "  run \"prompt\"              start a session and run one turn\n"
    "  resume session \"prompt\"   one more turn (id, prefix, last, ~2)\n"
    "  continue \"prompt\"         resume the newest session; short: c\n"
    "  sessions                  list, show, history, events, interrupt, delete ...\n"
    "  blob get id               an image of a session\n"
    "  config                    get, set, patch\n"
    "  models, realms            what can be used, where it is kept\n"
    "  doctor, init              check or prepare a set-up\n"
    "  capabilities              what this installation can do, as JSON\n"
    "  comms                     speak to agents; tell them what happened\n"
    "  serve, rpc, rest          for programs: JSON-RPC and HTTP servers\n"
    "  peerd                     keeps agents reachable from other hosts\n"
    "  sim                       a stand-in model server: try all this without a key\n"
    "  help [word]               the manual page; `rkat help tour` shows around\n"
    "\n"
    "  -r, --realm id            use this realm (default: one per project directory)\n"
    "  --isolated                use a new realm\n"
    "  --state-root dir          keep realms there\n"
    "  --context-root dir        the project directory\n"
    "  --user-config-root dir    in place of the home directory\n"
    "  --instance id, --realm-backend sqlite\n"
    "  -h, --help, -V, --version\n"
    "\n"
    "Any rkat-NAME in PATH is a command, too.\n";

static const struct word *
find_word(const char *s)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (!strcmp(words[i].word, s))
			return &words[i];
	return NULL;
}

static bool
listed(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s, list[i]))
			return true;
	return false;
}

/* ---- finding programs and pages ---- */

/* The directory of our own binary, without a slash at the end. */
static bool
own_dir(char dir[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	dir[n] = '\0';
	if (!(slash = strrchr(dir, '/')))
		return false;
	*slash = '\0';
	return true;
}

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

/* DIR/NAME into path, DIR being n bytes; false if it does not fit or is no program. */
static bool
program_in(const char *dir, size_t n, const char *name, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%.*s/%s", (int)n, dir, name);

	return len > 0 && len < PATH_MAX && is_program(path);
}

static bool
program_in_path(const char *name, char path[PATH_MAX])
{
	const char *p = getenv("PATH");

	while (p && *p) {
		size_t n = strcspn(p, ":");

		if (n ? program_in(p, n, name, path)
		      : program_in(".", 1, name, path))
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

/* A command's name is a plain word: nothing that leaves the directory. */
static bool
is_name(const char *s)
{
	return *s && *s != '-' && strlen(s) < 64 &&
	    !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")];
}

/* rkat-NAME: beside us first, so that an installation is one thing; then PATH. */
static bool
find_command(const char *name, char path[PATH_MAX])
{
	char dir[PATH_MAX], file[80];

	if (!is_name(name))
		return false;
	snprintf(file, sizeof file, "rkat-%s", name);
	if (own_dir(dir) && program_in(dir, strlen(dir), file, path))
		return true;
	return program_in_path(file, path);
}

static bool readable(char path[PATH_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static bool
readable(char path[PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, PATH_MAX, fmt, ap);
	va_end(ap);
	return n > 0 && n < PATH_MAX && access(path, R_OK) == 0;
}

/* A page of an installation (PREFIX/bin) or of the source tree (build/bin, build/asan/bin). */
static bool
find_page(const char *page, char path[PATH_MAX])
{
	char dir[PATH_MAX], section = page[strlen(page) - 1];

	return own_dir(dir) &&
	    (readable(path, "%s/../share/man/man%c/%s", dir, section, page) ||
	    readable(path, "%s/../share/man/man%c/%s.gz", dir, section, page) ||
	    readable(path, "%s/../../man/%s", dir, page) ||
	    readable(path, "%s/../../../man/%s", dir, page));
}

/* ---- becoming them ---- */

static int
cannot(const char *what)
{
	fprintf(stderr, "rkat: FAILED: %s: %s\n", what, strerror(errno));
	return EXIT_FAILED;
}

static int
unavailable(const char *name)
{
	fprintf(stderr, "rkat: CAPABILITY_UNAVAILABLE: rkat-%s is not part of "
	    "this release, and not in PATH\n"
	    "rkat: hint: see: rkat capabilities\n", name);
	return EXIT_UNAVAILABLE;
}

/*
 * Become rkat-NAME VERB FLAGS... REST...  Flags are the n arguments that stood in
 * front of the word; a verb comes first, as every command expects.
 */
static int
become(const char *name, const char *verb, char **flags, int n, char **rest)
{
	char path[PATH_MAX], argv0[80], *argv_verb = NULL;
	char **argv;
	int argc = 0, n_rest = 0;

	if (!find_command(name, path))
		return unavailable(name);
	while (rest[n_rest])
		n_rest++;
	argv = calloc((size_t)(n + n_rest) + 3, sizeof *argv);
	if (!argv || (verb && !(argv_verb = strdup(verb))))
		return cannot(path);
	snprintf(argv0, sizeof argv0, "rkat-%s", name);
	argv[argc++] = argv0;
	if (verb)
		argv[argc++] = argv_verb;
	for (int i = 0; i < n; i++)
		argv[argc++] = flags[i];
	for (int i = 0; i < n_rest; i++)
		argv[argc++] = rest[i];
	execv(path, argv);
	return cannot(path);
}

/* rkat help [word]: its page, or the command's own --help where no page reader is. */
static int
help(const char *word)
{
	const struct word *w = find_word(word);
	char page[80], path[PATH_MAX], man[PATH_MAX];
	char *rest[] = { (char[]){ "--help" }, NULL };
	const char *command = w ? w->command : word;

	if (!w && !find_command(word, path)) {
		fprintf(stderr, "rkat: INVALID_PARAMS: help: no such word; "
		    "see: rkat help\n");
		return EXIT_USAGE;
	}
	snprintf(page, sizeof page, "%s%.64s%s", w ? "" : "rkat-",
	    w ? w->page : word, w ? "" : ".1");
	if (find_page(page, path)) {
		if (program_in_path("man", man))
			execl(man, "man", "-l", path, (char *)NULL);
		if (program_in_path("mandoc", man))
			execl(man, "mandoc", "-a", path, (char *)NULL);
	}
	if (command)
		return become(command, NULL, NULL, 0, rest);
	fprintf(stderr, "rkat: NOT_FOUND: no manual page %s, or no man(1) to "
	    "show it\n", page);
	return EXIT_FAILED;
}

/* ---- reading the command line ---- */

/* How many arguments an option takes up, its value included. */
static int
option_width(char **arg)
{
	if (!strcmp(arg[0], "--stdin"))
		return arg[1] && listed(arg[1], stdin_modes, COUNT(stdin_modes))
		    ? 2 : 1;
	return arg[1] && listed(arg[0], valued, COUNT(valued)) ? 2 : 1;
}

/* The index of the first argument that is neither option nor value; argc if none. */
static int
first_word(int argc, char *argv[])
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1] &&
	    strcmp(argv[i], "--"))
		i += option_width(argv + i);
	return i < argc ? i : argc;
}

/* Does one of the options in front of the first word say a or b? */
static bool
says(char *argv[], int end, const char *a, const char *b)
{
	for (int i = 1; i < end; i += option_width(argv + i))
		if (!strcmp(argv[i], a) || !strcmp(argv[i], b))
			return true;
	return false;
}

/* Standard output may be full or gone: that is a failed command. */
static int
finish(void)
{
	return fflush(stdout) == 0 ? 0 : cannot("standard output");
}

int
main(int argc, char *argv[])
{
	int at = first_word(argc, argv);
	char **flags = argv + 1, **rest = argv + at, path[PATH_MAX];
	const struct word *w;

	if (says(argv, at, "--version", "-V")) {
		printf("rkat %s (contract %s)\n", RKAT_VERSION, RKAT_CONTRACT);
		return finish();
	}
	if (says(argv, at, "--help", "-h")) {
		fputs(short_help, stdout);
		return finish();
	}
	if (argc == 1) {
		fputs(short_help, stderr);
		return EXIT_USAGE;
	}
	if (at == argc) {
		fprintf(stderr, "rkat: INVALID_PARAMS: want a prompt or a "
		    "command behind the options; see: rkat --help\n");
		return EXIT_USAGE;
	}
	if (!strcmp(rest[0], "help")) {
		if (rest[1])
			return help(rest[1]);
		fputs(short_help, stdout);
		return finish();
	}
	if ((w = find_word(rest[0])) && w->command)
		return become(w->command, w->verb, flags, at - 1, rest + 1);
	if (find_command(rest[0], path))
		return become(rest[0], NULL, flags, at - 1, rest + 1);
	/* Not a word of ours: a prompt (or "--" and one). */
	return become("turn", "run", flags, at - 1, rest);
}
