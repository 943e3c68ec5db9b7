#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "session/document.h"

/*
 * Is a message what agent sheet section 2 says?  One table per kind of object; what
 * the tables do not name is kept as it is.
 */

/* A member: its kind by first byte, '*' for anything; in front of it '?' if it may be absent. */
struct member {
	const char *name, *kind;
	int (*check)(struct jtext v, const char *at, struct err *e);
};

struct shape {
	const char *tag;		/* value of the discriminating member */
	struct member members[4];	/* up to the first without a name */
};

static const char *
kind_name(char kind)
{
	switch (kind) {
	case '"': return "a string";
	case '{': return "an object";
	case '[': return "an array";
	case '0': return "a number";
	case 't': return "true or false";
	}
	return "a value";
}

static int
check_member(struct jtext v, const struct member *m, const char *at,
    struct err *e)
{
	bool optional = *m->kind == '?';
	char kind = m->kind[optional], here[160];

	if (!v.p && optional)
		return 0;
	snprintf(here, sizeof here, "%s/%s", at, m->name);
	if (!v.p || (kind != '*' && json_kind(v) != kind))
		return err_set(e, E_INVALID_PARAMS, "%s: want %s", here,
		    kind_name(kind));
	return m->check ? m->check(v, here, e) : 0;
}

static int
check_members(struct jtext v, const struct member *m, size_t n, const char *at,
    struct err *e)
{
	for (size_t i = 0; i < n && m[i].name; i++)
		if (check_member(json_get(v, m[i].name), &m[i], at, e) < 0)
			return -1;
	return 0;
}

static int
check_shape(struct jtext v, const char *tag, const struct shape *shapes,
    size_t n, const char *at, struct err *e)
{
	struct jtext name = json_get(v, tag);

	if (!json_is(v, '{'))
		return err_set(e, E_INVALID_PARAMS, "%s: want an object", at);
	for (size_t i = 0; i < n; i++)
		if (json_str_is(name, shapes[i].tag))
			return check_members(v, shapes[i].members,
			    COUNT(shapes[i].members), at, e);
	return err_set(e, E_INVALID_PARAMS, "%s/%s: unknown%s%.40s", at, tag,
	    name.p ? ": " : "", name.p ? name.p : "");
}

static int
check_each(struct jtext list, const char *at,
    int (*check)(struct jtext v, const char *at, struct err *e), struct err *e)
{
	struct jiter it = json_iter(list);
	char here[160];

	for (size_t i = 0; json_next(&it); i++) {
		snprintf(here, sizeof here, "%s/%zu", at, i);
		if (check(it.value, here, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- content: sheet 2.1 ---- */

static const struct shape content_blocks[] = {
	{ "text", { { "text", "\"", NULL } } },
	{ "image", { { "media_type", "\"", NULL }, { "source", "\"", NULL },
	    { "data", "?\"", NULL }, { "blob_id", "?\"", NULL } } },
	{ "video", { { "media_type", "\"", NULL }, { "duration_ms", "0", NULL },
	    { "data", "\"", NULL } } },
};

static int
check_block(struct jtext v, const char *at, struct err *e)
{
	struct jtext source;

	if (check_shape(v, "type", content_blocks, COUNT(content_blocks), at,
	    e) < 0)
		return -1;
	if (!json_str_is(json_get(v, "type"), "image"))
		return 0;
	source = json_get(v, "source");
	if (json_str_is(source, "inline") ? !json_get(v, "data").p :
	    !json_str_is(source, "blob") || !json_get(v, "blob_id").p)
		return err_set(e, E_INVALID_PARAMS, "%s: want source inline "
		    "with data, or blob with blob_id", at);
	return 0;
}

static int
check_content(struct jtext v, const char *at, struct err *e)
{
	if (json_is(v, '"'))
		return 0;
	if (!json_is(v, '['))
		return err_set(e, E_INVALID_PARAMS,
		    "%s: want a string or an array of blocks", at);
	return check_each(v, at, check_block, e);
}

/* ---- assistant blocks and tool results: sheet 2.2, 2.4 ---- */

static int
check_text(struct jtext v, const char *at, struct err *e)
{
	static const struct member members[] = { { "text", "\"", NULL } };

	return check_members(v, members, COUNT(members), at, e);
}

static int
check_call(struct jtext v, const char *at, struct err *e)
{
	static const struct member members[] = { { "id", "\"", NULL },
		{ "name", "\"", NULL }, { "args", "*", NULL } };

	return check_members(v, members, COUNT(members), at, e);
}

static const struct shape assistant_blocks[] = {
	{ "text", { { "data", "{", check_text } } },
	{ "reasoning", { { "data", "{", NULL } } },
	{ "tool_use", { { "data", "{", check_call } } },
};

static int
check_assistant_block(struct jtext v, const char *at, struct err *e)
{
	return check_shape(v, "block_type", assistant_blocks,
	    COUNT(assistant_blocks), at, e);
}

static int
check_blocks(struct jtext v, const char *at, struct err *e)
{
	return check_each(v, at, check_assistant_block, e);
}

static int
check_result(struct jtext v, const char *at, struct err *e)
{
	static const struct member members[] = {
		{ "tool_use_id", "\"", NULL },
		{ "content", "*", check_content },
		{ "is_error", "?t", NULL },
	};

	return check_members(v, members, COUNT(members), at, e);
}

static int
check_results(struct jtext v, const char *at, struct err *e)
{
	return check_each(v, at, check_result, e);
}

/* ---- messages ---- */

static const struct shape messages[] = {
	{ "system", { { "content", "\"", NULL } } },
	{ "system_notice", { { "kind", "\"", NULL }, { "body", "\"", NULL } } },
	{ "user", { { "content", "*", check_content },
	    { "render_metadata", "?{", NULL } } },
	{ "assistant", { { "content", "\"", NULL }, { "tool_calls", "?[", NULL },
	    { "usage", "?{", NULL } } },
	{ "block_assistant", { { "blocks", "[", check_blocks },
	    { "stop_reason", "\"", NULL } } },
	{ "tool_results", { { "results", "[", check_results } } },
};

int
message_check(struct jtext m, const char *at, struct err *e)
{
	return check_shape(m, "role", messages, COUNT(messages), at, e);
}
