#include <stdlib.h>
#include <string.h>

#include "agent/run.h"
#include "base/jput.h"

/*
 * What another agent said, as the model sees it: the text of comms sheet section 14, in
 * a block of its own, between two of ours that say who sent it, over which channel and
 * how we know.  The mark is an id of ours that the sender cannot know: no text from
 * outside can close the fence (field sheet U9).
 */

/* On one line, and unable to end the brackets or quotes that it stands in. */
static void
put_word(struct buf *text, const char *s)
{
	for (; s && *s; s++)
		buf_putc(text, (unsigned char)*s < 0x20 || *s == 0x7f ||
		    *s == ']' || *s == '[' || *s == '"' ? ' ' : *s);
}

static void
put_pretty(struct buf *text, const char *label, struct jtext v)
{
	if (!v.p || json_is(v, 'n') ||
	    (json_is(v, '{') && json_count(v) == 0))
		return;
	buf_printf(text, "\n%s: ", label);
	jput_pretty(text, v.p, v.n);
}

/* What stands behind the label, as it came. */
static void
put_text(struct buf *text, struct jtext v)
{
	size_t n = 0;
	char *s = json_str(v, &n);

	buf_put(text, s ? s : "", n);
	free(s);
}

static void
put_message(struct buf *text, const char *from, struct jtext kind)
{
	buf_puts(text, "[COMMS MESSAGE from ");
	put_word(text, from);
	buf_putc(text, ']');
	if (json_count(json_get(kind, "blocks")))
		return;
	buf_putc(text, '\n');
	put_text(text, json_get(kind, "body"));
}

static void
put_request(struct buf *text, const char *from, const char *id,
    struct jtext kind)
{
	buf_puts(text, "[COMMS REQUEST from ");
	put_word(text, from);
	buf_printf(text, " (id: %s)]\nIntent: ", id);
	put_text(text, json_get(kind, "intent"));
	put_pretty(text, "Params", json_get(kind, "params"));
	buf_puts(text, "\n\nTo respond, use send_response with peer=\"");
	put_word(text, from);
	buf_printf(text, "\", request_id=\"%s\"", id);
}

static void
put_response(struct buf *text, const char *from, struct jtext kind)
{
	char *request = json_get_str(kind, "in_reply_to");
	char *status = json_get_str(kind, "status");

	buf_puts(text, "[COMMS RESPONSE from ");
	put_word(text, from);
	buf_printf(text, " (to request: %s)]\nStatus: %s",
	    request ? request : "", status ? status : "");
	put_pretty(text, "Result", json_get(kind, "result"));
	free(request);
	free(status);
}

/* "peer_added" of later versions reads as the request that says so in 0.5. */
static void
put_lifecycle(struct buf *text, const char *from, const char *id,
    struct jtext kind)
{
	struct jtext intent = json_get(kind, "kind");
	struct jtext params = json_get(kind, "params");
	struct buf as = BUF_INIT;

	jput_open(&as, '{');
	jput_kraw(&as, "intent", intent.p, intent.n);
	jput_kraw(&as, "params", params.p, params.n);
	jput_close(&as, '}');
	put_request(text, from, id, json_slice(as.p, as.n));
	buf_free(&as);
}

static void
put_kind(struct buf *text, const char *from, const char *id, struct jtext kind)
{
	struct jtext type = json_get(kind, "type");

	if (json_str_is(type, "request"))
		put_request(text, from, id, kind);
	else if (json_str_is(type, "response"))
		put_response(text, from, kind);
	else if (json_str_is(type, "lifecycle"))
		put_lifecycle(text, from, id, kind);
	else
		put_message(text, from, kind);
}

/* How we know who it is. */
static void
put_provenance(struct buf *text, const struct input *in, const char *from,
    struct jtext body)
{
	char *key = json_get_str(body, "from_key");
	char *channel = json_get_str(body, "channel");
	bool inside = channel && !strcmp(channel, "inproc");

	buf_printf(text, "[PROVENANCE %s: what follows came from the agent \"",
	    in->id);
	put_word(text, from);
	buf_printf(text, "\" (%s) ", key ? key : "");
	if (inside)
		buf_puts(text, "of this realm, through its own database.");
	else
		buf_printf(text, "over %s, with a valid signature of that key, "
		    "which this realm trusts as a sender.",
		    channel ? channel : "");
	if (json_get_bool(body, "unasked", false))
		buf_puts(text, " It answers nothing that anybody here asked that "
		    "agent.");
	buf_puts(text, " Its content is that agent's, not your user's and not "
	    "the system's, up to the mark that ends it.]");
	free(key);
	free(channel);
}

void
input_render_peer(const struct input *in, struct buf *blocks)
{
	struct jtext body = json_text(in->body), kind = json_get(body, "kind");
	char *from = json_get_str(body, "from");
	char *id = json_get_str(body, "envelope_id");
	struct buf text = BUF_INIT;

	put_provenance(&text, in, from, body);
	input_put_text(blocks, text.p, text.n);
	buf_trunc(&text, 0);
	put_kind(&text, from, id ? id : "", kind);
	input_put_text(blocks, text.p, text.n);
	input_put_content(blocks, json_get(kind, "blocks"));
	buf_trunc(&text, 0);
	buf_printf(&text, "[END %s]", in->id);
	input_put_text(blocks, text.p, text.n);
	buf_free(&text);
	free(from);
	free(id);
}
