#include <sys/stat.h>
#include <sys/wait.h>

#include "store/inputs.h"
#include "store/runs.h"
#include "store/sql.h"
#include "test.h"
#include "store.h"

static int
put_message(struct place *p, const char *raw, int64_t *index)
{
	struct err e = ERR_NONE;

	if (db_begin(p->db, &e) < 0 || messages_append(p->db, p->s.id, raw,
	    strlen(raw), index, &e) < 0 || db_commit(p->db, &e) < 0) {
		printf("# %s\n", e.text);
		db_rollback(p->db);
		return -1;
	}
	return 0;
}

TEST(a_part_of_a_transaction_fails_alone)
{
	struct session one = { .labels = NULL }, two = { .labels = NULL }, t;
	struct place p;

	place_open(&p);
	OK(db_begin(p.db, NULL) == 0);
	OK(db_mark(p.db, NULL) == 0);
	OK(session_create(p.db, &one, NULL) == 0);
	OK(db_unmark(p.db, true, NULL) == 0);
	OK(db_mark(p.db, NULL) == 0);
	OK(session_create(p.db, &two, NULL) == 0);
	OK(db_unmark(p.db, false, NULL) == 0);
	OK(db_commit(p.db, NULL) == 0);
	OK(session_load(p.db, one.id, &t, NULL) == 0);
	session_free(&t);
	OK(session_load(p.db, two.id, &t, NULL) < 0);
	session_free(&one);
	session_free(&two);
	place_close(&p);
}

TEST(a_session_keeps_its_columns)
{
	struct session s = { .labels = xstrdup("{\"team\":\"a\\u0062\"}"),
	    .meta = xstrdup("{\"model\":\"m\"}"), .usage = USAGE_NONE }, t;
	struct place p;
	struct err e = ERR_NONE;

	place_open(&p);
	OK(session_create(p.db, &s, NULL) == 0);
	OK(uuid_valid(s.id) && s.created_ms > 0);
	OK(session_create(p.db, &s, &e) < 0 && e.code == E_CONFLICT);
	OK(session_load(p.db, s.id, &t, NULL) == 0);
	STR_IS(t.meta, "{\"model\":\"m\"}");
	STR_IS(t.build, "{}");
	OK(t.usage.cache_read == -1 && t.usage.input == 0);
	t.usage.cache_read = 5;
	t.usage.input = 7;
	free(t.state);
	t.state = xstrdup("{\"x\":9007199254740993}");
	OK(session_save(p.db, &t, NULL) == 0);
	session_free(&t);
	OK(session_load(p.db, s.id, &t, NULL) == 0);
	STR_IS(t.state, "{\"x\":9007199254740993}");
	OK(t.usage.cache_read == 5 && t.usage.input == 7);
	OK(t.updated_ms >= s.updated_ms);
	session_free(&t);
	OK(session_load(p.db, "nope", &t, &e) < 0);
	OK(e.code == E_SESSION_NOT_FOUND);
	session_free(&s);
	place_close(&p);
}

TEST(a_run_writes_only_what_is_its_own)
{
	struct session mine, t;
	struct place p;
	struct err e = ERR_NONE;

	place_open(&p);
	OK(session_load(p.db, p.s.id, &mine, NULL) == 0);
	OK(session_load(p.db, p.s.id, &t, NULL) == 0);
	free(t.labels);
	t.labels = xstrdup("{\"k\":\"v\"}");
	free(t.meta);
	t.meta = xstrdup("{\"m\":1}");
	OK(session_save(p.db, &t, NULL) == 0);	/* meanwhile */
	session_free(&t);
	free(mine.state);
	mine.state = xstrdup("{\"s\":1}");
	mine.usage.output = 3;
	OK(session_advance(p.db, &mine, false, NULL) == 0);
	OK(session_load(p.db, p.s.id, &t, NULL) == 0);
	STR_IS(t.labels, "{\"k\":\"v\"}");
	STR_IS(t.meta, "{\"m\":1}");
	STR_IS(t.state, "{\"s\":1}");
	OK(t.usage.output == 3 && t.usage.input == 0);
	session_free(&t);
	OK(session_advance(p.db, &mine, true, NULL) == 0);
	OK(session_load(p.db, p.s.id, &t, NULL) == 0);
	STR_IS(t.labels, "{\"k\":\"v\"}");
	STR_IS(t.meta, "{}");
	session_free(&t);
	strcpy(mine.id, "nope");
	OK(session_advance(p.db, &mine, true, &e) < 0);
	OK(e.code == E_SESSION_NOT_FOUND);
	session_free(&mine);
	place_close(&p);
}

TEST(messages_move_behind_others)
{
	struct messages a = { .n = 0 }, b = { .n = 0 };

	messages_move(&a, &b);
	OK(a.n == 0);
	messages_push(&a, "1", 1);
	messages_push(&b, "22", 2);
	messages_push(&b, "333", 3);
	messages_move(&a, &b);
	OK(a.n == 3 && b.n == 0 && !b.v);
	STR_IS(a.v[0].p, "1");
	STR_IS(a.v[2].p, "333");
	messages_free(&a);
}

TEST(usage_adds_up)
{
	struct usage a = USAGE_NONE, b = { 1, 2, -1, 4 };
	struct buf o = BUF_INIT;

	usage_add(&a, &b);
	usage_add(&a, &b);
	usage_emit(&o, &a);
	STR_IS(o.p, "{\"input_tokens\":2,\"output_tokens\":4,"
	    "\"cache_creation_tokens\":null,\"cache_read_tokens\":8}");
	buf_free(&o);
}

TEST(the_transcript_only_grows)
{
	struct messages m;
	struct session s;
	struct place p;
	int64_t i;

	place_open(&p);
	OK(put_message(&p, "{\"n\":0}", &i) == 0 && i == 0);
	OK(put_message(&p, "{\"n\":1e400}", &i) == 0 && i == 1);
	OK(put_message(&p, "{\"n\":2}", NULL) == 0);
	OK(messages_load(p.db, p.s.id, &m, NULL) == 0 && m.n == 3);
	STR_IS(m.v[1].p, "{\"n\":1e400}");
	messages_free(&m);
	OK(messages_page(p.db, p.s.id, 1, 1, &m, NULL) == 0 && m.n == 1);
	OK(m.base == 1);
	messages_free(&m);
	OK(messages_page(p.db, p.s.id, 99, 1, &m, NULL) == 0 && m.n == 0);
	OK(m.base == 3);
	messages_free(&m);
	OK(db_begin(p.db, NULL) == 0);
	OK(messages_rebase(p.db, p.s.id, NULL) == 0);
	OK(messages_append(p.db, p.s.id, "{}", 2, &i, NULL) == 0 && i == 3);
	OK(db_commit(p.db, NULL) == 0);
	OK(messages_load(p.db, p.s.id, &m, NULL) == 0 && m.n == 1);
	OK(m.base == 3);
	messages_push(&m, "{\"a\":1}!", 7);
	OK(m.n == 2);
	STR_IS(m.v[1].p, "{\"a\":1}");
	messages_free(&m);
	OK(session_load(p.db, p.s.id, &s, NULL) == 0);
	OK(s.messages == 1 && s.total_messages == 4);
	session_free(&s);
	place_close(&p);
}

static int
first(void *arg, const struct session *s)
{
	strcpy(arg, s->id);
	return 1;
}

static int
tally(void *arg, const struct session *s)
{
	(void)s;
	++*(int *)arg;
	return 0;
}

TEST(references_resolve)
{
	struct place p;
	struct session s = { .id = "aaaa0000-0000-7000-8000-000000000001" };
	struct session t = { .id = "aaaa0000-0000-7000-8000-000000000002" };
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1], *ref;

	place_open(&p);
	s.created_ms = 4102444800000;
	t.created_ms = 4102444800001;
	OK(session_create(p.db, &s, NULL) == 0);
	OK(session_create(p.db, &t, NULL) == 0);
	OK(session_resolve(p.db, "last", id, NULL) == 0 && !strcmp(id, t.id));
	OK(session_resolve(p.db, "~", id, NULL) == 0 && !strcmp(id, t.id));
	OK(session_resolve(p.db, "~1", id, NULL) == 0 && !strcmp(id, t.id));
	OK(session_resolve(p.db, "~2", id, NULL) == 0 && !strcmp(id, s.id));
	OK(session_resolve(p.db, "~3", id, NULL) == 0 && !strcmp(id, p.s.id));
	OK(session_resolve(p.db, "~4", id, &e) < 0);
	STR_IS(e.text, "Only 3 sessions exist; ~4 is out of range");
	OK(session_resolve(p.db, "~99999999999999999999", id, &e) < 0);
	OK(session_resolve(p.db, "~x", id, &e) < 0);
	STR_IS(e.text,
	    "Invalid relative offset '~x': expected ~N where N is a number");
	OK(session_resolve(p.db, "aaaa", id, &e) < 0);
	OK(e.code == E_INVALID_PARAMS && strstr(e.text, s.id) &&
	    strstr(e.text, t.id) && strstr(e.text, "matches 2 sessions"));
	OK(session_resolve(p.db, "aaaa0000-0000-7000-8000-000000000001", id,
	    NULL) == 0);
	OK(session_resolve(p.db, "AAAA0000-0000-7000-8000-000000000001", id,
	    NULL) == 0 && !strcmp(id, s.id));
	OK(session_resolve(p.db, "aaaa0000-0000-7000-8000-00000000000", id,
	    NULL) < 0);
	OK(session_resolve(p.db, "zz", id, &e) < 0);
	STR_IS(e.text, "No session matching 'zz'");
	OK(session_resolve(p.db, "", id, NULL) < 0);
	OK(session_resolve(p.db, "%", id, NULL) < 0);
	ref = xasprintf("test:%s", s.id);
	OK(session_resolve(p.db, ref, id, NULL) == 0);
	free(ref);
	OK(session_resolve(p.db, "test:x", id, &e) < 0);
	STR_IS(e.text, "Invalid session locator 'test:x': "
	    "invalid session id in session locator: x");
	ref = xasprintf("other:%s", s.id);
	OK(session_resolve(p.db, ref, id, &e) < 0);
	OK(strstr(e.text, "realm 'other', but active realm is 'test'"));
	free(ref);
	OK(session_archive(p.db, t.id, NULL) == 0);
	OK(session_archive(p.db, t.id, &e) < 0);
	OK(session_resolve(p.db, "aaaa", id, NULL) == 0 && !strcmp(id, s.id));
	OK(session_resolve(p.db, t.id, id, NULL) == 0);
	OK(session_resolve(p.db, "last", id, NULL) == 0 && !strcmp(id, s.id));
	session_free(&s);
	session_free(&t);
	place_close(&p);
}

TEST(the_list_filters_by_labels)
{
	static const char *const labels[] = { "a=1", "b=x=y" };
	struct session_query q = { .limit = -1, .labels = labels, .n_labels = 2 };
	struct session s = { .labels = xstrdup("{\"a\":\"1\",\"b\":\"x=y\"}") };
	struct session t = { .labels = xstrdup("{\"a\":\"1\"}") };
	char id[UUID_LEN + 1] = "";
	struct place p;
	int n = 0;

	place_open(&p);
	OK(session_create(p.db, &s, NULL) == 0);
	OK(session_create(p.db, &t, NULL) == 0);
	OK(session_list(p.db, &q, first, id, NULL) == 0);
	STR_IS(id, s.id);
	q.n_labels = 1;
	OK(session_list(p.db, &q, tally, &n, NULL) == 0 && n == 2);
	q.n_labels = 0;
	q.limit = 1;
	q.offset = 2;
	n = 0;
	OK(session_list(p.db, &q, tally, &n, NULL) == 0 && n == 1);
	OK(session_archive(p.db, s.id, NULL) == 0);
	n = 0;
	OK(session_list(p.db, &q, tally, &n, NULL) == 0 && n == 0);
	q.archived = true;
	OK(session_list(p.db, &q, tally, &n, NULL) == 0 && n == 1);
	session_free(&s);
	session_free(&t);
	place_close(&p);
}

static struct input
prompt(struct place *p, char *mode, char *idem)
{
	return (struct input){ .session = p->s.id, .kind = "prompt",
	    .source = "operator", .mode = mode, .body = "{\"text\":\"hi\"}",
	    .idem = idem };
}

TEST(an_input_is_admitted_once_by_its_key)
{
	struct input a, b, *list;
	struct err e = ERR_NONE;
	struct place p;
	bool seen;
	size_t n;

	place_open(&p);
	a = prompt(&p, "queue", "k");
	OK(inputs_admit(p.db, &a, &seen, NULL) == 0 && !seen);
	b = prompt(&p, "queue", "k");
	OK(inputs_admit(p.db, &b, &seen, NULL) == 0 && seen);
	STR_IS(b.id, a.id);
	OK(b.seq == a.seq);
	b = prompt(&p, "steer", NULL);
	OK(inputs_admit(p.db, &b, &seen, NULL) == 0 && !seen);
	OK(inputs_queued(p.db, p.s.id, NULL, &list, &n, NULL) == 0 && n == 2);
	STR_IS(list[0].mode, "steer");
	STR_IS(list[1].id, a.id);
	inputs_free(list, n);
	OK(inputs_queued(p.db, p.s.id, "queue", &list, &n, NULL) == 0 && n == 1);
	inputs_free(list, n);
	OK(session_archive(p.db, p.s.id, NULL) == 0);
	b = prompt(&p, "queue", "k");
	OK(inputs_admit(p.db, &b, &seen, &e) < 0);
	OK(e.code == E_SESSION_NOT_FOUND);
	b = prompt(&p, "queue", NULL);
	OK(inputs_admit(p.db, &b, &seen, &e) < 0);
	place_close(&p);
}

static int
remember(void *arg, const char *session)
{
	strcat(arg, session);
	return 0;
}

TEST(inputs_move_on_with_their_run)
{
	struct input a, b, c, *list;
	char ids[200] = "";
	struct place p;
	int64_t head;
	bool seen;
	size_t n;

	place_open(&p);
	a = prompt(&p, "queue", NULL);
	b = prompt(&p, "queue", NULL);
	a.wake = true;
	OK(inputs_admit(p.db, &a, &seen, NULL) == 0);
	OK(inputs_admit(p.db, &b, &seen, NULL) == 0);
	OK(inputs_due_sessions(p.db, remember, ids, NULL) == 0);
	STR_IS(ids, p.s.id);
	OK(inputs_due(p.db, p.s.id, &head, NULL) == 1 && head == a.seq);
	OK(inputs_apply(p.db, a.id, "run1", 4, NULL) == 0);
	OK(inputs_apply(p.db, a.id, "run1", 4, NULL) < 0);
	OK(inputs_applied(p.db, p.s.id, &list, &n, NULL) == 0 && n == 1);
	STR_IS(list[0].id, a.id);
	inputs_free(list, n);
	OK(inputs_due(p.db, p.s.id, &head, NULL) == 0 && head == 0);
	OK(inputs_settle(p.db, p.s.id, INPUT_CONSUMED, NULL) == 0);
	OK(inputs_load(p.db, a.id, &c, NULL) == 0);
	STR_IS(c.state, "consumed");
	STR_IS(c.run, "run1");
	OK(strstr(c.history, "\"from\":\"applied\",\"to\":\"consumed\"}") != NULL);
	OK(c.attempts == 1 && c.message == 4);
	input_free(&c);
	OK(inputs_load(p.db, b.id, &c, NULL) == 0);
	STR_IS(c.state, "queued");
	input_free(&c);
	place_close(&p);
}

TEST(an_id_is_taken_once_and_a_newer_input_takes_the_place_of_one_with_its_key)
{
	struct input a, b, c;
	struct session other = { .id = "" };
	struct err e = ERR_NONE;
	struct place p;
	bool seen;

	place_open(&p);
	a = prompt(&p, "steer", NULL);
	a.merge = "k";
	strcpy(a.id, "01936f8a-7b2c-7000-8000-000000000001");
	b = a;
	OK(inputs_admit(p.db, &a, &seen, NULL) == 0 && !seen);
	OK(inputs_admit(p.db, &b, &seen, NULL) == 0 && seen && b.seq == a.seq);
	OK(session_create(p.db, &other, NULL) == 0);
	b.session = other.id;
	OK(inputs_admit(p.db, &b, &seen, &e) < 0);
	OK(e.code == E_INVALID_PARAMS);
	b = prompt(&p, "steer", NULL);
	b.merge = "k";
	OK(inputs_admit(p.db, &b, &seen, NULL) == 0 && !seen);
	OK(inputs_load(p.db, a.id, &c, NULL) == 0);
	STR_IS(c.state, "coalesced");
	OK(strstr(c.outcome, b.id) != NULL);
	input_free(&c);
	session_free(&other);
	place_close(&p);
}

TEST(a_retired_session_takes_no_input_until_it_is_reset)
{
	struct input a, b, c;
	struct err e = ERR_NONE;
	struct place p;
	int64_t n, head;
	bool seen;

	place_open(&p);
	a = prompt(&p, "queue", NULL);
	OK(inputs_admit(p.db, &a, &seen, NULL) == 0);
	OK(inputs_due(p.db, p.s.id, &head, NULL) == 0);
	OK(inputs_retire(p.db, p.s.id, &n, NULL) == 0 && n == 1);
	OK(inputs_due(p.db, p.s.id, &head, NULL) == 1 && head == a.seq);
	b = prompt(&p, "queue", NULL);
	OK(inputs_admit(p.db, &b, &seen, &e) < 0);
	OK(e.code == E_SESSION_RETIRED);
	OK(inputs_reset(p.db, p.s.id, &n, NULL) == 0 && n == 1);
	OK(inputs_load(p.db, a.id, &c, NULL) == 0);
	STR_IS(c.outcome, "{\"outcome_type\":\"abandoned\",\"reason\":\"reset\"}");
	input_free(&c);
	b = prompt(&p, "queue", NULL);
	OK(inputs_admit(p.db, &b, &seen, NULL) == 0);
	place_close(&p);
}

/* What a realm of schema 2 looked like. */
static int
step_back(struct place *p)
{
	const char *const old[] = { db_migrations[0], db_migrations[1],
	    "INSERT INTO sessions(id, created_ms, updated_ms)"
	    " VALUES('s', 1, 1);"
	    "INSERT INTO inputs(id, session, kind, source, mode, body, idem,"
	    "  created_ms) VALUES('e', 's', 'external_event', 'ci', 'queue',"
	    "  '{}', 'k', 5), ('p', 's', 'prompt', 'operator', 'queue', '1',"
	    "  NULL, 6);"
	    "PRAGMA user_version = 2" };
	char *path = realm_file(&p->r, ".", "realm", ".sqlite3");
	sqlite3 *h = NULL;
	int rc;

	db_close(p->db);
	p->db = NULL;
	rc = unlink(path);
	for (size_t i = 0; i < 2; i++) {	/* -wal and -shm */
		char *side = realm_file(&p->r, ".", "realm", i ?
		    ".sqlite3-shm" : ".sqlite3-wal");

		unlink(side);
		free(side);
	}
	if (rc == 0)
		rc = sqlite3_open(path, &h);
	for (size_t i = 0; rc == SQLITE_OK && i < COUNT(old); i++)
		rc = sqlite3_exec(h, old[i], NULL, NULL, NULL);
	sqlite3_close(h);
	free(path);
	return rc;
}

TEST(inputs_of_an_older_schema_stay_as_they_were)
{
	struct input *list = NULL;
	struct place p;
	size_t n = 0;

	place_open(&p);
	OK(step_back(&p) == 0);
	OK((p.db = db_open(&p.r, NULL)) != NULL);
	OK(inputs_queued(p.db, "s", NULL, &list, &n, NULL) == 0 && n == 2);
	STR_IS(list[0].id, "e");
	STR_IS(list[0].idem, "k");
	OK(list[0].wake && !list[1].wake && list[1].updated_ms == 6);
	inputs_free(list, n);
	OK(db_check(p.db, NULL) == 0);
	place_close(&p);
}

TEST(context_is_staged_rendered_and_applied_once)
{
	struct buf text = BUF_INIT;
	struct err e = ERR_NONE;
	struct place p;
	int64_t last;
	bool dup;

	place_open(&p);
	OK(context_stage(p.db, p.s.id, " Deploy is frozen.\n", "mob", "k", &dup,
	    NULL) == 0 && !dup);
	OK(context_stage(p.db, p.s.id, "Deploy is frozen.", "mob", "k", &dup,
	    NULL) == 0 && dup);
	OK(context_stage(p.db, p.s.id, "else", "mob", "k", &dup, &e) < 0);
	STR_IS(e.text, "system-context idempotency conflict for key 'k'");
	OK(context_stage(p.db, p.s.id, "Deploy is frozen.", NULL, "k", &dup,
	    &e) < 0);
	OK(context_stage(p.db, p.s.id, " \n", NULL, NULL, &dup, &e) < 0);
	STR_IS(e.text, "system context text must not be empty");
	OK(context_stage(p.db, p.s.id, "two", NULL, NULL, &dup, NULL) == 0);
	OK(context_pending(p.db, p.s.id, &text, &last, NULL) == 0 && last > 0);
	STR_IS(text.p, "[Runtime System Context]\nsource: mob\n\n"
	    "Deploy is frozen.\n\n---\n\n[Runtime System Context]\n\ntwo");
	OK(context_applied(p.db, p.s.id, last, NULL) == 0);
	OK(context_pending(p.db, p.s.id, &text, &last, NULL) == 0 && last == 0);
	OK(context_stage(p.db, p.s.id, "Deploy is frozen.", "mob", "k", &dup,
	    NULL) == 0 && dup);
	OK(context_stage(p.db, "nope", "x", NULL, NULL, &dup, &e) < 0);
	OK(e.code == E_SESSION_NOT_FOUND);
	buf_free(&text);
	place_close(&p);
}

TEST(runs_and_calls)
{
	struct run a = { .id = "r1", .state = "running", .usage = USAGE_NONE,
	    .started_ms = 5 }, b;
	struct buf out = BUF_INIT;
	struct place p;

	place_open(&p);
	OK(run_last(p.db, p.s.id, &b, NULL) == 0);
	strcpy(a.session, p.s.id);
	OK(run_insert(p.db, &a, NULL) == 0);
	a.state = "failed";
	a.terminal = "{\"type\":\"run_failed\"}";
	OK(run_update(p.db, &a, NULL) == 0);
	OK(run_last(p.db, p.s.id, &b, NULL) == 1);
	STR_IS(b.state, "failed");
	STR_IS(b.terminal, "{\"type\":\"run_failed\"}");
	OK(b.started_ms == 5 && b.usage.cache_read == -1);
	run_free(&b);

	OK(calls_insert(p.db, p.s.id, "c1", 0, "shell", NULL) == 0);
	OK(calls_insert(p.db, p.s.id, "c1", 1, "shell", NULL) == 0);
	OK(calls_result(p.db, p.s.id, "c1", &out, NULL) == 0);
	OK(calls_finish(p.db, p.s.id, "c1", "{\"n\":1}", 7, NULL) == 0);
	OK(calls_finish(p.db, p.s.id, "c2", "{}", 2, NULL) < 0);
	OK(calls_result(p.db, p.s.id, "c1", &out, NULL) == 1);
	STR_IS(out.p, "{\"n\":1}");
	OK(calls_clear(p.db, p.s.id, NULL) == 0);
	OK(calls_result(p.db, p.s.id, "c1", &out, NULL) == 0);
	buf_free(&out);
	place_close(&p);
}

TEST(a_newer_schema_is_refused_and_left_alone)
{
	struct place p;
	struct err e = ERR_NONE;
	char *cmd;

	place_open(&p);
	db_close(p.db);
	cmd = xasprintf("sqlite3 %s/realm.sqlite3 'PRAGMA user_version=999'",
	    p.r.dir);
	OK(system(cmd) == 0);
	free(cmd);
	p.db = db_open(&p.r, &e);
	OK(!p.db && e.code == E_REALM_TOO_NEW && strstr(e.text, "newer rkat"));
	place_close(&p);
}

static int64_t
wal_size(const struct place *p)
{
	char *path = fs_join(p->r.dir, "realm.sqlite3-wal");
	struct stat st;
	int rc = stat(path, &st);

	free(path);
	return rc < 0 ? -1 : (int64_t)st.st_size;
}

TEST(a_large_wal_does_not_outlive_its_last_user)
{
	char body[4096] = "";
	struct messages m;
	struct place p;
	struct db *other;

	place_open(&p);
	db_close(p.db);
	OK(wal_size(&p) > 0);	/* a small one does */
	OK((p.db = db_open(&p.r, NULL)) != NULL);
	memset(body, 'x', sizeof body - 1);
	for (int i = 0; i < 150; i++)
		OK(put_message(&p, body, NULL) == 0);
	OK(wal_size(&p) > 2 << 20);
	OK((other = db_open(&p.r, NULL)) != NULL);
	db_close(p.db);
	OK(wal_size(&p) > 2 << 20);
	db_close(other);
	OK(wal_size(&p) <= 0);
	OK((p.db = db_open(&p.r, NULL)) != NULL);
	OK(messages_load(p.db, p.s.id, &m, NULL) == 0 && m.n == 150);
	messages_free(&m);
	place_close(&p);
}

TEST(damage_is_found)
{
	struct place p;
	struct err e = ERR_NONE;
	char *path;

	place_open(&p);
	OK(db_check(p.db, NULL) == 0);
	db_close(p.db);
	path = fs_join(p.r.dir, "realm.sqlite3-wal");
	OK(fs_remove_tree(path, NULL) == 0);	/* it could mend the file */
	free(path);
	path = fs_join(p.r.dir, "realm.sqlite3");
	OK(fs_write_atomic(path, "this is no database, it is a sentence.....",
	    42, 0600, NULL) == 0);
	free(path);
	p.db = db_open(&p.r, &e);
	OK(!p.db && e.code == E_STORAGE_ERROR);
	place_close(&p);
}

static int
many_creators(const struct realm_opts *o)
{
	struct session s = { .created_ms = 0 };
	struct realm r;
	struct db *db;
	struct err e = ERR_NONE;
	int rc = -1;

	if (realm_resolve(o, &r, &e) == 0 && realm_create(&r, &e) == 0 &&
	    (db = db_open(&r, &e))) {
		rc = session_create(db, &s, &e);
		db_close(db);
	}
	if (rc < 0)
		printf("# %s\n", e.text);
	fflush(stdout);
	return rc < 0;
}

TEST(many_processes_make_one_fresh_realm)
{
	struct realm_opts o = { .realm = "fresh" };
	struct session_query q = { .limit = -1 };
	struct place p;
	struct realm r;
	struct db *db = NULL;
	int w, n = 0;

	place_open(&p);
	o.state_root = p.root;
	for (int i = 0; i < 32; i++)
		if (fork() == 0)
			_exit(many_creators(&o));
	for (int i = 0; i < 32; i++)
		OK(wait(&w) > 0 && w == 0);
	OK(realm_resolve(&o, &r, NULL) == 0 && (db = db_open(&r, NULL)));
	OK(session_list(db, &q, tally, &n, NULL) == 0 && n == 32);
	OK(db_check(db, NULL) == 0);
	db_close(db);
	realm_free(&r);
	place_close(&p);
}
