#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/jput.h"

void
run_result_free(struct run_result *r)
{
	buf_free(&r->text);
	buf_free(&r->structured);
	buf_free(&r->schema_warnings);
	buf_free(&r->pending_args);
	free(r->pending_tool);
	memset(r, 0, sizeof *r);
}

/* Here, other than in events, an unknown cache count is left out (rpc sheet 3). */
static void
put_usage(struct buf *b, const char *key, const struct usage *u)
{
	jput_key(b, key);
	jput_open(b, '{');
	jput_ki64(b, "input_tokens", u->input);
	jput_ki64(b, "output_tokens", u->output);
	jput_ki64(b, "total_tokens", u->input + u->output);
	if (u->cache_creation >= 0)
		jput_ki64(b, "cache_creation_tokens", u->cache_creation);
	if (u->cache_read >= 0)
		jput_ki64(b, "cache_read_tokens", u->cache_read);
	jput_close(b, '}');
}

void
run_result_emit(const struct run_result *r, const char *session,
    const char *realm, struct buf *b)
{
	jput_open(b, '{');
	jput_kcstr(b, "session_id", session);
	if (realm) {
		char *ref = xasprintf("%s:%s", realm, session);

		jput_kcstr(b, "session_ref", ref);
		free(ref);
	}
	jput_kstr(b, "text", buf_str(&r->text), r->text.n);
	jput_ki64(b, "turns", r->turns);
	jput_ki64(b, "tool_calls", r->tool_calls);
	put_usage(b, "usage", &r->session_usage);
	put_usage(b, "run_usage", &r->run_usage);
	if (r->structured.n)
		jput_kraw(b, "structured_output", r->structured.p,
		    r->structured.n);
	if (r->schema_warnings.n)
		jput_kraw(b, "schema_warnings", r->schema_warnings.p,
		    r->schema_warnings.n);
	jput_close(b, '}');
}
