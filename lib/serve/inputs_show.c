#include <stdlib.h>
#include <string.h>

#include "base/jput.h"
#include "base/util.h"
#include "serve/inputs_impl.h"

/* Inputs as the contract shows them: rpc sheet section 10.4. */

/* ---- policy: agent sheet section 17.3 ---- */

static const struct policy {
	const char *apply, *queue, *consume, *drain, *routing;
} policies[] = {
	{ "stage_run_start", "fifo", "on_run_complete", "queue_next_turn",
	    "queue" },
	{ "stage_run_boundary", "fifo", "on_run_complete", "steer_batch",
	    "steer" },
	{ "stage_run_boundary", "coalesce", "on_run_complete", "steer_batch",
	    "steer" },
	{ "ignore", "priority", "on_accept", "ignore", "drop" },
};

static const struct policy *
policy_of(const struct input *in)
{
	if (!strcmp(in->kind, "operation"))
		return &policies[3];
	if (input_is_progress(in))
		return &policies[2];
	return &policies[!strcmp(in->mode, "steer")];
}

void
input_put_policy(struct buf *b, const struct input *in, bool idle)
{
	const struct policy *p = policy_of(in);
	bool operation = p == &policies[3];

	jput_open(b, '{');
	jput_kcstr(b, "apply_mode", p->apply);
	jput_kcstr(b, "wake_mode", in->wake && idle ? "wake_if_idle" : "none");
	jput_kcstr(b, "queue_mode", p->queue);
	jput_kcstr(b, "consume_point", p->consume);
	jput_kcstr(b, "drain_policy", p->drain);
	jput_kcstr(b, "routing_disposition", p->routing);
	jput_kbool(b, "record_transcript", !operation &&
	    strcmp(in->kind, "continuation"));
	jput_kbool(b, "emit_operator_content", !operation);
	jput_ki64(b, "policy_version", 1);
	jput_close(b, '}');
}

/* ---- state ---- */

static void
put_outcome(struct buf *b, const struct input *in)
{
	if (in->outcome) {
		jput_kraw(b, "terminal_outcome", in->outcome,
		    strlen(in->outcome));
	} else if (!strcmp(in->state, "consumed")) {
		jput_key(b, "terminal_outcome");
		jput_open(b, '{');
		jput_kcstr(b, "outcome_type", in->state);
		jput_close(b, '}');
	}
}

/* Its admission is not among what the row remembers. */
static void
put_history(struct buf *b, const struct input *in)
{
	jput_key(b, "history");
	jput_open(b, '[');
	jput_open(b, '{');
	jput_ktime(b, "timestamp", in->created_ms);
	jput_kcstr(b, "from", "accepted");
	jput_kcstr(b, "to", !strcmp(in->kind, "operation") ? "consumed" :
	    "queued");
	jput_close(b, '}');
	if (in->history && *in->history)
		jput_raw(b, in->history, strlen(in->history));
	jput_close(b, ']');
}

void
input_put_state(struct buf *b, const struct input *in, bool idle)
{
	struct jtext body = json_text(in->body);
	struct jtext durability = json_path(body, "header/durability");

	jput_open(b, '{');
	jput_kcstr(b, "input_id", in->id);
	jput_kcstr(b, "current_state", in->state);
	jput_key(b, "policy");
	jput_open(b, '{');
	jput_ki64(b, "version", 1);
	jput_key(b, "decision");
	input_put_policy(b, in, idle);
	jput_close(b, '}');
	put_outcome(b, in);
	if (in->given)
		jput_kraw(b, "durability", durability.p, durability.n);
	else
		jput_kcstr(b, "durability", "durable");
	if (in->idem)
		jput_kcstr(b, "idempotency_key", in->idem);
	jput_ki64(b, "attempt_count", in->attempts);
	jput_ki64(b, "recovery_count", in->recoveries);
	put_history(b, in);
	if (in->given)
		jput_kraw(b, "persisted_input", body.p, body.n);
	if (in->run)
		jput_kcstr(b, "last_run_id", in->run);
	jput_ktime(b, "created_at", in->created_ms);
	jput_ktime(b, "updated_at", in->updated_ms);
	jput_close(b, '}');
}
