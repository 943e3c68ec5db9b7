/*
 * rkat-session: everything about stored sessions.  Never talks to a model.
 * Source: cli sheet section 8, agent sheet sections 3, 15 to 17.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "session/session.h"
#include "store/sessions.h"

static const struct verb {
	const char *name;
	int (*run)(struct cmd *c, int argc, char *argv[]);
	const char *args, *what;
} verbs[] = {
	{ "create", verb_create, "[options]",
	    "make a session and print its id" },
	{ "list", verb_list, "[--json] [--limit n] [--offset n] [--label k=v]... [--archived]",
	    "the newest first" },
	{ "show", verb_show, "[--json] session", "what was said" },
	{ "history", verb_history, "[--offset n] [--limit n] session",
	    "messages as JSON lines" },
	{ "delete", verb_delete, "[--json] session", "archive it" },
	{ "interrupt", verb_interrupt, "[--json] session", "stop its turn" },
	{ "events", verb_events, "[--follow] [--after seq] [--payload] session",
	    "the event log as JSON lines" },
	{ "export", verb_export, "[--format anthropic|openai|chat|gemini] session",
	    "one JSON document; or the body that a provider would be sent" },
	{ "import", verb_import, "[--json] [--keep-id] file|-",
	    "a session from such a document" },
	{ "context", verb_context, "[--json] [--source name] [--key key] session text|-",
	    "say something to the system prompt of its next model call" },
	{ "input", verb_input, "[--key key] [--mode queue|steer] [--source name] [--lines [--batch n]] session [text|-]",
	    "queue a prompt" },
	{ "inputs", verb_inputs, "session", "its queue as JSON lines" },
	{ "check", verb_check, "[--json]", "is the realm's database sound?" },
	{ "blob", verb_blob, "get [--json] [--output file] id",
	    "the bytes of an image" },
};

static const char globals[] =
    "options of every verb:\n"
    "  -r, --realm id | --isolated    which realm (default: the project's)\n"
    "  --state-root dir               where realms are kept\n"
    "  --instance id, --realm-backend sqlite, --context-root dir,\n"
    "  --user-config-root dir\n"
    "A session is a UUID, a unique prefix of one, last, ~, ~2 (second newest),\n"
    "or realm:uuid.\n";

static int
help(void)
{
	printf("usage: rkat-session verb [options]\n\n");
	for (size_t i = 0; i < COUNT(verbs); i++)
		printf("  %s %s\n      %s\n", verbs[i].name, verbs[i].args,
		    verbs[i].what);
	printf("\n%s", globals);
	return fflush(stdout) ? 1 : 0;
}

int
cmd_usage(const struct cmd *c)
{
	fprintf(stderr, "usage: %s %s\n", prog, c->synopsis);
	return 2;
}

int
cmd_open(struct cmd *c)
{
	if (realm_resolve(&c->opts, &c->realm, &c->e) < 0 ||
	    realm_create(&c->realm, &c->e) < 0)
		return -1;
	c->db = db_open(&c->realm, &c->e);
	return c->db ? 0 : -1;
}

int
cmd_open_existing(struct cmd *c)
{
	struct realm r;
	bool exists;

	if (realm_resolve(&c->opts, &r, &c->e) < 0)
		return -1;
	exists = realm_exists(&r);
	realm_free(&r);
	return exists ? cmd_open(c) : err_set(&c->e, E_SESSION_NOT_FOUND,
	    "No sessions found in this realm");
}

int
cmd_resolve(struct cmd *c, const char *ref, char id[UUID_LEN + 1])
{
	return cmd_open_existing(c) < 0 ? -1 :
	    session_resolve(c->db, ref, id, &c->e);
}

int
cmd_number(struct cmd *c, const char *option, const char *value,
    int64_t min, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(value, &end, 10);
	if (errno || !*value || *end || *out < min ||
	    strspn(value, "0123456789") != strlen(value))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "%s: want a number from %lld on, not '%.40s'", option,
		    (long long)min, value);
	return 0;
}

int
cmd_write(struct cmd *c, const struct buf *b)
{
	if (fs_write_all(STDOUT_FILENO, buf_str(b), b->n) == 0)
		return 0;
	if (errno == EPIPE)
		_exit(0);
	return err_sys(&c->e, E_FAILED, "stdout");
}

int
cmd_line(struct cmd *c, struct buf *b)
{
	int rc;

	buf_putc(b, '\n');
	rc = cmd_write(c, b);
	buf_trunc(b, 0);
	return rc;
}

static int
run(struct cmd *c, const struct verb *v, int argc, char *argv[])
{
	char *synopsis = xasprintf("%s %s", v->name, v->args);
	int rc;

	c->synopsis = synopsis;
	argv[1] = argv[0];
	rc = v->run(c, argc - 1, argv + 1);
	db_close(c->db);
	realm_free(&c->realm);
	free(synopsis);
	if (rc >= 0)
		return rc;
	return c->json ? err_report_json(prog, &c->e) :
	    err_report(prog, &c->e);
}

int
main(int argc, char *argv[])
{
	struct cmd c = { .db = NULL };

	prog = "rkat-session";
	/* A file that may not grow is an error like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	if (realm_args(&argc, argv, &c.opts, &c.e) < 0)
		return err_report(prog, &c.e);
	if (argc > 1 && (!strcmp(argv[1], "--version") ||
	    !strcmp(argv[1], "-V"))) {
		puts("rkat-session " RKAT_VERSION);
		return fflush(stdout) ? 1 : 0;
	}
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return help();
	for (size_t i = 0; argc > 1 && i < COUNT(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return run(&c, &verbs[i], argc, argv);
	if (argc > 1)
		fprintf(stderr, "%s: unknown verb '%s'\n", prog, argv[1]);
	fprintf(stderr, "usage: rkat-session verb [options]; "
	    "see: rkat-session --help\n");
	return 2;
}
