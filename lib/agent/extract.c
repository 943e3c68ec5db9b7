#include <stdlib.h>
#include <string.h>

#include "agent/output.h"
#include "agent/run.h"
#include "base/jput.h"

/*
 * Structured output (agent sheet 12.2): when the answer is there, the model is asked
 * once more for its JSON, without tools, and again when that does not fit the schema.
 */

static const char ask_prompt[] =
    "Give your final output now as one JSON value that is valid against the "
    "required schema. Write only the JSON: no explanation, no Markdown, no "
    "code fence.";

static struct jtext
wrapper(const struct agent *a)
{
	return json_slice(a->set.schema.p, a->set.schema.n);
}

/* The question and that it was asked: one step. */
static int
put_user(struct agent *a, const char *p, size_t n, struct err *e)
{
	struct buf m = BUF_INIT;
	int rc = -1;

	jput_open(&m, '{');
	jput_kcstr(&m, "role", "user");
	jput_kstr(&m, "content", p, n);
	jput_close(&m, '}');
	if (step_begin(a, e) < 0)
		goto done;
	a->run.asked++;
	if (step_append(a, &m, NULL, e) < 0 || step_save(a, e) < 0)
		step_abort(a);
	else
		rc = step_commit(a, STEP("turn.extract"), e);
done:
	buf_free(&m);
	return rc;
}

int
extract_begin(struct agent *a, struct err *e)
{
	const char *prompt = a->set.extraction_prompt ?
	    a->set.extraction_prompt : ask_prompt;
	struct buf lowered = BUF_INIT;
	struct err why = ERR_NONE;
	int rc;

	buf_trunc(&a->out->schema_warnings, 0);
	rc = output_lower(wrapper(a), a->set.target.provider, &lowered,
	    &a->out->schema_warnings, &why);
	buf_free(&lowered);
	if (rc < 0)
		return err_set(e, E_AGENT_ERROR, "Invalid output schema: %s",
		    why.text);
	return put_user(a, prompt, strlen(prompt), e);
}

void
extract_params(struct agent *a, struct buf *params)
{
	static const char *const off[] = { "web_search", "google_search" };
	struct buf next = BUF_INIT;

	for (size_t i = 0; i < COUNT(off); i++) {
		json_with(&next, json_slice(params->p, params->n), off[i],
		    JTEXT_NONE);
		buf_free(params);
		*params = next;
		next = (struct buf)BUF_INIT;
	}
	json_with(&next, json_slice(params->p, params->n), "structured_output",
	    wrapper(a));
	buf_free(params);
	*params = next;
}

static int
ask_again(struct agent *a, const char *reason, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	buf_printf(&text, "Your last output was not valid: %s\nSend only the "
	    "JSON value that is valid against the schema.", reason);
	rc = put_user(a, text.p, text.n, e);
	buf_free(&text);
	return rc;
}

int
extract_read(struct agent *a, const struct buf *text, struct err *e)
{
	struct err why = ERR_NONE;

	buf_trunc(&a->out->structured, 0);
	if (output_read(wrapper(a), buf_str(text), text->n,
	    &a->out->structured, &why) == 0)
		return 1;
	buf_trunc(&a->out->structured, 0);
	if (a->run.asked >= a->set.attempts)
		return err_set(e, E_AGENT_ERROR, "Structured output validation "
		    "failed after %lld attempts: %s", (long long)a->run.asked,
		    why.text);
	return ask_again(a, why.text, e);
}

bool
extract_fits(const struct agent *a, struct jtext message)
{
	struct jtext schema = json_get(json_text(a->s.build), "output_schema");
	struct buf text = BUF_INIT, value = BUF_INIT;
	bool fits;

	finish_text(message, &text);
	fits = output_read(schema, buf_str(&text), text.n, &value, NULL) == 0;
	buf_free(&text);
	buf_free(&value);
	return fits;
}
