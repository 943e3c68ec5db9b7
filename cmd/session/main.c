/*
 * rkat-session: everything about stored sessions.  Never talks to a model.
 * Source: cli sheet section 8, agent sheet sections 3, 15 to 17.
 */
#include "session/session.h"
#include "store/sessions.h"

static const struct verb verbs[] = {
	{ "create", verb_create, "[--json] [-m|--model id] [-p|--provider name] "
	    "[--system|--system-prompt text] [--instructions text]... [--max-tokens n] "
	    "[--label k=v]... [-t|--tools preset|--yolo] [--schema file|json] "
	    "[--param k=v]... [--params-json json] [--sandbox mode] [--network] "
	    "[--app-context json]",
	    "make a session and print its id" },
	{ "list", verb_list, "[--json] [--limit n] [--offset n] [--label k=v]... [--archived]",
	    "the newest first" },
	{ "show", verb_show, "[--json] session", "what was said" },
	{ "history", verb_history, "[--offset n] [--limit n] session",
	    "messages as JSON lines" },
	{ "delete", verb_delete, "[--json] session", "archive it" },
	{ "interrupt", verb_interrupt, "[--json] session", "stop its turn" },
	{ "events", verb_events, "[-f|--follow] [--after seq] [--payload] session",
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
	{ "blob", verb_blob, "get [--json] [-o|--output file] id",
	    "the bytes of an image" },
};

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
	int exists;

	if (realm_resolve(&c->opts, &r, &c->e) < 0)
		return -1;
	exists = realm_exists(&r, &c->e);
	realm_free(&r);
	if (exists < 0)
		return -1;
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
cmd_line(struct cmd *c, struct buf *b)
{
	int rc;

	buf_putc(b, '\n');
	rc = cmd_write(c, b);
	buf_trunc(b, 0);
	return rc;
}

static void
close_db(struct cmd *c)
{
	db_close(c->db);
}

int
main(int argc, char *argv[])
{
	static const struct program session = { "rkat-session", verbs,
		COUNT(verbs), "A session is a UUID, a unique prefix of one, "
		"last, ~, ~2 (second newest),\nor realm:uuid.\n", true, close_db };

	return cmd_main(&session, argc, argv);
}
