#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/option.h"
#include "comms/comms.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/arrivals.h"
#include "store/lock.h"
#include "store/outbox.h"

/* Who there is, what came, what was sent. */

struct looking {
	const char *ref, *state;	/* -s, --state */
	bool dead;
	int64_t limit;
};

/* The options of all three. */
static int
parse(struct cmd *c, int argc, char *argv[], const struct option *opts,
    struct looking *l)
{
	int o, rc = 0;

	l->limit = 50;
	while (rc == 0 && (o = cmd_option(c, argc, argv, ":s:", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 's': l->ref = optarg; break;
		case 'S': l->state = optarg; break;
		case 'd': l->dead = true; break;
		case 'n': rc = cmd_number(c, "--limit", optarg, 1, &l->limit); break;
		default: return cmd_usage(c);
		}
	if (rc == 0 && optind != argc)
		rc = cmd_usage(c);
	return rc;
}

/* ---- peers ---- */

static void
put_peer(struct buf *b, struct jtext p)
{
	static const char *const words[] = { "name", "source", "reachability",
		"peer_id", "address" };
	char *about = json_get_str(json_get(p, "meta"), "description");

	for (size_t i = 0; i < COUNT(words); i++) {
		char *s = json_get_str(p, words[i]);

		if (i)
			buf_puts(b, "  ");
		comms_put(b, s, 200);
		free(s);
	}
	if (about) {
		buf_puts(b, "  ");
		comms_put(b, about, 200);
	}
	buf_putc(b, '\n');
	free(about);
}

static int
print_peers(struct cmd *c, const struct buf *json)
{
	struct jiter it = json_iter(json_get(json_text(buf_str(json)),
	    "peers"));
	struct buf b = BUF_INIT;
	int rc;

	while (json_next(&it))
		put_peer(&b, it.value);
	if (!b.n)
		buf_puts(&b, "Nobody is there to talk to.\n");
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

VERB(verb_peers)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "session", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	struct looking l = { .ref = NULL };
	struct buf b = BUF_INIT;
	char id[UUID_LEN + 1];
	const char *session;
	int rc;

	if (parse(c, argc, argv, opts, &l) < 0 ||
	    comms_open(c, l.ref, id, &session) < 0)
		return -1;
	rc = comms_peers(c->db, session, &b, &c->e);
	if (rc == 0)
		rc = c->json ? cmd_line(c, &b) : print_peers(c, &b);
	buf_free(&b);
	return rc;
}

/* ---- inbox ---- */

struct page {
	struct cmd *c;
	struct buf b;
	int rc;
};

static int
flush(struct page *p)
{
	p->rc = cmd_line(p->c, &p->b);
	return p->rc < 0;
}

static int
add_arrival(void *arg, const struct arrival *a)
{
	struct page *p = arg;
	struct buf *b = &p->b;
	char at[32];

	if (!p->c->json) {
		time_rfc3339(a->created_ms, at);
		buf_printf(b, "%s  %s  ", at, a->id);
		comms_put(b, a->from, 80);
		buf_printf(b, " (%s)  ", a->channel);
		comms_put_kind(b, a->json, 200);
		return flush(p);
	}
	jput_open(b, '{');
	jput_kcstr(b, "envelope_id", a->id);
	jput_ktime(b, "at", a->created_ms);
	jput_kcstr(b, "session_id", a->session);
	jput_kcstr(b, "from", a->from);
	jput_kcstr(b, "from_key", a->from_key);
	jput_kcstr(b, "channel", a->channel);
	jput_kcstr(b, "input", a->input);
	jput_kraw(b, "kind", a->json, strlen(a->json));
	jput_close(b, '}');
	return flush(p);
}

VERB(verb_inbox)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "session", required_argument, NULL, 's' },
		{ "limit", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	struct looking l = { .ref = NULL };
	struct page p = { .c = c };
	char id[UUID_LEN + 1];
	const char *session;
	int there = -1;

	if (parse(c, argc, argv, opts, &l) < 0 ||
	    (there = comms_look(c, l.ref, id, &session)) <= 0)
		return there;
	if (arrivals(c->db, session, l.limit, add_arrival, &p, &c->e) < 0)
		p.rc = -1;
	buf_free(&p.b);
	return p.rc;
}

/* ---- outbox ---- */

void
comms_put_letter(struct buf *b, const struct letter *l)
{
	jput_open(b, '{');
	jput_kcstr(b, "envelope_id", l->id);
	jput_kcstr(b, "session_id", l->session);
	jput_kcstr(b, "to", l->peer);
	jput_kcstr(b, "to_key", l->peer_key);
	jput_kcstr(b, "address", l->address);
	jput_kcstr(b, "state", l->state);
	jput_kcstr(b, "key", l->idem);
	jput_ki64(b, "attempts", l->attempts);
	jput_ktime(b, "at", l->created_ms);
	jput_ktime(b, "changed", l->changed_ms);
	if (!strcmp(l->state, "accepted")) {
		jput_ktime(b, "next", l->next_ms);
		jput_ktime(b, "expires", l->expires_ms);
	}
	jput_kcstr(b, "error", l->error);
	jput_kraw(b, "kind", l->json, strlen(l->json));
	if (l->answer)
		jput_kraw(b, "answer", l->answer, strlen(l->answer));
	jput_close(b, '}');
}

static int
add_letter(void *arg, const struct letter *l)
{
	struct page *p = arg;
	char at[32];

	if (p->c->json) {
		comms_put_letter(&p->b, l);
		return flush(p);
	}
	time_rfc3339(l->created_ms, at);
	buf_printf(&p->b, "%s  %s  %-9s  ", at, l->id, l->state);
	comms_put(&p->b, l->peer, 80);
	buf_puts(&p->b, "  ");
	comms_put_kind(&p->b, l->json, 120);
	if (l->error) {
		buf_puts(&p->b, "  -- ");
		comms_put(&p->b, l->error, 200);
	}
	return flush(p);
}

static int
check_state(struct cmd *c, const char *state)
{
	static const char *const states[] = { "accepted", "delivered",
		"admitted", "answered", "expired", "refused" };

	for (size_t i = 0; state && i < COUNT(states); i++)
		if (!strcmp(states[i], state))
			return 0;
	return state ? option_bad(&c->e, "--state", "accepted, delivered, "
	    "admitted, answered, expired or refused", state) : 0;
}

VERB(verb_outbox)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "session", required_argument, NULL, 's' },
		{ "limit", required_argument, NULL, 'n' },
		{ "state", required_argument, NULL, 'S' },
		{ "dead", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 }
	};
	struct looking l = { .ref = NULL };
	struct page p = { .c = c };
	char id[UUID_LEN + 1];
	const char *session;
	int there = -1;

	if (parse(c, argc, argv, opts, &l) < 0 ||
	    check_state(c, l.state) < 0 ||
	    (there = comms_look(c, l.ref, id, &session)) <= 0)
		return there;
	comms_expire(c);
	if (outbox_list(c->db, session, l.state, l.dead, l.limit, add_letter,
	    &p, &c->e) < 0)
		p.rc = -1;
	buf_free(&p.b);
	return p.rc;
}
