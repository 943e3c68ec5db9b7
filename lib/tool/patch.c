#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "tool/builtin.h"
#include "tool/patch.h"
#include "tool/plan.h"

struct names {
	char **v;
	size_t n;
};

/* One patch on its way: what it says, what it will do, what it will have done. */
struct patching {
	struct call *c;
	struct patch patch;
	struct plan plan;
	struct names added, modified, deleted;
};

static void
add_name(struct names *l, const struct root *r, const char *rel)
{
	char *path = root_absolute(r, rel);

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], path)) {
			free(path);
			return;
		}
	l->v = xrealloc(l->v, (l->n + 1) * sizeof *l->v);
	l->v[l->n++] = path;
}

static void
names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static void
put_names(struct buf *b, const char *key, const struct names *l)
{
	jput_key(b, key);
	jput_open(b, '[');
	for (size_t i = 0; i < l->n; i++)
		jput_cstr(b, l->v[i]);
	jput_close(b, ']');
}

/* The file in the plan; without one the result says why, beginning with what. */
static struct plan_file *
file_at(struct patching *p, const char *path, bool follow, const char *what)
{
	struct buf why = BUF_INIT;
	struct plan_file *f = NULL;
	bool escaped = false;
	char *rel = root_relative(p->plan.root, path);

	if (rel)
		f = plan_file(&p->plan, rel, follow, &why, &escaped);
	if (!rel || escaped)
		call_bad(p->c, "path '%s' escapes the project root", path);
	else if (!f)
		call_failed(p->c, "%s %s: %s", what, path, buf_str(&why));
	buf_free(&why);
	free(rel);
	return f;
}

static void
plan_add(struct patching *p, const struct hunk *h)
{
	struct plan_file *f = file_at(p, h->path, false, "Failed to write file");

	if (!f)
		return;
	if (f->is) {
		call_failed(p->c, "Failed to write file %s: it exists already",
		    h->path);
		return;
	}
	buf_trunc(&f->text, 0);
	buf_put(&f->text, buf_str(&h->content), h->content.n);
	f->is = f->changed = true;
	add_name(&p->added, p->plan.root, f->rel);
}

static void
plan_delete(struct patching *p, const struct hunk *h)
{
	struct plan_file *f = file_at(p, h->path, false, "Failed to delete file");

	if (!f)
		return;
	if (!f->is) {
		call_failed(p->c, "Failed to delete file %s: No such file or "
		    "directory", h->path);
		return;
	}
	f->is = false;
	f->changed = true;
	add_name(&p->deleted, p->plan.root, f->rel);
}

/* The updated text goes to another place. */
static void
plan_move(struct patching *p, const struct hunk *h, struct plan_file *from,
    struct buf *text)
{
	struct plan_file *to = file_at(p, h->move, false, "Failed to write file");

	if (!to)
		return;
	if (to != from && to->is) {
		call_failed(p->c, "Failed to write file %s: it exists already",
		    h->move);
		return;
	}
	if (to != from) {
		to->mode = from->mode;
		from->is = false;
		from->changed = true;
	}
	buf_free(&to->text);
	to->text = *text;
	*text = (struct buf)BUF_INIT;
	to->is = to->changed = true;
	add_name(&p->modified, p->plan.root, to->rel);
}

static void
plan_update(struct patching *p, const struct hunk *h)
{
	struct plan_file *f = file_at(p, h->path, true,
	    "Failed to read file to update");
	struct buf text = BUF_INIT, why = BUF_INIT;

	if (!f)
		return;
	if (!f->is) {
		call_failed(p->c, "Failed to read file to update %s: No such "
		    "file or directory", h->path);
	} else if (patch_text(h, &f->text, &text, &why) < 0) {
		call_failed(p->c, "%s", buf_str(&why));
	} else if (h->move) {
		plan_move(p, h, f, &text);
	} else {
		buf_free(&f->text);
		f->text = text;
		text = (struct buf)BUF_INIT;
		f->changed = true;
		add_name(&p->modified, p->plan.root, f->rel);
	}
	buf_free(&text);
	buf_free(&why);
}

static void
commit(struct patching *p)
{
	struct buf b = BUF_INIT;

	if (plan_commit(&p->plan, &b) < 0) {
		call_failed(p->c, "%s; nothing was changed", buf_str(&b));
	} else {
		jput_open(&b, '{');
		jput_kcstr(&b, "status", "success");
		put_names(&b, "added_files", &p->added);
		put_names(&b, "modified_files", &p->modified);
		put_names(&b, "deleted_files", &p->deleted);
		jput_close(&b, '}');
		call_json(p->c, &b);
	}
	buf_free(&b);
}

static void
apply_patch(struct call *c)
{
	static void (*const plan[])(struct patching *, const struct hunk *) = {
		[HUNK_ADD] = plan_add, [HUNK_DELETE] = plan_delete,
		[HUNK_UPDATE] = plan_update,
	};
	struct patching p = { .c = c, .plan.root = c->t->root };
	struct buf why = BUF_INIT;
	char *text = arg_str(c, "patch");

	if (!text)
		return;
	if (patch_parse(text, &p.patch, &why) < 0)
		call_bad(c, "%s", buf_str(&why));
	else if (!p.patch.n)
		call_failed(c, "No files were modified.");
	for (size_t i = 0; i < p.patch.n && !c->r.is_error; i++)
		plan[p.patch.hunks[i].kind](&p, &p.patch.hunks[i]);
	if (!c->r.is_error)
		commit(&p);
	names_free(&p.added);
	names_free(&p.modified);
	names_free(&p.deleted);
	plan_free(&p.plan);
	patch_free(&p.patch);
	buf_free(&why);
	free(text);
}

#define TEXT(s) { s, sizeof s - 1 }

const struct builtin patch_tools[] = {
	{ .def = { "apply_patch",
	    "Add, change, move and delete files of the project with one patch; "
	    "either all of it is applied or nothing. The patch is:\n"
	    "*** Begin Patch\n"
	    "*** Add File: <path>\n"
	    "+<line>\n"
	    "*** Delete File: <path>\n"
	    "*** Update File: <path>\n"
	    "*** Move to: <new path>   (optional)\n"
	    "@@ <a line above the place, or nothing>\n"
	    " <unchanged line>\n"
	    "-<removed line>\n"
	    "+<added line>\n"
	    "*** End Patch\n"
	    "Paths are relative to the project root. Show about three unchanged "
	    "lines around each change.",
	    TEXT("{\"type\":\"object\",\"properties\":{\"patch\":{\"type\":"
	    "\"string\",\"description\":\"The patch\"}},"
	    "\"required\":[\"patch\"]}") }, .start = apply_patch },
	{ .def = { .name = NULL } }
};
