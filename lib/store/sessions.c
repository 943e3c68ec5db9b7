#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "store/lock.h"
#include "store/sessions.h"
#include "store/sql.h"

/* ---- usage ---- */

static void
add_known(int64_t *a, int64_t b)
{
	if (b >= 0)
		*a = *a < 0 ? b : *a + b;
}

void
usage_add(struct usage *a, const struct usage *b)
{
	a->input += b->input;
	a->output += b->output;
	add_known(&a->cache_creation, b->cache_creation);
	add_known(&a->cache_read, b->cache_read);
}

static void
emit_known(struct buf *b, const char *key, int64_t v)
{
	if (v < 0)
		jput_knull(b, key);
	else
		jput_ki64(b, key, v);
}

void
usage_emit(struct buf *b, const struct usage *u)
{
	jput_open(b, '{');
	jput_ki64(b, "input_tokens", u->input);
	jput_ki64(b, "output_tokens", u->output);
	emit_known(b, "cache_creation_tokens", u->cache_creation);
	emit_known(b, "cache_read_tokens", u->cache_read);
	jput_close(b, '}');
}

/* ---- rows ---- */

#define COLUMNS "id, created_ms, updated_ms, archived, meta, build, labels," \
    " state, input_tokens, output_tokens, ifnull(cache_creation_tokens, -1)," \
    " ifnull(cache_read_tokens, -1), total - base, total, retired"

static void
read_row(sqlite3_stmt *st, struct session *s)
{
	memset(s, 0, sizeof *s);
	db_id(st, 0, s->id);
	s->created_ms = sqlite3_column_int64(st, 1);
	s->updated_ms = sqlite3_column_int64(st, 2);
	s->archived = sqlite3_column_int(st, 3);
	s->meta = db_text(st, 4);
	s->build = db_text(st, 5);
	s->labels = db_text(st, 6);
	s->state = db_text(st, 7);
	s->usage.input = sqlite3_column_int64(st, 8);
	s->usage.output = sqlite3_column_int64(st, 9);
	s->usage.cache_creation = sqlite3_column_int64(st, 10);
	s->usage.cache_read = sqlite3_column_int64(st, 11);
	s->messages = sqlite3_column_int64(st, 12);
	s->total_messages = sqlite3_column_int64(st, 13);
	s->retired = sqlite3_column_int(st, 14);
}

void
session_free(struct session *s)
{
	free(s->meta);
	free(s->build);
	free(s->labels);
	free(s->state);
	memset(s, 0, sizeof *s);
}

static int
not_found(const char *id, struct err *e)
{
	return err_set(e, E_SESSION_NOT_FOUND, "session not found: %s", id);
}

static const char sql_label[] =
    "INSERT OR REPLACE INTO labels(session, key, value) VALUES(?1, ?2, ?3)";

static int
save_labels(struct db *db, const struct session *s, struct err *e)
{
	struct jiter it = json_iter(json_text(s->labels));
	int rc = db_run(db, e, "DELETE FROM labels WHERE session = ?1", "s",
	    s->id);

	while (rc >= 0 && json_next(&it)) {
		size_t kn, vn;
		char *k = json_str(it.key, &kn), *v = json_str(it.value, &vn);

		if (k && v)
			rc = db_run(db, e, sql_label, "stt", s->id, k, kn, v, vn);
		free(k);
		free(v);
	}
	return rc < 0 ? -1 : 0;
}

static void
or_empty(char **column)
{
	if (!*column)
		*column = xstrdup("{}");
}

static void
fill_in(struct session *s)
{
	if (!*s->id)
		uuid_v7(s->id);
	if (!s->created_ms)
		s->created_ms = time_ms();
	if (!s->updated_ms)
		s->updated_ms = s->created_ms;
	or_empty(&s->meta);
	or_empty(&s->build);
	or_empty(&s->labels);
	or_empty(&s->state);
}

static const char sql_create[] =
    "INSERT INTO sessions(id, created_ms, updated_ms, archived, meta, build,"
    "  labels, state, input_tokens, output_tokens, cache_creation_tokens,"
    "  cache_read_tokens)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
    "  nullif(?11, -1), nullif(?12, -1))"
    " ON CONFLICT(id) DO NOTHING";

int
session_create(struct db *db, struct session *in, struct err *e)
{
	bool own;
	int rc;

	fill_in(in);
	if (db_enter(db, &own, e) < 0)
		return -1;
	rc = db_run(db, e, sql_create, "siiissssiiii", in->id, in->created_ms,
	    in->updated_ms, (int64_t)in->archived, in->meta, in->build,
	    in->labels, in->state, in->usage.input, in->usage.output,
	    in->usage.cache_creation, in->usage.cache_read);
	if (rc == 0)
		rc = err_set(e, E_CONFLICT, "session exists: %s", in->id);
	if (rc > 0)
		rc = save_labels(db, in, e);
	return db_leave(db, own, rc, e);
}

int
session_load(struct db *db, const char *id, struct session *s,
    struct err *e)
{
	sqlite3_stmt *st = db_query(db, e,
	    "SELECT " COLUMNS " FROM sessions WHERE id = ?1", "s", id);
	int rc = db_step(db, st, e);

	memset(s, 0, sizeof *s);
	if (rc > 0)
		read_row(st, s);
	db_done(db, st);
	if (rc == 0)
		return not_found(id, e);
	return rc < 0 ? -1 : 0;
}

static const char sql_save[] =
    "UPDATE sessions SET updated_ms = max(updated_ms, ?2), meta = ?3,"
    "  build = ?4, labels = ?5, state = ?6, input_tokens = ?7,"
    "  output_tokens = ?8, cache_creation_tokens = nullif(?9, -1),"
    "  cache_read_tokens = nullif(?10, -1)"
    " WHERE id = ?1";

int
session_save(struct db *db, const struct session *s, struct err *e)
{
	bool own;
	int rc;

	if (db_enter(db, &own, e) < 0)
		return -1;
	rc = db_run(db, e, sql_save, "sissssiiii", s->id, time_ms(), s->meta,
	    s->build, s->labels, s->state, s->usage.input, s->usage.output,
	    s->usage.cache_creation, s->usage.cache_read);
	if (rc == 0)
		rc = not_found(s->id, e);
	if (rc > 0)
		rc = save_labels(db, s, e);
	return db_leave(db, own, rc, e);
}

static const char sql_advance[] =
    "UPDATE sessions SET updated_ms = max(updated_ms, ?2), state = ?3,"
    "  input_tokens = ?4, output_tokens = ?5,"
    "  cache_creation_tokens = nullif(?6, -1),"
    "  cache_read_tokens = nullif(?7, -1), meta = ifnull(?8, meta),"
    "  build = ifnull(?9, build)"
    " WHERE id = ?1";

int
session_advance(struct db *db, const struct session *s, bool all,
    struct err *e)
{
	int rc = db_run(db, e, sql_advance, "sisiiiiss", s->id, time_ms(),
	    s->state, s->usage.input, s->usage.output, s->usage.cache_creation,
	    s->usage.cache_read, all ? s->meta : NULL, all ? s->build : NULL);

	if (rc == 0)
		return not_found(s->id, e);
	return rc < 0 ? -1 : 0;
}

int
session_archive(struct db *db, const char *id, struct err *e)
{
	int rc;

	crash_point("archive.before");
	rc = db_run(db, e, "UPDATE sessions SET archived = 1,"
	    " updated_ms = max(updated_ms, ?2)"
	    " WHERE id = ?1 AND archived = 0", "si", id, time_ms());
	crash_point("archive.after");
	if (rc == 0)
		return not_found(id, e);
	bell_ring(db_realm(db), "peerd", 'w');	/* it may have been a resident */
	return rc < 0 ? -1 : 0;
}

/* ---- the list ---- */

/* Labels are few: each adds its condition to the text, its values are bound. */
static void
list_sql(struct buf *sql, const struct session_query *q)
{
	buf_puts(sql, "SELECT " COLUMNS " FROM sessions WHERE ");
	buf_puts(sql, q->archived ? "1" : "archived = 0");
	for (size_t i = 0; i < q->n_labels; i++)
		buf_printf(sql, " AND id IN (SELECT session FROM labels"
		    " WHERE key = ?%zu AND value = ?%zu)", 3 + 2 * i, 4 + 2 * i);
	buf_puts(sql, " ORDER BY updated_ms DESC, id LIMIT ?1 OFFSET ?2");
}

static int
bind_labels(sqlite3_stmt *st, const struct session_query *q, struct err *e)
{
	for (size_t i = 0; i < q->n_labels; i++) {
		const char *k = q->labels[i], *eq = strchr(k, '=');

		if (!eq || eq == k)
			return err_set(e, E_INVALID_PARAMS,
			    "label: expected key=value, got: %s", k);
		sqlite3_bind_text(st, (int)(3 + 2 * i), k, (int)(eq - k),
		    SQLITE_STATIC);
		sqlite3_bind_text(st, (int)(4 + 2 * i), eq + 1, -1,
		    SQLITE_STATIC);
	}
	return 0;
}

int
session_list(struct db *db, const struct session_query *q,
    int (*cb)(void *arg, const struct session *s), void *arg, struct err *e)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *st = NULL;
	int rc = -1, stop = 0;

	if (q->n_labels > 100)
		return err_set(e, E_INVALID_PARAMS, "more than 100 labels");
	list_sql(&sql, q);
	if (!(st = db_query(db, e, sql.p, "ii", q->limit, q->offset)) ||
	    bind_labels(st, q, e) < 0)
		goto done;
	while (!stop && (rc = db_step(db, st, e)) > 0) {
		struct session s;

		read_row(st, &s);
		stop = cb(arg, &s);
		session_free(&s);
	}
done:
	db_done(db, st);
	buf_free(&sql);
	return rc < 0 ? -1 : 0;
}
