/*
 * Dialects: what "$schema" names, and the vocabularies of a metaschema (core 2020-12
 * section 8.1).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/schema_impl.h"
#include "base/util.h"

#define DRAFT_07_URI "http://json-schema.org/draft-07/schema"
#define DRAFT_2020_URI "https://json-schema.org/draft/2020-12/schema"

static const struct dialect dialect_07 = { DRAFT_07, VOCAB_ALL };
const struct dialect schema_draft_2020 = { DRAFT_2020, VOCAB_ALL };

struct jtext
schema_text(struct schema *s, const char *uri)
{
	struct jtext text = schema_meta(uri);

	if (!text.p && (!s->fetch || !s->fetch(s->arg, uri, &text)))
		return JTEXT_NONE;
	return text;
}

/* "$vocabulary" of a metaschema (core 8.1.2). */
static int
read_vocabulary(struct jtext all, struct dialect *d, struct err *e)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{ "core", VOCAB_CORE }, { "applicator", VOCAB_APPLICATOR },
		{ "unevaluated", VOCAB_UNEVALUATED },
		{ "validation", VOCAB_VALIDATION }, { "meta-data", 0 },
		{ "format-annotation", 0 }, { "content", 0 },
	};
	static const char prefix[] =
	    "https://json-schema.org/draft/2020-12/vocab/";
	struct jiter it = json_iter(all);
	bool required;

	d->vocab = VOCAB_CORE;
	while (json_next(&it)) {
		char *uri = json_str(it.key, NULL);
		bool found = false;

		for (size_t i = 0; i < COUNT(known); i++)
			if (!strncmp(uri, prefix, sizeof prefix - 1) &&
			    !strcmp(uri + sizeof prefix - 1, known[i].name)) {
				d->vocab |= known[i].bit;
				found = true;
			}
		if (!found && json_bool(it.value, &required) && required)
			err_set(e, E_INVALID_PARAMS,
			    "unsupported vocabulary %s", uri);
		else
			found = true;
		free(uri);
		if (!found)
			return -1;
	}
	return 0;
}

/* A URI without an empty fragment. */
static char *
plain_uri(const char *uri)
{
	size_t n = strlen(uri);

	return xstrndup(uri, n && uri[n - 1] == '#' ? n - 1 : n);
}

int
schema_dialect(struct schema *s, uint32_t doc, uint32_t at, struct dialect *d,
    struct err *e)
{
	struct err why = ERR_NONE;
	const char *text;
	struct jtext meta, vocab;
	char *uri = NULL;
	int rc = -1;

	if (schema_string(s, doc, at, "$schema", &text, e) < 0)
		return -1;
	if (!text)
		return 0;
	uri = plain_uri(text);
	if (!strcmp(uri, DRAFT_07_URI) ||
	    !strcmp(uri, "https://json-schema.org/draft-07/schema")) {
		*d = dialect_07;
	} else if (!strcmp(uri, DRAFT_2020_URI)) {
		*d = schema_draft_2020;
	} else {
		meta = schema_text(s, uri);
		if (!meta.p || json_check(meta.p, meta.n, NULL) < 0 ||
		    json_kind(meta) != '{') {
			schema_bad(s, doc, at, e, "$schema: unsupported dialect"
			    " %s (draft-07 and 2020-12 are known)", text);
			goto done;
		}
		*d = schema_draft_2020;
		if (json_str_is(json_get(meta, "$schema"), DRAFT_07_URI "#"))
			*d = dialect_07;
		vocab = json_get(meta, "$vocabulary");
		if (vocab.p && d->draft == DRAFT_2020 &&
		    read_vocabulary(vocab, d, &why) < 0) {
			schema_bad(s, doc, at, e, "$schema: %s", why.text);
			goto done;
		}
	}
	rc = 0;
done:
	free(uri);
	return rc;
}
