#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/option.h"
#include "comms/comms.h"
#include "comms/event.h"
#include "comms/send.h"
#include "store/inputs.h"
#include "store/lock.h"

/* Something happened outside: comms sheet section 16.  Any JSON, rendered whole. */

/* With a type as newer documents have it, else the payload itself. */
static void
put_body(struct buf *b, const struct event *ev)
{
	if (!ev->type) {
		buf_put(b, ev->payload.p, ev->payload.n);
		return;
	}
	jput_open(b, '{');
	jput_kcstr(b, "kind", "generic_json");
	jput_kcstr(b, "event_type", ev->type);
	jput_kraw(b, "payload", ev->payload.p, ev->payload.n);
	jput_close(b, '}');
}

int
event_admit(struct cmd *c, const char *session, const struct event *ev,
    struct buf *receipt, bool *seen)
{
	struct input in = { .kind = (char []){ "external_event" },
	    .wake = true };
	struct buf body = BUF_INIT;
	int rc;

	put_body(&body, ev);
	in.session = (char *)(uintptr_t)session;
	in.source = (char *)(uintptr_t)ev->source;
	in.mode = (char *)(uintptr_t)ev->mode;
	in.idem = (char *)(uintptr_t)ev->key;
	in.body = body.p;
	rc = inputs_admit(c->db, &in, seen, &c->e);
	buf_free(&body);
	if (rc < 0)
		return -1;
	jput_kcstr(receipt, "input", in.id);
	jput_kcstr(receipt, "status", *seen ? "deduplicated" : "accepted");
	return 0;
}

void
event_ring(struct cmd *c, const char *session)
{
	bell_ring(&c->realm, session, 'w');
	comms_ring(c->db);
}

/* ---- one ---- */

/* --text: a JSON string is made of it. */
static int
read_payload(struct cmd *c, const char *arg, bool text, struct buf *raw,
    struct jtext *v)
{
	struct buf s = BUF_INIT;

	if (cmd_text(c, arg, raw) < 0)
		return -1;
	if (!text) {
		if (json_parse(buf_str(raw), raw->n, v, &c->e) == 0)
			return 0;
		return err_wrap(&c->e, "payload (for plain text say --text)");
	}
	if (!utf8_valid(buf_str(raw), raw->n))
		return err_set(&c->e, E_INVALID_PARAMS, "text: want UTF-8");
	jput_str(&s, buf_str(raw), raw->n);
	buf_free(raw);
	*raw = s;
	*v = json_slice(raw->p, raw->n);
	return 0;
}

static int
one(struct cmd *c, const char *id, struct event *ev, const char *arg,
    bool text)
{
	struct buf raw = BUF_INIT, receipt = BUF_INIT;
	bool seen = false;
	int rc = read_payload(c, arg, text, &raw, &ev->payload);

	jput_open(&receipt, '{');
	if (rc == 0)
		rc = event_admit(c, id, ev, &receipt, &seen);
	jput_close(&receipt, '}');
	if (rc == 0) {
		event_ring(c, id);
		rc = cmd_line(c, &receipt);
	}
	if (rc == 0 && seen)
		rc = err_info(E_DUPLICATE_INPUT)->exit;
	buf_free(&raw);
	buf_free(&receipt);
	return rc;
}

/* ---- options ---- */

struct said {
	struct event ev;
	bool lines, text;
	int64_t batch;
};

static int
check(struct cmd *c, const struct said *s, int n)
{
	if (n < 1 || n > 2 - s->lines)
		return cmd_usage(c);
	if (s->lines && (s->ev.key || s->ev.type || s->text))
		return err_set(&c->e, E_INVALID_PARAMS, "%s: not with --lines: "
		    "a line says it itself", s->ev.key ? "--key" :
		    s->ev.type ? "--type" : "--text");
	return 0;
}

static int
parse(struct cmd *c, int argc, char *argv[], struct said *s)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "type", required_argument, NULL, 't' },
		{ "source", required_argument, NULL, 's' },
		{ "key", required_argument, NULL, 'k' },
		{ "steer", no_argument, NULL, 'S' },
		{ "text", no_argument, NULL, 'T' },
		{ "lines", no_argument, NULL, 'l' },
		{ "batch", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 }
	};
	struct event *ev = &s->ev;
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 't': rc = option_word(&ev->type, "--type", optarg, &c->e); break;
		case 's': rc = option_word(&ev->source, "--source", optarg, &c->e); break;
		case 'k': rc = option_word(&ev->key, "--key", optarg, &c->e); break;
		case 'S': ev->mode = "steer"; break;
		case 'T': s->text = true; break;
		case 'l': s->lines = true; break;
		case 'b': rc = cmd_number(c, "--batch", optarg, 1, &s->batch); break;
		default: return cmd_usage(c);
		}
	return rc < 0 ? -1 : check(c, s, argc - optind);
}

VERB(verb_event)
{
	struct said s = { .ev = { .source = "cli", .mode = "queue" },
	    .batch = 64 };
	char id[UUID_LEN + 1];

	if (parse(c, argc, argv, &s) < 0 ||
	    cmd_resolve(c, argv[optind], id) < 0)
		return -1;
	if (s.lines)
		return event_lines(c, id, &s.ev, s.batch);
	return one(c, id, &s.ev, argc - optind == 2 ? argv[optind + 1] : "-",
	    s.text);
}
