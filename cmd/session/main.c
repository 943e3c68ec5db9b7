/*
 * rkat-session: everything about stored sessions.  Never talks to a model.
 * Source: cli sheet section 8, agent sheet sections 3, 15 to 17.
 */
#include "session/session.h"

static const struct verb verbs[] = {
	{ "create", verb_create, "[--json] [-m|--model id] [-p|--provider name] "
	    "[--system|--system-prompt text] [--instructions text]... [--max-tokens n] "
	    "[--label k=v]... [-t|--tools preset|--yolo] [--schema file|json] "
	    "[--param k=v]... [--params-json json] [--sandbox mode] [--network] "
	    "[--app-context json] [--comms-name name] [--keep-alive] "
	    "[--agent-description text] [--agent-label k=v]...",
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
main(int argc, char *argv[])
{
	static const struct program session = { "rkat-session", verbs,
		COUNT(verbs), "A session is a UUID, a unique prefix of one, "
		"last, ~, ~2 (second newest),\nor realm:uuid.\n", true,
		cmd_close };

	return cmd_main(&session, argc, argv);
}
