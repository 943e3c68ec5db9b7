#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/option.h"
#include "comms/cmd_send.h"
#include "comms/comms.h"

/* send: comms sheet section 17, and how far a letter came. */

#define TIMEOUT_MS (5 * 60 * 1000)

struct sending {
	const char *ref;	/* of the session that speaks */
	const char *kind, *intent, *reply, *status, *mode, *key;
	struct jtext params, result, blocks;
	int64_t expires, timeout;	/* 0: not given */
	enum grade want;
	const char *to, *body;
};

/* ---- options ---- */

static int
take_grade(struct cmd *c, const char *arg, enum grade *want)
{
	*want = grade_parse(arg);
	return *want ? 0 : option_bad(&c->e, "--wait",
	    "accepted, delivered, admitted or answered", arg);
}

enum { SESSION = 's', KIND = 256, INTENT, PARAMS, REPLY, STATUS, RESULT, BLOCKS,
	STEER, QUEUE, KEY, EXPIRES, WAIT, TIMEOUT, JSON };

static int
take(struct cmd *c, struct sending *s, int o)
{
	switch (o) {
	case SESSION: s->ref = optarg; return 0;
	case KIND: return option_text(&s->kind, "--kind", optarg, &c->e);
	case INTENT: return option_text(&s->intent, "--intent", optarg, &c->e);
	case REPLY: return option_text(&s->reply, "--in-reply-to", optarg, &c->e);
	case STATUS: return option_text(&s->status, "--status", optarg, &c->e);
	case PARAMS: return comms_json(c, "--params", optarg, &s->params);
	case RESULT: return comms_json(c, "--result", optarg, &s->result);
	case BLOCKS: return comms_json(c, "--blocks", optarg, &s->blocks);
	case STEER: s->mode = "steer"; return 0;
	case QUEUE: s->mode = "queue"; return 0;
	case KEY: return option_word(&s->key, "--key", optarg, &c->e);
	case EXPIRES: return comms_duration(c, "--expires", optarg, &s->expires);
	case WAIT: return take_grade(c, optarg, &s->want);
	case TIMEOUT: return comms_duration(c, "--timeout", optarg, &s->timeout);
	case JSON: c->json = true; return 0;
	}
	return cmd_usage(c);
}

/* What of it goes with what. */
static int
check(struct cmd *c, const struct sending *s)
{
	bool message = !strcmp(s->kind, "peer_message");

	if (s->blocks.p && (!message || !json_is(s->blocks, '[')))
		return err_set(&c->e, E_INVALID_PARAMS, message ?
		    "--blocks: want an array" : "--blocks: only in a message");
	if (s->timeout && !s->want)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--timeout: of what? say --wait, too");
	if (s->want == ANSWERED && strcmp(s->kind, "peer_request"))
		return err_set(&c->e, E_INVALID_PARAMS, "--wait answered: "
		    "only a peer_request is answered, not a %.40s", s->kind);
	if (s->body && s->params.p)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--params: a request has them or a body, not both");
	if (message && !s->body && !s->blocks.p)
		return err_set(&c->e, E_INVALID_PARAMS,
		    "a message wants a body; - reads standard input");
	return 0;
}

static int
parse(struct cmd *c, int argc, char *argv[], struct sending *s)
{
	static const struct option opts[] = {
		{ "session", required_argument, NULL, SESSION },
		{ "kind", required_argument, NULL, KIND },
		{ "intent", required_argument, NULL, INTENT },
		{ "params", required_argument, NULL, PARAMS },
		{ "in-reply-to", required_argument, NULL, REPLY },
		{ "status", required_argument, NULL, STATUS },
		{ "result", required_argument, NULL, RESULT },
		{ "blocks", required_argument, NULL, BLOCKS },
		{ "steer", no_argument, NULL, STEER },
		{ "queue", no_argument, NULL, QUEUE },
		{ "key", required_argument, NULL, KEY },
		{ "expires", required_argument, NULL, EXPIRES },
		{ "wait", required_argument, NULL, WAIT },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "json", no_argument, NULL, JSON },
		{ NULL, 0, NULL, 0 }
	};
	int o, n, to;

	while ((o = cmd_option(c, argc, argv, ":s:", opts)) != -1)
		if (take(c, s, o) < 0)
			return -1;
	to = strcmp(s->kind, "input") != 0;	/* that goes to oneself */
	n = argc - optind;
	if (n < to || n > to + 1)
		return cmd_usage(c);
	if (to)
		s->to = argv[optind];
	if (n > to)
		s->body = argv[optind + to];
	return check(c, s);
}

/* ---- the command ---- */

/* As the flat object of the contract, so that the same is asked of everybody. */
static void
put_command(const struct sending *s, const struct buf *body, struct buf *b)
{
	bool lifecycle = !strcmp(s->kind, "peer_lifecycle");
	bool response = !strcmp(s->kind, "peer_response");
	const struct { const char *key, *value; } words[] = {
		{ "kind", s->kind }, { "to", s->to },
		{ lifecycle ? "lifecycle_kind" : "intent", s->intent },
		{ "in_reply_to", s->reply }, { "status", s->status },
		{ "handling_mode", s->mode ? s->mode :
		    response ? NULL : "queue" },
	};
	const struct { const char *key; struct jtext v; } values[] = {
		{ "params", s->params }, { "result", s->result },
		{ "blocks", s->blocks },
	};

	jput_open(b, '{');
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].value)
			jput_kcstr(b, words[i].key, words[i].value);
	for (size_t i = 0; i < COUNT(values); i++)
		if (values[i].v.p)
			jput_kraw(b, values[i].key, values[i].v.p,
			    values[i].v.n);
	if (s->body)
		jput_kstr(b, "body", buf_str(body), body->n);
	jput_kbool(b, "allow_self_session", true);
	jput_close(b, '}');
}

/* The first issue in the words of our options. */
static int
complain(struct cmd *c, const struct buf *issues)
{
	static const struct { const char *field, *option; } t[] = {
		{ "kind", "--kind" }, { "to", "to" }, { "body", "body" },
		{ "intent", "--intent" }, { "lifecycle_kind", "--intent" },
		{ "in_reply_to", "--in-reply-to" }, { "status", "--status" },
		{ "handling_mode", "--steer" }, { "params", "--params" },
	};
	struct jtext first = json_path(json_text(buf_str(issues)), "0");
	char *field = json_get_str(first, "field");
	char *what = json_get_str(first, "issue");
	char *got = json_get_str(first, "got");
	const char *option = field;

	for (size_t i = 0; field && i < COUNT(t); i++)
		if (!strcmp(t[i].field, field))
			option = t[i].option;
	if (field)
		err_set(&c->e, E_INVALID_PARAMS, "%s: %s%s%.80s", option, what,
		    got ? ": " : "", got ? got : "");
	free(field);
	free(what);
	free(got);
	return -1;
}

static int
read_body(struct cmd *c, const struct sending *s, struct buf *body)
{
	if (!s->body)
		return 0;
	if (cmd_text(c, s->body, body) < 0)
		return -1;
	if (utf8_valid(buf_str(body), body->n) &&
	    strlen(buf_str(body)) == body->n)
		return 0;
	return err_set(&c->e, E_INVALID_PARAMS,
	    "body: want UTF-8 without NUL bytes");
}

static int
carry_out(struct cmd *c, const struct sending *s, struct receipt *r)
{
	struct buf body = BUF_INIT, params = BUF_INIT, issues = BUF_INIT,
	    data = BUF_INIT;
	struct send_command cmd = { .to = NULL };
	char id[UUID_LEN + 1];
	const char *session;
	int rc = -1;

	if (read_body(c, s, &body) < 0)
		goto done;
	put_command(s, &body, &params);
	if (send_parse(json_slice(params.p, params.n), &cmd, &issues,
	    &c->e) < 0) {
		complain(c, &issues);
		goto done;
	}
	if (cmd.kind == SEND_INPUT) {
		cmd.source = xstrdup("cli");
		if (!s->ref) {
			err_set(&c->e, E_INVALID_PARAMS,
			    "an input wants its session: -s");
			goto done;
		}
	}
	cmd.idem = s->key;
	cmd.expires_ms = s->expires ? time_ms() + s->expires : 0;
	if (comms_open(c, s->ref, id, &session) == 0)
		rc = comms_send(c->db, session, &cmd, r, &data, &c->e);
done:
	send_command_free(&cmd);
	buf_free(&body);
	buf_free(&params);
	buf_free(&issues);
	buf_free(&data);
	return rc;
}

/* ---- what became of it ---- */

/* The receipt; or in its place the answer that was waited for. */
static int
tell(struct cmd *c, const struct receipt *r, const char *answer)
{
	struct buf b = BUF_INIT;
	int rc;

	if (answer)
		buf_puts(&b, answer);
	else
		receipt_emit(r, &b);
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}

/* The state of the receipt is that of the letter now. */
static void
take_standing(struct receipt *r, const struct standing *s)
{
	const char *word = s->grade == DEAD ?
	    (s->why && !strncmp(s->why, "expired", 7) ? "expired" : "refused") :
	    grade_name(s->grade);

	memset(r->state, 0, sizeof r->state);
	memcpy(r->state, word, strlen(word));
}

/* Why it did not come as far as was asked: on stderr; the exit status. */
static int
fell_short(const struct sending *s, const struct receipt *r,
    const struct standing *now, int sig)
{
	static const int statuses[] = { [ACCEPTED] = STATUS_ACCEPTED,
		[DELIVERED] = STATUS_DELIVERED, [ADMITTED] = STATUS_ADMITTED };

	if (now->grade == DEAD) {
		warn("%s: %.300s", r->id, now->why);
		if (!r->local)
			warn("send it again with: rkat comms resend %s", r->id);
		return STATUS_DEAD;
	}
	warn("%s: %s, not %s, %s%s%.300s%s", r->id, grade_name(now->grade),
	    grade_name(s->want), sig ? "when you stopped waiting" :
	    now->untold ? "as far as another host tells: the protocol has no "
	    "word for it" : "in time", now->why ? " (" : "",
	    now->why ? now->why : "", now->why ? ")" : "");
	if (now->grade == ACCEPTED)
		warn("it stays in the outbox and is delivered when it can be; "
		    "see: rkat comms trace %s", r->id);
	return sig ? 128 + sig : statuses[now->grade];
}

static int
await(struct cmd *c, const struct sending *s, struct receipt *r)
{
	struct standing now = { .grade = GRADE_NONE };
	int sig = wait_grade(c, r, s->want, s->timeout ? s->timeout :
	    TIMEOUT_MS, &now), rc = -1;

	if (sig < 0)
		goto done;
	take_standing(r, &now);
	rc = tell(c, r, s->want == ANSWERED ? now.answer : NULL);
	if (rc == 0 && (now.grade < s->want || now.grade == DEAD))
		rc = fell_short(s, r, &now, sig);
done:
	standing_free(&now);
	return rc;
}

VERB(verb_send)
{
	struct sending s = { .kind = "peer_message" };
	struct receipt r;

	if (parse(c, argc, argv, &s) < 0 || carry_out(c, &s, &r) < 0)
		return -1;
	if (!r.local)
		comms_warn_peerd(c);
	return s.want ? await(c, &s, &r) : tell(c, &r, NULL);
}
