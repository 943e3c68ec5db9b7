#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jput.h"
#include "model/encode.h"
#include "model/lower.h"

struct jtext
encode_param(const struct encode *en, const char *name)
{
	return json_get(en->rq->params, name);
}

/* ---- JSON that is not ours ---- */

/* The code unit of the \u escape at p, or 0 if there is none. */
static unsigned
escape_at(const char *p, const char *end)
{
	char hex[5] = "";

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return 0;
	memcpy(hex, p + 2, 4);
	return (unsigned)strtoul(hex, NULL, 16);
}

/* 12 for a surrogate pair at p, 6 for a lone one, 0 for anything else. */
static size_t
surrogate_at(const char *p, const char *end)
{
	unsigned c = escape_at(p, end), d;

	if (c < 0xd800 || c > 0xdfff)
		return 0;
	d = c < 0xdc00 ? escape_at(p + 6, end) : 0;
	return d >= 0xdc00 && d <= 0xdfff ? 12 : 6;
}

void
encode_raw(struct buf *b, struct jtext v)
{
	const char *p, *from = v.p, *end = v.p + v.n;
	size_t start, n;

	jput_raw(b, v.p, v.n);
	if (!v.p || !memmem(v.p, v.n, "\\u", 2))
		return;
	start = b->n - v.n;
	buf_trunc(b, start);
	for (p = from; p < end; ) {
		if (*p != '\\') {
			p++;
			continue;
		}
		n = surrogate_at(p, end);
		if (n != 6) {
			p += n ? n : 2;
			continue;
		}
		buf_put(b, from, (size_t)(p - from));
		buf_puts(b, "\\ufffd");
		from = p += 6;
	}
	buf_put(b, from, (size_t)(end - from));
}

void
encode_kraw(struct buf *b, const char *key, struct jtext v)
{
	jput_key(b, key);
	encode_raw(b, v);
}

void
encode_schema(struct buf *b, const char *key, struct jtext schema)
{
	struct jiter it;

	jput_key(b, key);
	jput_open(b, '{');
	if (!json_get(schema, "type").p)
		jput_kcstr(b, "type", "object");
	for (it = json_iter(schema); it.object && json_next(&it); ) {
		jput_raw(b, it.key.p, it.key.n);
		buf_putc(b, ':');
		encode_raw(b, it.value);
	}
	if (!json_get(schema, "properties").p)
		jput_kraw(b, "properties", "{}", 2);
	jput_close(b, '}');
}

void
encode_tool(struct buf *b, const struct tool_def *t, const char *key)
{
	char *name = wire_name(t->name);

	jput_kcstr(b, "name", name);
	jput_kcstr(b, "description", t->description ? t->description : "");
	encode_schema(b, key, t->schema);
	free(name);
}

void
encode_copy(struct encode *en, const char *param, const char *key)
{
	struct jtext v = encode_param(en, param);

	if (v.p && !json_is(v, 'n'))
		encode_kraw(en->b, key, v);
}

/* ---- parts ---- */

void
encode_data_uri(struct buf *b, const char *key, const struct part *p)
{
	struct buf uri = BUF_INIT;

	buf_printf(&uri, "data:%s;base64,", p->media);
	buf_put(&uri, p->text, p->n);
	jput_kstr(b, key, uri.p, uri.n);
	buf_free(&uri);
}

void
encode_ktext(struct buf *b, const char *key, const struct part *parts,
    size_t n)
{
	size_t len;
	char *s = parts_text(parts, n, &len);

	jput_kstr(b, key, s, len);
	free(s);
}

void
encode_content(struct buf *b, const struct part *parts, size_t n,
    void (*put)(struct buf *b, const struct part *p))
{
	if (!parts_have(parts, n, PART_IMAGE)) {
		encode_ktext(b, "content", parts, n);
		return;
	}
	jput_key(b, "content");
	jput_open(b, '[');
	for (size_t i = 0; i < n; i++)
		put(b, &parts[i]);
	jput_close(b, ']');
}

void
encode_args(struct buf *b, const struct part *call)
{
	struct buf raw = BUF_INIT;

	encode_raw(&raw, json_text(call->args));
	jput_kstr(b, "arguments", raw.p, raw.n);
	buf_free(&raw);
}

/* ---- what the model takes ---- */

static bool
gpt5(const char *id)
{
	return !strncasecmp(id, "gpt-5", 5);
}

/* The catalogue knows its own models; the rest goes by name. */
bool
encode_takes_temperature(const struct model_target *t)
{
	if (t->provider == PROVIDER_OPENAI && !t->profile.known)
		return !gpt5(t->wire_id) && !strcasestr(t->wire_id, "codex");
	if (t->provider == PROVIDER_OPENAI ||
	    t->provider == PROVIDER_SELF_HOSTED)
		return t->profile.temperature;
	return !t->profile.known || t->profile.temperature;
}

bool
encode_reasons(const struct model_target *t)
{
	if (t->provider == PROVIDER_OPENAI && !t->profile.known)
		return gpt5(t->wire_id);
	return t->profile.reasoning;
}

/* ---- structured output ---- */

bool
encode_format(const struct encode *en, struct output_format *f)
{
	struct jtext so = encode_param(en, "structured_output");

	f->schema = json_get(so, "schema");
	f->name = json_get(so, "name");
	f->strict = json_get_bool(so, "strict", false);
	return json_is(f->schema, '{');
}

int
encode_openai_format(struct encode *en, const struct output_format *f)
{
	struct buf schema = BUF_INIT;
	bool strict = f->strict;
	char *name = json_str(f->name, NULL), *safe;

	if (lower_strict(f->schema, &strict, &schema, en->e) < 0) {
		buf_free(&schema);
		free(name);
		return -1;
	}
	safe = wire_name(name && *name ? name : "output");
	jput_kcstr(en->b, "name", safe);
	encode_kraw(en->b, "schema", json_slice(schema.p, schema.n));
	jput_kbool(en->b, "strict", strict);
	free(safe);
	free(name);
	buf_free(&schema);
	return 0;
}

/* ---- the whole ---- */

int
encode_body(struct encode *en, const struct model_request *rq, int flags,
    struct buf *b, struct err *e)
{
	static int (*const encoders[])(struct encode *) = {
		[WIRE_ANTHROPIC] = encode_anthropic,
		[WIRE_RESPONSES] = encode_responses,
		[WIRE_CHAT] = encode_chat,
		[WIRE_GEMINI] = encode_gemini,
	};
	int rc;

	*en = (struct encode){ .rq = rq, .b = b, .e = e };
	if (transcript_read(&en->t, rq, flags, e) < 0)
		return -1;
	jput_open(b, '{');
	rc = encoders[wire_of(rq->target)](en);
	jput_close(b, '}');
	transcript_free(&en->t);
	return rc;
}

int
model_encode(const struct model_request *rq, struct buf *body, struct err *e)
{
	struct encode en;

	return encode_body(&en, rq, 0, body, e);
}

/* [D] sheet 5.1: percent-encode the model, an optional "models/" in front is fine. */
static char *
gemini_path(const char *id)
{
	struct buf b = BUF_INIT;

	if (!strncmp(id, "models/", 7))
		id += 7;
	buf_puts(&b, "/v1beta/models/");
	for (; *id; id++) {
		if (strchr("-._~", *id) || (*id >= '0' && *id <= '9') ||
		    ((*id | 0x20) >= 'a' && (*id | 0x20) <= 'z'))
			buf_putc(&b, *id);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*id);
	}
	buf_puts(&b, ":streamGenerateContent?alt=sse");
	return buf_steal(&b);
}

char *
model_path(const struct model_target *t)
{
	size_t n = t->base_url ? strlen(t->base_url) : 0;
	bool versioned = n >= 3 && !strcmp(t->base_url + n - 3, "/v1");

	switch (wire_of(t)) {
	case WIRE_GEMINI:
		return gemini_path(t->wire_id);
	case WIRE_ANTHROPIC:
		return xstrdup(versioned ? "/messages" : "/v1/messages");
	case WIRE_RESPONSES:
		return xstrdup(versioned ? "/responses" : "/v1/responses");
	case WIRE_CHAT:
		break;
	}
	return xstrdup(versioned ? "/chat/completions" :
	    "/v1/chat/completions");
}
