#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "comms/send.h"
#include "comms/trust.h"

/* The flat object of comms/send: comms sheet section 17. */

static const struct { const char *name; enum send_kind kind; } kinds[] = {
	{ "input", SEND_INPUT }, { "peer_message", SEND_MESSAGE },
	{ "peer_request", SEND_REQUEST }, { "peer_response", SEND_RESPONSE },
	{ "peer_lifecycle", SEND_LIFECYCLE },
};

static void
issue(struct buf *issues, const char *field, const char *what, const char *got)
{
	jput_open(issues, '{');
	jput_kcstr(issues, "field", field);
	jput_kcstr(issues, "issue", what);
	if (got)
		jput_kcstr(issues, "got", got);
	jput_close(issues, '}');
}

static bool
one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

/* ---- members ---- */

/* Null counts as absent. */
static int
take(struct jtext params, const char *key, char **out, struct err *e)
{
	struct jtext v = json_get(params, key);

	*out = NULL;
	if (!v.p || json_is(v, 'n'))
		return 0;
	if (!(*out = json_get_str(params, key)))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: /%s: want a string", key);
	return 0;
}

static struct jtext
given(struct jtext params, const char *key)
{
	struct jtext v = json_get(params, key);

	return json_is(v, 'n') ? JTEXT_NONE : v;
}

/* ---- what each kind wants ---- */

static void
check_to(const struct send_command *c, struct buf *issues)
{
	if (!c->to)
		issue(issues, "to", "required_field", NULL);
	else if (!peer_name_valid(c->to))
		issue(issues, "to", "invalid_value", c->to);
}

static void
check_mode(const struct send_command *c, bool needed, struct buf *issues)
{
	static const char *const modes[] = { "queue", "steer", NULL };

	if (!c->mode && needed)
		issue(issues, "handling_mode", "required_field", NULL);
	else if (c->mode && !one_of(c->mode, modes))
		issue(issues, "handling_mode", "invalid_value", c->mode);
}

static void
check_input(struct send_command *c, struct buf *issues)
{
	static const char *const sources[] = { "tcp", "uds", "stdin", "webhook",
		"rpc", NULL };

	if (!c->body)
		issue(issues, "body", "required_field", NULL);
	if (c->source && !one_of(c->source, sources))
		issue(issues, "source", "invalid_value", c->source);
	check_mode(c, false, issues);
}

static void
check_request(struct send_command *c, const char *stream, struct buf *issues)
{
	check_to(c, issues);
	if (!c->intent) {
		issue(issues, "intent", "required_field", NULL);
	} else if (stream) {
		issue(issues, "stream", "removed_unsupported_field", stream);
	} else {
		check_mode(c, true, issues);
	}
}

/* In any form that a UUID is written in, made the usual one. */
static bool
plain_uuid(char **s)
{
	char id[UUID_LEN + 1];

	if (!uuid_read(*s, id))
		return false;
	free(*s);
	*s = xstrdup(id);
	return true;
}

static void
check_response(struct send_command *c, struct buf *issues)
{
	static const char *const statuses[] = { "accepted", "completed",
		"failed", NULL };

	check_to(c, issues);
	if (!c->in_reply_to)
		issue(issues, "in_reply_to", "required_field", NULL);
	else if (!plain_uuid(&c->in_reply_to))
		issue(issues, "in_reply_to", "invalid_uuid", c->in_reply_to);
	else if (c->status && !one_of(c->status, statuses))
		issue(issues, "status", "invalid_value", c->status);
	else if (c->mode && c->status && !strcmp(c->status, "accepted"))
		issue(issues, "handling_mode", "forbidden_for_accepted_response",
		    c->mode);
	else
		check_mode(c, false, issues);
}

static void
check_lifecycle(struct send_command *c, struct buf *issues)
{
	static const char *const intents[] = { "mob.peer_added",
		"mob.peer_retired", "mob.peer_unwired", NULL };

	check_to(c, issues);
	if (!c->lifecycle)
		issue(issues, "lifecycle_kind", "required_field", NULL);
	else if (!one_of(c->lifecycle, intents))
		issue(issues, "lifecycle_kind", "invalid_value", c->lifecycle);
	if (c->params.p && !json_is(c->params, '{'))
		issue(issues, "params", "invalid_value", NULL);
}

static void
check(struct send_command *c, const char *stream, struct buf *issues)
{
	switch (c->kind) {
	case SEND_INPUT: check_input(c, issues); break;
	case SEND_MESSAGE:
		check_to(c, issues);
		check_mode(c, true, issues);
		break;
	case SEND_REQUEST: check_request(c, stream, issues); break;
	case SEND_RESPONSE: check_response(c, issues); break;
	case SEND_LIFECYCLE: check_lifecycle(c, issues); break;
	}
}

/* ---- the whole ---- */

static bool
find_kind(const char *name, enum send_kind *kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (!strcmp(kinds[i].name, name)) {
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

int
send_parse(struct jtext params, struct send_command *c, struct buf *issues,
    struct err *e)
{
	char *kind = NULL, *stream = NULL;
	int rc = -1;

	memset(c, 0, sizeof *c);
	if (take(params, "kind", &kind, e) < 0 ||
	    take(params, "to", &c->to, e) < 0 ||
	    take(params, "body", &c->body, e) < 0 ||
	    take(params, "intent", &c->intent, e) < 0 ||
	    take(params, "in_reply_to", &c->in_reply_to, e) < 0 ||
	    take(params, "status", &c->status, e) < 0 ||
	    take(params, "source", &c->source, e) < 0 ||
	    take(params, "stream", &stream, e) < 0 ||
	    take(params, "lifecycle_kind", &c->lifecycle, e) < 0 ||
	    take(params, "handling_mode", &c->mode, e) < 0)
		goto done;
	c->params = given(params, "params");
	c->result = given(params, "result");
	c->blocks = given(params, "blocks");
	c->allow_self = json_get_bool(params, "allow_self_session", false);
	if (!kind) {
		err_set(e, E_INVALID_PARAMS,
		    "Invalid params: missing field `kind`");
		goto done;
	}
	jput_open(issues, '[');
	if (find_kind(kind, &c->kind))
		check(c, stream, issues);
	else
		issue(issues, "kind", "unknown_kind", kind);
	jput_close(issues, ']');
	rc = issues->n == 2 ? 0 : err_set(e, E_INVALID_PARAMS,
	    "Command validation failed");
done:
	free(kind);
	free(stream);
	return rc;
}

void
send_command_free(struct send_command *c)
{
	free(c->to);
	free(c->body);
	free(c->intent);
	free(c->in_reply_to);
	free(c->status);
	free(c->source);
	free(c->lifecycle);
	free(c->mode);
	memset(c, 0, sizeof *c);
}
