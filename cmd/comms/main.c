/*
 * rkat-comms: say something to an agent, see who there is, what came and what became
 * of what was sent.  Never runs a turn, never talks to the network: rkat-peerd does.
 * Source: comms sheet.
 */
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "comms/comms.h"
#include "store/lock.h"
#include "store/outbox.h"

static const struct verb verbs[] = {
	{ "identity", verb_identity, "[show|rotate] [-s|--session session] [--json]",
	    "the public key; made if there is none" },
	{ "trust", verb_trust, "[list] [--json] | add name key address "
	    "[--description text] [--label k=v]... | add --file file|- [--name name] "
	    "[--description text] [--label k=v]... | remove who",
	    "peers outside that may speak to this realm" },
	{ "peers", verb_peers, "[-s|--session session] [--json]",
	    "who can be spoken to" },
	{ "send", verb_send, "[-s|--session session] [--kind kind] [--intent text] "
	    "[--params json] [--in-reply-to id] [--status status] [--result json] "
	    "[--blocks json] [--steer|--queue] [--key key] [--expires duration] "
	    "[--wait grade] [--timeout duration] to [body|-]",
	    "a message, request, response or notice" },
	{ "inbox", verb_inbox, "[-s|--session session] [--limit n] [--json]",
	    "what came, the newest first" },
	{ "outbox", verb_outbox, "[-s|--session session] [--state state] [--dead] "
	    "[--limit n] [--json]", "what was sent, the newest first" },
	{ "resend", verb_resend, "[--expires duration] [--json] id",
	    "try a letter again, a dead one, too" },
	{ "trace", verb_trace, "[--json] id", "the way of a letter or an event" },
	{ "prune", verb_prune, "--before age [--dead] [--json]",
	    "remove what is finished and older than that" },
	{ "event", verb_event, "[--type type] [--source name] [--key key] [--steer] "
	    "[--text] session [payload|-] | event [--source name] [--steer] --lines "
	    "[--batch n] session", "something happened: any JSON, for its next turn" },
};

int
comms_open(struct cmd *c, const char *ref, char id[UUID_LEN + 1],
    const char **session)
{
	*session = ref ? id : NULL;
	return ref ? cmd_resolve(c, ref, id) : cmd_open(c);
}

int
comms_look(struct cmd *c, const char *ref, char id[UUID_LEN + 1],
    const char **session)
{
	int rc = ref ? cmd_resolve(c, ref, id) : cmd_open_existing(c);

	*session = ref ? id : NULL;
	if (rc == 0)
		return 1;
	/* Nothing was said in a realm that is not there. */
	return !ref && c->e.code == E_SESSION_NOT_FOUND ? 0 : -1;
}

void
comms_expire(struct cmd *c)
{
	int64_t now = time_ms(), first = outbox_expiry(c->db, NULL);

	if (first >= 0 && first <= now)
		outbox_expire(c->db, now, NULL);
}

int
comms_open_for(struct cmd *c, const char *id)
{
	if (cmd_open_existing(c) == 0)
		return 0;
	return c->e.code != E_SESSION_NOT_FOUND ? -1 : err_set(&c->e,
	    E_NOT_FOUND, "nothing is known of %.80s: there is no such realm",
	    id);
}

int
comms_json(struct cmd *c, const char *option, const char *text,
    struct jtext *v)
{
	if (json_parse(text, strlen(text), v, &c->e) == 0)
		return 0;
	return err_wrap(&c->e, "%s", option);
}

int
comms_duration(struct cmd *c, const char *option, const char *text,
    int64_t *ms)
{
	if (duration_parse(text, ms, &c->e) < 0)
		return err_wrap(&c->e, "%s", option);
	return *ms > 0 ? 0 : option_bad(&c->e, option, "more than nothing",
	    text);
}

void
comms_warn_peerd(struct cmd *c)
{
	if (!lock_held(&c->realm, "peerd"))
		warn("no rkat-peerd runs in this realm: the letter is delivered "
		    "when one does");
}

/*
 * How many bytes here are a character that a terminal obeys and does not show: C0, DEL,
 * C1, ends of lines, and what turns the direction of a line around (U+202A-E, U+2066-9).
 */
static size_t
control(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	if (*p < 0x20 || *p == 0x7f)
		return 1;
	if (*p == 0xc2 && p[1] < 0xa0)
		return 2;
	if (*p == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
	    (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
		return 3;
	return 0;
}

void
comms_put(struct buf *b, const char *s, size_t max)
{
	size_t n = s ? strlen(s) : 0, cut = n, skip;

	if (n > max)
		cut = max > 3 ? utf8_prefix(s, max - 3) : 0;
	for (size_t i = 0; i < cut; i += skip ? skip : 1) {
		skip = control(s + i);
		buf_putc(b, skip ? ' ' : s[i]);
	}
	if (cut < n)
		buf_puts(b, "...");
}

void
comms_put_kind(struct buf *b, const char *json, size_t max)
{
	static const char *const words[] = { "type", "intent", "status" };
	struct jtext kind = json_text(json);
	struct jtext rest = json_get(kind, "params");
	char *s;

	for (size_t i = 0; i < COUNT(words); i++) {
		if (!(s = json_get_str(kind, words[i])))
			continue;
		if (i)
			buf_putc(b, ' ');
		comms_put(b, s, 40);
		free(s);
	}
	s = json_get_str(kind, "body");
	if (!rest.p)
		rest = json_get(kind, "result");
	if (!s && rest.p)
		s = xstrndup(rest.p, rest.n);
	if (s) {
		buf_puts(b, ": ");
		comms_put(b, s, max);
	}
	free(s);
}

int
main(int argc, char *argv[])
{
	static const struct program comms = { "rkat-comms", verbs,
		COUNT(verbs), "A session is a comms name, a UUID, a unique "
		"prefix of one, last, ~, ~2\n(second newest), or realm:uuid.\n"
		"kind: peer_message, peer_request, peer_response, "
		"peer_lifecycle, input\ngrade: accepted, delivered, admitted, "
		"answered\n", true, cmd_close };

	return cmd_main(&comms, argc, argv);
}
