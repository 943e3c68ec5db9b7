#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "store/db.h"
#include "store/tasks.h"
#include "tool/builtin.h"

/*
 * The agent's own list of tasks (tools sheet 4.1).  A task is kept as the JSON text
 * that the tools answer; an update writes a new text from the old one and the call.
 */


static const char *const statuses[] = { "pending", "in_progress", "completed" };
static const char *const priorities[] = { "low", "medium", "high" };

/* ---- pieces of JSON ---- */

/* "key": value, compact; an absent value is left out. */
static void
put_raw(struct buf *b, const char *key, struct jtext v)
{
	if (!v.p)
		return;
	jput_key(b, key);
	jput_compact(b, v.p, v.n);
}

static void
put_stamp(struct buf *b, const char *key)
{
	jput_key(b, key);
	buf_putc(b, '"');
	put_now(b);
	buf_putc(b, '"');
}

static bool
holds(struct jtext list, struct jtext string)
{
	char *s = json_str(string, NULL);
	bool yes = false;

	for (struct jiter it = json_iter(list); s && json_next(&it) && !yes; )
		yes = json_str_is(it.value, s);
	free(s);
	return yes;
}

/* The strings of old and add, each once, without those of drop: a new array. */
static void
put_list(struct buf *b, const char *key, struct jtext old, struct jtext add,
    struct jtext drop, bool always)
{
	struct jtext from[] = { old, add };
	struct buf list = BUF_INIT;

	jput_open(&list, '[');
	for (size_t i = 0; i < COUNT(from); i++)
		for (struct jiter it = json_iter(from[i]); json_next(&it); )
			if (!holds(drop, it.value) && !(i && holds(json_slice(
			    list.p, list.n), it.value)))
				jput_raw(&list, it.value.p, it.value.n);
	jput_close(&list, ']');
	if (always || list.n > 2)
		jput_kraw(b, key, list.p, list.n);
	buf_free(&list);
}

/* Members of one object that the other does not name; nulls are left out. */
static void
put_members(struct buf *b, struct jtext from, struct jtext but)
{
	for (struct jiter it = json_iter(from); json_next(&it); ) {
		char *key = json_str(it.key, NULL);

		if (!json_get(but, key).p && !json_is(it.value, 'n')) {
			jput_raw(b, it.key.p, it.key.n);
			buf_putc(b, ':');
			jput_compact(b, it.value.p, it.value.n);
		}
		free(key);
	}
}

/* Merge: a null in change deletes. */
static void
put_metadata(struct buf *b, struct jtext old, struct jtext change)
{
	struct buf m = BUF_INIT;

	jput_open(&m, '{');
	put_members(&m, old, change);
	put_members(&m, change, JTEXT_NONE);
	jput_close(&m, '}');
	if (m.n > 2)
		jput_kraw(b, "metadata", m.p, m.n);
	buf_free(&m);
}

/* ---- a task's text ---- */

/* An argument that must be one of three words; JTEXT_NONE if absent. */
static struct jtext
arg_word(struct call *c, const char *key, const char *const words[3],
    const char *label)
{
	char *s = arg_opt_str(c, key);
	bool good = !s;

	for (int i = 0; i < 3 && s; i++)
		good = good || !strcmp(s, words[i]);
	if (!good)
		call_bad(c, "Invalid %s: %s. Must be %s, %s, or %s", label, s,
		    words[0], words[1], words[2]);
	free(s);
	return good && json_is(json_get(c->args, key), '"') ?
	    json_get(c->args, key) : JTEXT_NONE;
}

/* A string argument as it came; JTEXT_NONE if absent. */
static struct jtext
arg_text(struct call *c, const char *key, bool required)
{
	char *s = required ? arg_str(c, key) : arg_opt_str(c, key);
	struct jtext v = s ? json_get(c->args, key) : JTEXT_NONE;

	free(s);
	return v;
}

static struct jtext
either(struct jtext a, struct jtext b)
{
	return a.p ? a : b;
}

/* What a call says about a task; absent: as it is. */
struct change {
	struct jtext subject, description, status, priority, labels, owner,
	    metadata;
	struct jtext add_blocks, drop_blocks, add_blocked, drop_blocked;
};

static void
take_common(struct call *c, struct change *ch, bool required)
{
	ch->subject = arg_text(c, "subject", required);
	ch->description = arg_text(c, "description", required);
	ch->priority = arg_word(c, "priority", priorities, "priority");
	ch->labels = arg_strings(c, "labels");
	ch->owner = arg_text(c, "owner", false);
	ch->metadata = arg_object(c, "metadata");
}

/* The new text; old is JTEXT_NONE for a new task. */
static void
put_task(struct buf *b, const char *id, const char *session, struct jtext old,
    const struct change *ch)
{
	jput_open(b, '{');
	jput_kcstr(b, "id", id);
	put_raw(b, "subject", either(ch->subject, json_get(old, "subject")));
	put_raw(b, "description",
	    either(ch->description, json_get(old, "description")));
	put_raw(b, "status", either(either(ch->status, json_get(old, "status")),
	    json_text("\"pending\"")));
	put_raw(b, "priority", either(either(ch->priority,
	    json_get(old, "priority")), json_text("\"medium\"")));
	put_raw(b, "labels", either(either(ch->labels, json_get(old, "labels")),
	    json_text("[]")));
	put_list(b, "blocks", json_get(old, "blocks"), ch->add_blocks,
	    ch->drop_blocks, true);
	if (old.p)
		put_raw(b, "created_at", json_get(old, "created_at"));
	else
		put_stamp(b, "created_at");
	put_stamp(b, "updated_at");
	if (old.p)
		put_raw(b, "created_by_session",
		    json_get(old, "created_by_session"));
	else
		jput_kcstr(b, "created_by_session", session);
	jput_kcstr(b, "updated_by_session", session);
	put_raw(b, "owner", either(ch->owner, json_get(old, "owner")));
	put_metadata(b, json_get(old, "metadata"), ch->metadata);
	put_list(b, "blocked_by", json_get(old, "blocked_by"), ch->add_blocked,
	    ch->drop_blocked, false);
	jput_close(b, '}');
}

/* ---- the tools ---- */

static void
task_create(struct call *c)
{
	const struct tool_env *env = c->t->env;
	struct change ch = { .add_blocks = arg_strings(c, "blocks"),
	    .add_blocked = arg_strings(c, "blocked_by") };
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	char id[UUID_LEN + 1];

	take_common(c, &ch, true);
	if (c->r.is_error)
		return;
	uuid_v7(id);
	put_task(&b, id, env->session, JTEXT_NONE, &ch);
	if (task_insert(env->db, env->session, id, b.p, b.n, &e) < 0)
		call_failed(c, "%s", e.text);
	else
		call_json(c, &b);
	buf_free(&b);
}

/* The task that the argument names into *b; -1: the result says why not. */
static int
load(struct call *c, const char *id, struct buf *b)
{
	const struct tool_env *env = c->t->env;
	struct err e = ERR_NONE;
	int rc = task_load(env->db, env->session, id, b, &e);

	if (rc < 0)
		call_failed(c, "%s", e.text);
	else if (rc == 0)
		call_failed(c, "Task not found: %s", id);
	return rc > 0 ? 0 : -1;
}

static void
task_get(struct call *c)
{
	char *id = arg_str(c, "id");
	struct buf b = BUF_INIT;

	if (id && load(c, id, &b) == 0)
		call_json(c, &b);
	buf_free(&b);
	free(id);
}

/* Read, change and write in one transaction. */
static void
update(struct call *c, const char *id, const struct change *ch)
{
	const struct tool_env *env = c->t->env;
	struct buf old = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_NONE;

	if (db_begin(env->db, &e) < 0) {
		call_failed(c, "%s", e.text);
		return;
	}
	if (load(c, id, &old) == 0) {
		put_task(&b, id, env->session, json_slice(old.p, old.n), ch);
		if (task_save(env->db, env->session, id, b.p, b.n, &e) < 0 ||
		    db_commit(env->db, &e) < 0)
			call_failed(c, "%s", e.text);
		else
			call_json(c, &b);
	}
	db_rollback(env->db);
	buf_free(&old);
	buf_free(&b);
}

static void
task_update(struct call *c)
{
	char *id = arg_str(c, "id");
	struct change ch = {
		.status = arg_word(c, "status", statuses, "status"),
		.add_blocks = arg_strings(c, "add_blocks"),
		.drop_blocks = arg_strings(c, "remove_blocks"),
		.add_blocked = arg_strings(c, "add_blocked_by"),
		.drop_blocked = arg_strings(c, "remove_blocked_by"),
	};

	take_common(c, &ch, false);
	if (!c->r.is_error)
		update(c, id, &ch);
	free(id);
}

struct list {
	struct jtext status, labels;
	struct buf b;
};

static void
list_one(void *arg, struct jtext task)
{
	struct list *l = arg;
	char *status = json_str(l->status, NULL);
	bool in = !status || json_str_is(json_get(task, "status"), status);
	bool any = !l->labels.p;

	for (struct jiter it = json_iter(l->labels); json_next(&it) && !any; )
		any = holds(json_get(task, "labels"), it.value);
	if (in && any)
		jput_raw(&l->b, task.p, task.n);
	free(status);
}

static void
task_list(struct call *c)
{
	const struct tool_env *env = c->t->env;
	struct list l = { .status = arg_word(c, "status", statuses, "status"),
	    .labels = arg_strings(c, "labels") };
	struct err e = ERR_NONE;

	if (c->r.is_error)
		return;
	jput_open(&l.b, '[');
	if (task_each(env->db, env->session, list_one, &l, &e) < 0) {
		call_failed(c, "%s", e.text);
	} else {
		jput_close(&l.b, ']');
		call_json(c, &l.b);
	}
	buf_free(&l.b);
}

#define TEXT(s) { s, sizeof s - 1 }
#define STRINGS(key, words) "\"" key "\":{\"type\":[\"array\",\"null\"]," \
    "\"items\":{\"type\":\"string\"},\"description\":\"" words "\"}"
#define STRING(key, words) "\"" key "\":{\"type\":[\"string\",\"null\"]," \
    "\"description\":\"" words "\"}"
#define NEEDED(key, words) "\"" key "\":{\"type\":\"string\"," \
    "\"description\":\"" words "\"}"
#define STATUS "\"status\":{\"type\":[\"string\",\"null\"],\"enum\":" \
    "[\"pending\",\"in_progress\",\"completed\",null]}"
#define PRIORITY "\"priority\":{\"type\":[\"string\",\"null\"],\"enum\":" \
    "[\"low\",\"medium\",\"high\",null]}"
#define METADATA "\"metadata\":{\"type\":[\"object\",\"null\"]," \
    "\"description\":\"Anything else; when updating, null deletes a key\"}"

const struct builtin task_tools[] = {
	{ .def = { "task_list",
	    "The tasks of this session, in the order in which they were created.",
	    TEXT("{\"type\":\"object\",\"properties\":{" STATUS ","
	    STRINGS("labels", "Only tasks that have one of these")
	    "},\"required\":[]}") }, .start = task_list },
	{ .def = { "task_get", "One task by its id.",
	    TEXT("{\"type\":\"object\",\"properties\":{" NEEDED("id",
	    "Id of the task") "},\"required\":[\"id\"]}") },
	    .start = task_get },
	{ .def = { "task_create",
	    "Note down a task; it begins as pending.",
	    TEXT("{\"type\":\"object\",\"properties\":{"
	    NEEDED("subject", "A few words") ","
	    NEEDED("description", "What is to be done") "," PRIORITY ","
	    STRINGS("labels", "Words to find it by") ","
	    STRINGS("blocks", "Ids of tasks that wait for this one") ","
	    STRING("owner", "Who does it") "," METADATA ","
	    STRINGS("blocked_by", "Ids of tasks that this one waits for")
	    "},\"required\":[\"subject\",\"description\"]}") },
	    .start = task_create },
	{ .def = { "task_update",
	    "Change a task; what is not given stays.",
	    TEXT("{\"type\":\"object\",\"properties\":{"
	    NEEDED("id", "Id of the task") ","
	    STRING("subject", "New subject") ","
	    STRING("description", "New description") "," STATUS "," PRIORITY ","
	    STRINGS("labels", "In place of the old ones") ","
	    STRINGS("add_blocks", "Ids to add") ","
	    STRINGS("remove_blocks", "Ids to take away") ","
	    STRING("owner", "Who does it") "," METADATA ","
	    STRINGS("add_blocked_by", "Ids to add") ","
	    STRINGS("remove_blocked_by", "Ids to take away")
	    "},\"required\":[\"id\"]}") }, .start = task_update },
	{ .def = { .name = NULL } }
};
