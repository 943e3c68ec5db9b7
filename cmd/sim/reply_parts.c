#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "sim/fields.h"
#include "sim/reply_parts.h"

#define TEXT_MAX	((size_t)256 << 20)	/* of one "repeat" */

static struct part *
add_part(struct reply *r, enum part_kind kind)
{
	r->parts = xrealloc(r->parts, (r->n_parts + 1) * sizeof *r->parts);
	r->parts[r->n_parts] = (struct part){ .kind = kind };
	return &r->parts[r->n_parts++];
}

static void
add_text(struct reply *r, enum part_kind kind, struct jtext v, char *signature)
{
	struct part *p = add_part(r, kind);

	p->p = json_str(v, &p->n);
	p->signature = signature;
}

struct raw_call {
	char *id, *name, *signature;
	struct jtext args;
};

static int
add_call(struct reply *r, struct jtext v, const char *where, struct err *e)
{
	static const struct field fields[] = {
		{ "id", FIELD_STR, offsetof(struct raw_call, id), 0 },
		{ "name", FIELD_STR, offsetof(struct raw_call, name), 0 },
		{ "signature", FIELD_STR, offsetof(struct raw_call, signature), 0 },
		{ "args", FIELD_RAW, offsetof(struct raw_call, args), 0 },
	};
	struct raw_call raw = { .args = json_text("{}") };
	struct part *p = add_part(r, PART_CALL);
	int rc = fields_read(v, fields, COUNT(fields), &raw, where, e);

	p->id = raw.id;
	p->name = raw.name;
	p->signature = raw.signature;
	if (rc < 0)
		return -1;
	if (!p->name)
		return err_set(e, E_INVALID_PARAMS, "%s/name: missing", where);
	p->object = json_is(raw.args, '{');
	if (!p->object && !json_is(raw.args, '"'))
		return err_set(e, E_INVALID_PARAMS,
		    "%s/args: want an object, or a string with raw text", where);
	p->p = p->object ? xstrndup(raw.args.p, raw.args.n) :
	    json_str(raw.args, &p->n);
	if (p->object)
		p->n = raw.args.n;
	return 0;
}

static int
add_calls(struct reply *r, struct jtext calls, struct err *e)
{
	struct jiter it;
	int i = 0;

	for (it = json_iter(calls); json_next(&it); i++) {
		char where[48];

		snprintf(where, sizeof where, "/reply/tool_calls/%d", i);
		if (add_call(r, it.value, where, e) < 0)
			return -1;
	}
	return 0;
}

struct raw_block {
	struct jtext text, thinking, redacted, tool_call;
	char *signature;
};

static int
add_block(struct reply *r, struct jtext v, const char *where, struct err *e)
{
	static const struct field fields[] = {
		{ "text", FIELD_RAW, offsetof(struct raw_block, text), '"' },
		{ "thinking", FIELD_RAW, offsetof(struct raw_block, thinking), '"' },
		{ "redacted", FIELD_RAW, offsetof(struct raw_block, redacted), '"' },
		{ "tool_call", FIELD_RAW, offsetof(struct raw_block, tool_call), '{' },
		{ "signature", FIELD_STR, offsetof(struct raw_block, signature), 0 },
	};
	struct raw_block raw = { .signature = NULL };
	char *sub;
	int rc;

	rc = fields_read(v, fields, COUNT(fields), &raw, where, e);
	if (rc == 0 && !!raw.text.p + !!raw.thinking.p + !!raw.redacted.p +
	    !!raw.tool_call.p != 1)
		rc = err_set(e, E_INVALID_PARAMS,
		    "%s: want one of text, thinking, redacted, tool_call", where);
	if (rc == 0 && raw.signature && (raw.redacted.p || raw.tool_call.p))
		rc = err_set(e, E_INVALID_PARAMS, "%s/signature: belongs to "
		    "thinking, text, or inside of tool_call", where);
	if (rc < 0) {
		free(raw.signature);
		return -1;
	}
	if (raw.tool_call.p) {
		sub = xasprintf("%s/tool_call", where);
		rc = add_call(r, raw.tool_call, sub, e);
		free(sub);
		return rc;
	}
	if (raw.text.p)
		add_text(r, PART_TEXT, raw.text, raw.signature);
	else if (raw.thinking.p)
		add_text(r, PART_THINKING, raw.thinking, raw.signature);
	else
		add_text(r, PART_REDACTED, raw.redacted, NULL);
	return 0;
}

static int
add_blocks(struct reply *r, struct jtext blocks, struct err *e)
{
	struct jiter it;
	int i = 0;

	for (it = json_iter(blocks); json_next(&it); i++) {
		char where[48];

		snprintf(where, sizeof where, "/reply/blocks/%d", i);
		if (add_block(r, it.value, where, e) < 0)
			return -1;
	}
	return 0;
}

struct raw_repeat {
	struct jtext text;
	int64_t times;
};

static int
add_repeat(struct reply *r, struct jtext v, struct err *e)
{
	static const struct field fields[] = {
		{ "text", FIELD_RAW, offsetof(struct raw_repeat, text), '"' },
		{ "times", FIELD_I64, offsetof(struct raw_repeat, times), 0 },
	};
	struct raw_repeat raw = { .times = 1 };
	struct buf b = BUF_INIT;
	struct part *p;
	size_t n;
	char *s;

	if (fields_read(v, fields, COUNT(fields), &raw, "/reply/repeat", e) < 0)
		return -1;
	if (!(s = json_str(raw.text, &n)))
		return err_set(e, E_INVALID_PARAMS, "/reply/repeat/text: missing");
	if (n && (size_t)raw.times > TEXT_MAX / n) {
		free(s);
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/repeat: more than 256 MiB");
	}
	buf_room(&b, n * (size_t)raw.times);
	for (int64_t i = 0; i < raw.times; i++)
		buf_put(&b, s, n);
	free(s);
	p = add_part(r, PART_TEXT);
	p->n = b.n;
	p->p = buf_steal(&b);
	return 0;
}

int
parts_parse(struct raw_parts *raw, struct reply *r, struct err *e)
{
	if (raw->blocks.p && (raw->text.p || raw->thinking.p ||
	    raw->tool_calls.p || raw->repeat.p || raw->signature))
		return err_set(e, E_INVALID_PARAMS, "/reply/blocks: says all; drop "
		    "text, thinking, signature, tool_calls and repeat beside it");
	if (raw->signature && !raw->thinking.p)
		return err_set(e, E_INVALID_PARAMS,
		    "/reply/signature: belongs to thinking");
	if (raw->thinking.p) {
		add_text(r, PART_THINKING, raw->thinking, raw->signature);
		raw->signature = NULL;
	}
	if (raw->text.p)
		add_text(r, PART_TEXT, raw->text, NULL);
	if (raw->repeat.p && add_repeat(r, raw->repeat, e) < 0)
		return -1;
	if (add_calls(r, raw->tool_calls, e) < 0)
		return -1;
	return add_blocks(r, raw->blocks, e);
}

void
parts_free(struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(parts[i].p);
		free(parts[i].signature);
		free(parts[i].id);
		free(parts[i].name);
	}
	free(parts);
}
