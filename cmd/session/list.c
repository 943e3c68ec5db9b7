#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jput.h"
#include "base/json.h"
#include "serve/sessions.h"
#include "session/info.h"
#include "session/session.h"
#include "store/lock.h"
#include "store/participants.h"
#include "store/sessions.h"

/* The list of sessions: cli sheet 8.2; as JSON: SessionSummary of the rpc sheet 7.2. */

/* ---- labels ---- */

struct label {
	char *key, *value;
};

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key,
	    ((const struct label *)b)->key);
}

/* "k=v, k2=v2", sorted by key. */
static void
put_labels(struct buf *b, const char *json)
{
	struct jtext v = json_text(json);
	struct jiter it = json_iter(v);
	struct label *l = xcalloc(json_count(v) + 1, sizeof *l);
	size_t n = 0;

	while (json_next(&it)) {
		l[n].key = json_str(it.key, NULL);
		l[n++].value = json_str(it.value, NULL);
	}
	qsort(l, n, sizeof *l, by_key);
	for (size_t i = 0; i < n; i++) {
		size_t at = b->n;

		buf_printf(b, "%s%s=%s", i ? ", " : "", l[i].key,
		    l[i].value ? l[i].value : "");
		for (; at < b->n; at++)	/* a row is a line */
			if ((unsigned char)b->p[at] < ' ' || b->p[at] == 0x7f)
				b->p[at] = ' ';
		free(l[i].key);
		free(l[i].value);
	}
	free(l);
}

/* ---- the table ---- */

struct table {
	struct cmd *c;
	struct buf rows;	/* text: finished lines; JSON: elements */
	struct buf plain;	/* the lines again, without labels */
	size_t n;
	bool labels;		/* some row has some, or a comms name */
	struct err e;		/* of a row */
};

static void
minute(int64_t ms, char out[24])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, 24, "%Y-%m-%d %H:%M", &tm);
}

static void
put_row(struct buf *b, const char *id, const char *ref, const char *messages,
    const char *created, const char *updated)
{
	buf_printf(b, "%-40s %-72s %-12s %-20s %-20s", id, ref, messages,
	    created, updated);
}

static int
add_row(void *arg, const struct session *s)
{
	struct table *t = arg;
	char count[24], created[24], updated[24];
	char *ref = xasprintf("%s:%s", t->c->realm.id, s->id);
	bool labels = json_count(json_text(s->labels)) > 0;
	struct buf comms = BUF_INIT;

	if (info_comms_text(t->c->db, s->id, &comms, &t->e) < 0)
		return -1;
	snprintf(count, sizeof count, "%" PRId64, s->messages);
	minute(s->created_ms, created);
	minute(s->updated_ms, updated);
	put_row(&t->rows, s->id, ref, count, created, updated);
	put_row(&t->plain, s->id, ref, count, created, updated);
	buf_putc(&t->rows, ' ');
	buf_put(&t->rows, buf_str(&comms), comms.n);
	if (comms.n && labels)
		buf_puts(&t->rows, ", ");
	if (labels)
		put_labels(&t->rows, s->labels);
	buf_putc(&t->rows, '\n');
	buf_putc(&t->plain, '\n');
	t->labels |= labels || comms.n;
	t->n++;
	free(ref);
	buf_free(&comms);
	return 0;
}

static int
print_table(struct table *t)
{
	struct buf b = BUF_INIT, *rows = t->labels ? &t->rows : &t->plain;
	int rc;

	if (t->n) {
		put_row(&b, "ID", "SESSION_REF", "MESSAGES", "CREATED",
		    "UPDATED");
		buf_puts(&b, t->labels ? " LABELS\n" : "\n");
		for (int i = 0; i < (t->labels ? 200 : 170); i++)
			buf_putc(&b, '-');
		buf_putc(&b, '\n');
		buf_put(&b, rows->p, rows->n);
	} else {
		buf_puts(&b, "No sessions found.\n");
	}
	rc = cmd_write(t->c, &b);
	buf_free(&b);
	return rc;
}

static int
add_json(void *arg, const struct session *s)
{
	struct table *t = arg;
	struct buf *b = &t->rows;

	jput_open(b, '{');
	sessions_put_info(&t->c->realm, s, b);
	jput_ki64(b, "total_tokens", s->usage.input + s->usage.output);
	jput_kbool(b, "is_active", lock_held(&t->c->realm, s->id));
	if (s->archived)
		jput_kbool(b, "archived", true);
	sessions_put_labels(s, b);
	info_comms(t->c->db, s->id, b, &t->e);
	jput_close(b, '}');
	return t->e.code != E_NONE;
}

int
info_comms(struct db *db, const char *session, struct buf *b, struct err *e)
{
	struct participant p;
	int rc = participant_load(db, session, &p, e);

	if (rc <= 0)
		return rc;
	jput_kcstr(b, "comms_name", p.name);
	jput_kbool(b, "resident", p.resident);
	participant_free(&p);
	return 0;
}

int
info_comms_text(struct db *db, const char *session, struct buf *b,
    struct err *e)
{
	struct participant p;
	int rc = participant_load(db, session, &p, e);

	if (rc <= 0)
		return rc;
	buf_printf(b, "@%s%s", p.name, p.resident ? " (resident)" : "");
	participant_free(&p);
	return 0;
}

static int
list(struct cmd *c, const struct session_query *q)
{
	struct table t = { .c = c };
	int rc = cmd_open_existing(c);

	if (c->json)
		jput_open(&t.rows, '[');
	if (rc == 0)
		rc = session_list(c->db, q, c->json ? add_json : add_row, &t,
		    &c->e);
	else if (c->e.code == E_SESSION_NOT_FOUND)	/* no such realm yet */
		rc = 0;
	if (rc == 0 && t.e.code != E_NONE) {
		c->e = t.e;
		rc = -1;
	}
	if (c->json)
		jput_close(&t.rows, ']');
	if (rc == 0)
		rc = c->json ? cmd_line(c, &t.rows) : print_table(&t);
	buf_free(&t.rows);
	buf_free(&t.plain);
	return rc;
}

VERB(verb_list)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "limit", required_argument, NULL, 'n' },
		{ "offset", required_argument, NULL, 'o' },
		{ "label", required_argument, NULL, 'l' },
		{ "archived", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	struct session_query q = { .limit = 20 };
	const char **labels = xcalloc((size_t)argc, sizeof *labels);
	int o, rc = 0;

	q.labels = labels;
	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'n': rc = cmd_number(c, "--limit", optarg, 0, &q.limit); break;
		case 'o': rc = cmd_number(c, "--offset", optarg, 0, &q.offset); break;
		case 'l':
			labels[q.n_labels++] = optarg;
			if (!strchr(optarg, '='))
				rc = err_set(&c->e, E_INVALID_PARAMS, "--label: "
				    "expected key=value, got: %.80s", optarg);
			break;
		case 'a': q.archived = true; break;
		default: rc = cmd_usage(c); break;
		}
	if (rc == 0)
		rc = optind == argc ? list(c, &q) : cmd_usage(c);
	free(labels);
	return rc;
}
