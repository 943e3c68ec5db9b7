#include <stdlib.h>

#include "base/json.h"
#include "comms/identity.h"
#include "comms/send.h"
#include "comms/trust.h"
#include "store/arrivals.h"
#include "store/inputs.h"
#include "store/outbox.h"
#include "store/participants.h"
#include "test.h"
#include "store.h"

/* comms/send, the directory, outbox and arrivals, without any network. */

struct world {
	struct place w;
	struct session b;	/* w.s is agent-a, this is agent-b */
};

static void
world_open(struct world *x)
{
	struct peer p = { .name = (char []){ "far" },
	    .address = (char []){ "tcp://127.0.0.1:4200" } };

	place_open(&x->w);
	memset(&x->b, 0, sizeof x->b);
	memset(p.key, 7, KEY_LEN);
	OK(session_create(x->w.db, &x->b, NULL) == 0);
	OK(comms_enable(x->w.db, x->w.s.id, "agent-a", JTEXT_NONE, true, NULL,
	    NULL, NULL) == 0);
	OK(comms_enable(x->w.db, x->b.id, "agent-b",
	    json_text("{\"description\":\"checks\"}"), true, NULL, NULL,
	    NULL) == 0);
	OK(trust_add(&x->w.r, &p, NULL) == 0);
}

static void
world_close(struct world *x)
{
	session_free(&x->b);
	place_close(&x->w);
}

/* Parse and send from a session: 0, or -1 and the words. */
static int
say(struct world *x, const char *session, const char *params,
    struct receipt *r, struct err *e)
{
	struct send_command c;
	struct buf issues = BUF_INIT, data = BUF_INIT;
	int rc = send_parse(json_text(params), &c, &issues, e);

	if (rc == 0)
		rc = comms_send(x->w.db, session, &c, r, &data, e);
	send_command_free(&c);
	buf_free(&issues);
	buf_free(&data);
	return rc;
}

TEST(a_command_is_checked_in_the_order_of_the_sheet)
{
	static const struct { const char *in, *issues; } t[] = {
		{ "{\"kind\":\"peer_message\"}",
		    "[{\"field\":\"to\",\"issue\":\"required_field\"},"
		    "{\"field\":\"handling_mode\",\"issue\":\"required_field\"}]" },
		{ "{\"kind\":\"shout\"}", "[{\"field\":\"kind\",\"issue\":"
		    "\"unknown_kind\",\"got\":\"shout\"}]" },
		{ "{\"kind\":\"input\"}", "[{\"field\":\"body\",\"issue\":"
		    "\"required_field\"}]" },
		{ "{\"kind\":\"peer_request\",\"to\":\"x\"}",
		    "[{\"field\":\"intent\",\"issue\":\"required_field\"}]" },
		{ "{\"kind\":\"peer_request\",\"to\":\"x\",\"intent\":\"i\","
		    "\"stream\":\"s\"}", "[{\"field\":\"stream\",\"issue\":"
		    "\"removed_unsupported_field\",\"got\":\"s\"}]" },
		{ "{\"kind\":\"peer_response\",\"to\":\"x\",\"in_reply_to\":"
		    "\"nope\"}", "[{\"field\":\"in_reply_to\",\"issue\":"
		    "\"invalid_uuid\",\"got\":\"nope\"}]" },
		{ "{\"kind\":\"peer_response\",\"to\":\"x\",\"in_reply_to\":"
		    "\"{550e8400e29b41d4a716446655440000}\",\"status\":"
		    "\"accepted\",\"handling_mode\":\"queue\"}",
		    "[{\"field\":\"handling_mode\",\"issue\":"
		    "\"forbidden_for_accepted_response\",\"got\":\"queue\"}]" },
		{ "{\"kind\":\"peer_message\",\"to\":\"a\\nb\","
		    "\"handling_mode\":\"now\"}", "[{\"field\":\"to\",\"issue\":"
		    "\"invalid_value\",\"got\":\"a\\nb\"},{\"field\":"
		    "\"handling_mode\",\"issue\":\"invalid_value\",\"got\":"
		    "\"now\"}]" },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct send_command c;
		struct buf issues = BUF_INIT;
		struct err e = ERR_NONE;

		OK(send_parse(json_text(t[i].in), &c, &issues, &e) < 0);
		STR_IS(e.text, "Command validation failed");
		STR_IS(issues.p, t[i].issues);
		send_command_free(&c);
		buf_free(&issues);
	}
}

TEST(a_message_in_the_realm_is_an_input_at_once)
{
	struct world x;
	struct receipt r;
	struct input *in;
	size_t n;

	world_open(&x);
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_message\",\"to\":\"agent-b\","
	    "\"body\":\"hello\",\"handling_mode\":\"steer\"}", &r, NULL) == 0);
	STR_IS(r.state, "delivered");
	STR_IS(r.session, x.b.id);
	OK(inputs_queued(x.w.db, x.b.id, NULL, &in, &n, NULL) == 0 && n == 1);
	STR_IS(in[0].kind, "peer");
	STR_IS(in[0].source, "agent-a");
	STR_IS(in[0].mode, "steer");
	OK(in[0].wake);
	OK(json_str_is(json_path(json_text(in[0].body), "kind/body"), "hello"));
	inputs_free(in, n);
	world_close(&x);
}

/* How many lanes there are. */
static int
add_lane(void *arg, const char *lane)
{
	char **to = arg;

	if (!**to)
		strcpy(*to, lane);
	*to += strlen(lane) + 1;
	return 0;
}

static int
first_lane(struct world *x, char lane[1024])
{
	char *to = lane;

	memset(lane, 0, 1024);
	OK(outbox_lanes(x->w.db, add_lane, &to, NULL) == 0);
	return to == lane ? 0 : (int)((size_t)(to - lane) /
	    (strlen(lane) + 1));
}

TEST(a_letter_to_one_outside_waits_in_the_outbox)
{
	struct world x;
	struct receipt r;
	struct letter *l;
	char lane[1024];
	size_t n;

	world_open(&x);
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_request\",\"to\":\"far\","
	    "\"intent\":\"review\",\"params\":{\"pr\":42},\"handling_mode\":"
	    "\"queue\"}", &r, NULL) == 0);
	STR_IS(r.state, "accepted");
	OK(first_lane(&x, lane) == 1);
	OK(outbox_lane(x.w.db, lane, NULL, 10, 9999, &l, &n,
	    NULL) == 0 && n == 1);
	STR_IS(l[0].id, r.id);
	STR_IS(l[0].json, "{\"type\":\"request\",\"intent\":\"review\","
	    "\"params\":{\"pr\":42}}");
	letters_free(l, n);
	/* It failed once, then it went out. */
	OK(outbox_state(x.w.db, r.id, "accepted", "transport_error: no way",
	    time_ms() + 60000, NULL) == 0);
	OK(outbox_expiry(x.w.db, NULL) > time_ms());
	OK(first_lane(&x, lane) == 1);
	OK(outbox_state(x.w.db, r.id, "delivered", NULL, 0, NULL) == 0);
	OK(first_lane(&x, lane) == 0);
	OK(outbox_expiry(x.w.db, NULL) == -1);
	world_close(&x);
}

TEST(each_sender_has_a_lane_to_a_receiver_with_its_letters_in_order)
{
	struct world x;
	struct receipt r[4];
	struct letter *l;
	char lane[1024];
	size_t n;

	world_open(&x);
	for (int i = 0; i < 4; i++)
		OK(say(&x, i == 2 ? x.b.id : x.w.s.id, "{\"kind\":"
		    "\"peer_message\",\"to\":\"far\",\"handling_mode\":"
		    "\"queue\"}", &r[i], NULL) == 0);
	OK(first_lane(&x, lane) == 2);
	STR_IS(lane + 52, strcmp(x.w.s.id, x.b.id) < 0 ? x.w.s.id : x.b.id);
	strcpy(lane + 52, x.w.s.id);
	OK(outbox_lane(x.w.db, lane, NULL, 10, 9999, &l, &n,
	    NULL) == 0 && n == 3);
	STR_IS(l[0].id, r[0].id);
	STR_IS(l[1].id, r[1].id);
	STR_IS(l[2].id, r[3].id);
	letters_free(l, n);
	OK(outbox_lane(x.w.db, lane, r[0].id, 1, 9999, &l, &n,
	    NULL) == 0 && n == 1);
	STR_IS(l[0].id, r[1].id);
	letters_free(l, n);
	OK(outbox_lane(x.w.db, lane, NULL, 10, 1, &l, &n, NULL) == 0 && n == 1);
	letters_free(l, n);
	world_close(&x);
}

TEST(what_is_past_its_time_is_a_dead_letter)
{
	struct world x;
	struct receipt r;
	struct letter l;

	world_open(&x);
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_message\",\"to\":\"far\","
	    "\"handling_mode\":\"queue\"}", &r, NULL) == 0);
	OK(outbox_expire(x.w.db, time_ms() + 1000, NULL) == 0);
	OK(outbox_expire(x.w.db, time_ms() + 2ll * 24 * 3600 * 1000, NULL) == 1);
	OK(outbox_load(x.w.db, r.id, &l, NULL) == 0);
	STR_IS(l.state, "expired");
	letter_free(&l);
	/* an attempt that ends now leaves it dead; to send it again is another thing */
	OK(outbox_state(x.w.db, r.id, "accepted", "no way", 0, NULL) == 0);
	OK(outbox_load(x.w.db, r.id, &l, NULL) == 0);
	STR_IS(l.state, "expired");
	letter_free(&l);
	OK(outbox_resend(x.w.db, r.id, "tcp://h:1", time_ms() + 1000,
	    NULL) == 0);
	OK(outbox_load(x.w.db, r.id, &l, NULL) == 0);
	STR_IS(l.state, "accepted");
	letter_free(&l);
	world_close(&x);
}

TEST(the_same_key_sends_once)
{
	struct world x;
	struct send_command c;
	struct receipt r, again;
	struct buf issues = BUF_INIT, data = BUF_INIT;

	world_open(&x);
	OK(send_parse(json_text("{\"kind\":\"peer_message\",\"to\":\"agent-b\","
	    "\"handling_mode\":\"queue\"}"), &c, &issues, NULL) == 0);
	c.idem = "once";
	OK(comms_send(x.w.db, x.w.s.id, &c, &r, &data, NULL) == 0 && !r.seen);
	OK(comms_send(x.w.db, x.w.s.id, &c, &again, &data, NULL) == 0);
	OK(again.seen);
	STR_IS(again.id, r.id);
	send_command_free(&c);
	buf_free(&issues);
	buf_free(&data);
	world_close(&x);
}

TEST(nobody_speaks_to_whom_nobody_knows)
{
	struct world x;
	struct receipt r;
	struct err e = ERR_NONE;
	struct session c = { .id = "" };

	world_open(&x);
	OK(session_create(x.w.db, &c, NULL) == 0);
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_message\",\"to\":\"ghost\","
	    "\"handling_mode\":\"queue\"}", &r, &e) < 0);
	STR_IS(e.text, "peer 'ghost' is not found or not trusted");
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_message\",\"to\":\"agent-a\","
	    "\"handling_mode\":\"queue\"}", &r, &e) < 0);
	OK(say(&x, c.id, "{\"kind\":\"peer_message\",\"to\":\"agent-a\","
	    "\"handling_mode\":\"queue\"}", &r, &e) < 0);
	OK(!strncmp(e.text, "Session not found or comms not enabled: ", 40));
	OK(say(&x, x.w.s.id, "{\"kind\":\"input\",\"body\":\"x\"}", &r, &e) < 0);
	OK(strstr(e.text, "set allow_self_session=true"));
	session_free(&c);
	world_close(&x);
}

TEST(a_response_answers_the_request_of_its_peer_only)
{
	struct world x;
	struct receipt ask, r;
	struct letter l;
	struct input *in;
	char params[300];
	size_t n;

	world_open(&x);
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_request\",\"to\":\"agent-b\","
	    "\"intent\":\"review\",\"handling_mode\":\"queue\"}", &ask,
	    NULL) == 0);
	snprintf(params, sizeof params, "{\"kind\":\"peer_response\",\"to\":"
	    "\"agent-a\",\"in_reply_to\":\"%s\",\"result\":{\"ok\":1}}",
	    ask.id);
	/* The realm itself was not asked. */
	OK(say(&x, NULL, params, &r, NULL) == 0);
	OK(outbox_load(x.w.db, ask.id, &l, NULL) == 0);
	STR_IS(l.state, "delivered");
	letter_free(&l);
	OK(inputs_queued(x.w.db, x.w.s.id, NULL, &in, &n, NULL) == 0 && n == 1);
	OK(json_get_bool(json_text(in[0].body), "unasked", false));
	inputs_free(in, n);
	OK(say(&x, x.b.id, params, &r, NULL) == 0);
	OK(outbox_load(x.w.db, ask.id, &l, NULL) == 0);
	STR_IS(l.state, "answered");
	OK(json_path(json_text(l.answer), "result/ok").p);
	letter_free(&l);
	/* It ended; who says otherwise afterwards is heard, but it is no other answer. */
	snprintf(params, sizeof params, "{\"kind\":\"peer_response\",\"to\":"
	    "\"agent-a\",\"in_reply_to\":\"%s\",\"status\":\"failed\"}",
	    ask.id);
	OK(say(&x, x.b.id, params, &r, NULL) == 0);
	OK(outbox_load(x.w.db, ask.id, &l, NULL) == 0);
	OK(json_path(json_text(l.answer), "result/ok").p);
	letter_free(&l);
	OK(inputs_queued(x.w.db, x.w.s.id, NULL, &in, &n, NULL) == 0 && n == 3);
	OK(!json_get(json_text(in[1].body), "unasked").p);
	inputs_free(in, n);
	world_close(&x);
}

static int
count_arrival(void *arg, const struct arrival *a)
{
	(void)a;
	++*(int *)arg;
	return 0;
}

TEST(what_is_said_to_the_realm_lies_in_its_inbox)
{
	struct world x;
	struct receipt r;
	int n = 0;

	world_open(&x);
	OK(say(&x, x.w.s.id, "{\"kind\":\"peer_message\",\"to\":\"test\","
	    "\"body\":\"done\",\"handling_mode\":\"queue\"}", &r, NULL) == 0);
	STR_IS(r.session, "");
	OK(arrivals(x.w.db, NULL, 10, count_arrival, &n, NULL) == 0);
	OK(n == 1);
	world_close(&x);
}

TEST(an_envelope_arrives_once)
{
	struct world x;
	struct arrival a = { .id = (char []){
	    "550e8400-e29b-41d4-a716-446655440000" }, .from = (char []){ "far" },
	    .from_key = (char []){ "ed25519:x" }, .channel = (char []){ "tcp" },
	    .json = (char []){ "{\"type\":\"message\",\"body\":\"hi\"}" } };
	struct input *in;
	size_t n;
	bool seen;

	world_open(&x);
	a.session = x.b.id;
	OK(arrival_admit(x.w.db, &a, &seen, NULL) == 0 && !seen);
	free(a.input);
	a.input = NULL;
	OK(arrival_admit(x.w.db, &a, &seen, NULL) == 0 && seen);
	OK(inputs_queued(x.w.db, x.b.id, NULL, &in, &n, NULL) == 0 && n == 1);
	inputs_free(in, n);
	world_close(&x);
}

TEST(a_full_queue_takes_no_more)
{
	struct world x;
	struct receipt r;
	struct err e = ERR_NONE;
	int sent = 0;

	world_open(&x);
	OK(db_begin(x.w.db, NULL) == 0);
	db_rollback(x.w.db);
	for (int i = 0; i < 300; i++) {
		if (say(&x, x.w.s.id, "{\"kind\":\"peer_message\",\"to\":"
		    "\"agent-b\",\"handling_mode\":\"queue\"}", &r, &e) < 0)
			break;
		sent++;
	}
	OK(sent == 256);
	STR_IS(e.text, "peer 'agent-b' is unreachable: offline_or_no_ack");
	world_close(&x);
}

TEST(the_directory_has_trusted_peers_first_then_the_realm_s)
{
	struct world x;
	struct buf b = BUF_INIT;
	struct jtext peers;

	world_open(&x);
	OK(comms_peers(x.w.db, x.w.s.id, &b, NULL) == 0);
	peers = json_get(json_slice(b.p, b.n), "peers");
	OK(json_count(peers) == 2);
	OK(json_str_is(json_path(peers, "0/name"), "far"));
	OK(json_str_is(json_path(peers, "0/source"), "Trusted"));
	OK(json_str_is(json_path(peers, "0/reachability"), "unknown"));
	OK(json_str_is(json_path(peers, "1/name"), "agent-b"));
	OK(json_str_is(json_path(peers, "1/source"), "Inproc"));
	OK(json_str_is(json_path(peers, "1/address"), "inproc://agent-b"));
	OK(json_str_is(json_path(peers, "1/meta/description"), "checks"));
	OK(comms_has_peers(x.w.db, x.w.s.id));
	buf_free(&b);
	world_close(&x);
}
