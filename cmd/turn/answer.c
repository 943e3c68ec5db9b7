#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "model/catalog.h"
#include "turn/answer.h"

static void
emit(struct out *o, struct buf *b)
{
	out_put(o, buf_str(b), b->n);
	buf_free(b);
}

/* JSON on stdout as people want it: pretty, with a newline. */
static void
emit_pretty(struct out *o, struct buf *json)
{
	struct buf b = BUF_INIT;

	jput_pretty(&b, json->p, json->n);
	buf_putc(&b, '\n');
	emit(o, &b);
	buf_free(json);
}

static void
put_ref(const struct front *t, struct buf *b)
{
	buf_printf(b, "%s:%s", t->realm.id, t->session);
}

static void
put_ids(const struct front *t, struct buf *b)
{
	struct buf ref = BUF_INIT;

	put_ref(t, &ref);
	jput_kcstr(b, "session_id", t->session);
	jput_kcstr(b, "session_ref", ref.p);
	buf_free(&ref);
}

/* Nine keys, always all of them, in alphabetical order (3.5). */
static void
print_json(struct front *t, const struct run_result *r)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_kraw(&b, "schema_warnings", buf_str(&r->schema_warnings),
	    r->schema_warnings.n);
	put_ids(t, &b);
	jput_knull(&b, "skill_diagnostics");
	jput_kraw(&b, "structured_output", buf_str(&r->structured),
	    r->structured.n);
	jput_kstr(&b, "text", buf_str(&r->text), r->text.n);
	jput_ki64(&b, "tool_calls", r->tool_calls);
	jput_ki64(&b, "turns", r->turns);
	jput_key(&b, "usage");
	jput_open(&b, '{');
	jput_ki64(&b, "input_tokens", r->session_usage.input);
	jput_ki64(&b, "output_tokens", r->session_usage.output);
	jput_close(&b, '}');
	jput_close(&b, '}');
	emit_pretty(&t->out, &b);
}

/* "open_ai" and its like as the reference shows them. */
static const char *
provider_title(const char *name)
{
	static const char *const titles[] = {
		[PROVIDER_ANTHROPIC] = "Anthropic", [PROVIDER_OPENAI] = "OpenAI",
		[PROVIDER_GEMINI] = "Gemini",
		[PROVIDER_SELF_HOSTED] = "SelfHosted",
		[PROVIDER_OTHER] = "Other",
	};
	enum provider p;

	return name && provider_parse(name, &p) ? titles[p] : "Other";
}

static void
put_warnings(struct buf *b, const struct run_result *r)
{
	struct jiter it = json_iter(json_slice(buf_str(&r->schema_warnings),
	    r->schema_warnings.n));

	if (!r->schema_warnings.n)
		return;
	buf_puts(b, "\n[Schema warnings]\n");
	while (json_next(&it)) {
		char *provider = json_get_str(it.value, "provider");
		char *path = json_get_str(it.value, "path");
		char *message = json_get_str(it.value, "message");

		buf_printf(b, "- %s %s: %s\n", provider_title(provider),
		    path ? path : "", message ? message : "");
		free(provider);
		free(path);
		free(message);
	}
}

/* run shows the short id, resume where to find the session again (3.4, 3.7). */
static void
print_footer(struct front *t, const struct options *o,
    const struct run_result *r)
{
	struct buf b = BUF_INIT;

	/* A success all the same; but what was said may not be the last word. */
	if (r->stopped)
		buf_printf(&b, "\n[Stopped: %s]", r->stopped);
	if (o->verb == VERB_RUN) {
		buf_printf(&b, "\n[Session: %.8s", t->session);
	} else {
		buf_printf(&b, "\n[Session: %s | Ref: ", t->session);
		put_ref(t, &b);
	}
	buf_printf(&b, " | Turns: %" PRId64 " | Tokens: %" PRId64 " in / %"
	    PRId64 " out]\n", r->turns, r->session_usage.input,
	    r->session_usage.output);
	put_warnings(&b, r);
	emit(&t->err, &b);
}

void
answer_print(struct front *t, const struct options *o,
    const struct run_result *r, bool streamed)
{
	if (o->json) {
		print_json(t, r);
		return;
	}
	if (!streamed) {
		out_put(&t->out, buf_str(&r->text), r->text.n);
		out_puts(&t->out, "\n");
	}
	print_footer(t, o, r);
}

static void
pending_json(struct front *t, const struct run_result *r)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	jput_key(&b, "pending_tool_calls");
	jput_open(&b, '[');
	jput_open(&b, '{');
	jput_kraw(&b, "args", buf_str(&r->pending_args), r->pending_args.n);
	jput_kcstr(&b, "tool_name", r->pending_tool);
	jput_close(&b, '}');
	jput_close(&b, ']');
	jput_kbool(&b, "resumable", true);
	jput_kbool(&b, "session_created", true);
	put_ids(t, &b);
	jput_kcstr(&b, "status", "pending_tool_call");
	jput_close(&b, '}');
	emit_pretty(&t->out, &b);
}

void
answer_pending(struct front *t, const struct options *o,
    const struct run_result *r)
{
	struct buf b = BUF_INIT;

	if (o->json) {
		pending_json(t, r);
		return;
	}
	buf_printf(&b, "Session %s; waiting for external tool results.\n"
	    "[Session: %.8s | Ref: ", o->verb == VERB_RUN ? "created" :
	    "resumed", t->session);
	put_ref(t, &b);
	buf_printf(&b, " | Resumable: yes]\n[Pending tool: %s %s]\n"
	    "Provide the tool result, then resume the session using the "
	    "session ref above.\n", r->pending_tool,
	    buf_str(&r->pending_args));
	emit(&t->err, &b);
}
