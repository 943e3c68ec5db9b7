#include <stdlib.h>

#include "agent/output.h"
#include "test.h"

/* The wrapper, or the error with "! " in front. */
static const char *
wrap(const char *in)
{
	static struct buf b;
	struct err e = ERR_NONE;

	buf_trunc(&b, 0);
	if (output_wrap(json_text(in), &b, &e) < 0) {
		buf_trunc(&b, 0);
		buf_printf(&b, "! %s", e.text);
	}
	return b.p;
}

/* The value an answer holds, or the reason why not. */
static const char *
read_answer(const char *wrapper, const char *text)
{
	static struct buf b;
	struct err e = ERR_NONE;

	buf_trunc(&b, 0);
	if (output_read(json_text(wrapper), text, strlen(text), &b, &e) < 0) {
		buf_trunc(&b, 0);
		buf_printf(&b, "! %s", e.text);
	}
	return b.p;
}

#define WRAPPED(schema) \
	"{\"compat\":\"lossy\",\"format\":\"meerkat_v1\",\"schema\":" schema \
	",\"strict\":false}"

TEST(a_raw_schema_gets_a_wrapper)
{
	STR_IS(wrap("{ \"type\": \"string\", \"maxLength\": 1e1 }"),
	    WRAPPED("{\"type\":\"string\",\"maxLength\":1e1}"));
	STR_IS(wrap("{\"schema\":{\"type\":\"string\"},\"name\":\"a\","
	    "\"strict\":true,\"compat\":\"strict\"}"),
	    "{\"compat\":\"strict\",\"format\":\"meerkat_v1\",\"name\":\"a\","
	    "\"schema\":{\"type\":\"string\"},\"strict\":true}");
	/* A key of its own makes it a raw schema, the format name a wrapper. */
	STR_IS(wrap("{\"schema\":{},\"title\":\"x\"}"),
	    WRAPPED("{\"schema\":{},\"title\":\"x\"}"));
	STR_IS(wrap("{\"schema\":{},\"title\":\"x\",\"format\":\"meerkat_v1\"}"),
	    WRAPPED("{}"));
}

TEST(a_wrapper_wraps_to_itself)
{
	char *first = strdup(wrap("{\"properties\":{\"a\":{\"type\":\"object\"}}}"));

	STR_IS(wrap(first), first);
	free(first);
}

TEST(object_schemas_get_properties_and_required)
{
	STR_IS(wrap("{\"type\":\"object\"}"),
	    WRAPPED("{\"type\":\"object\",\"properties\":{},\"required\":[]}"));
	STR_IS(wrap("{\"items\":{\"type\":[\"null\",\"object\"]}}"),
	    WRAPPED("{\"items\":{\"type\":[\"null\",\"object\"],"
	    "\"properties\":{},\"required\":[]}}"));
	STR_IS(wrap("{\"required\":[\"a\"],\"type\":\"array\"}"),
	    WRAPPED("{\"required\":[\"a\"],\"type\":\"array\"}"));
}

TEST(only_schema_positions_are_touched)
{
	/* A property called "properties", data in default and enum. */
	STR_IS(wrap("{\"properties\":{\"properties\":{\"type\":\"string\"}},"
	    "\"required\":[],\"default\":{\"type\":\"object\"},"
	    "\"enum\":[{\"required\":[]}]}"),
	    WRAPPED("{\"properties\":{\"properties\":{\"type\":\"string\"}},"
	    "\"required\":[],\"default\":{\"type\":\"object\"},"
	    "\"enum\":[{\"required\":[]}]}"));
}

TEST(a_bad_schema_is_refused_with_a_reason)
{
	struct buf b = BUF_INIT;

	STR_IS(wrap("[]"), "! Invalid output schema: Schema must be a JSON object at the root");
	STR_IS(wrap("true"), "! Invalid output schema: Schema must be a JSON object at the root");
	STR_IS(wrap("{\"schema\":1}"),
	    "! Invalid output schema: Schema must be a JSON object at the root");
	STR_IS(wrap("{\"type\":\"strin\"}"),
	    "! Invalid output schema: /type: not a type name");
	STR_IS(wrap("{\"schema\":{},\"compat\":\"loose\"}"),
	    "! Invalid output schema: compat: want \"lossy\" or \"strict\"");
	STR_IS(wrap("{\"schema\":{},\"strict\":1}"),
	    "! Invalid output schema: strict: want true or false");
	STR_IS(wrap("{\"schema\":{},\"name\":1}"),
	    "! Invalid output schema: name: want a string");
	for (int i = 0; i < 300; i++)
		buf_puts(&b, "{\"not\":");
	buf_puts(&b, "{}");
	for (int i = 0; i < 300; i++)
		buf_putc(&b, '}');
	STR_IS(wrap(b.p), "! Invalid output schema: it nests deeper than 100"
	    " levels");
	buf_free(&b);
}

TEST(an_answer_is_trimmed_parsed_and_validated)
{
	const char *w = WRAPPED("{\"type\":\"object\",\"properties\":{\"n\":"
	    "{\"type\":\"integer\"}},\"required\":[\"n\"]}");

	STR_IS(read_answer(w, " {\"n\": 9007199254740993}\n"),
	    "{\"n\":9007199254740993}");
	STR_IS(read_answer(w, "```json\n{\"n\":1}\n```"), "{\"n\":1}");
	STR_IS(read_answer(w, "\n```{\"n\":1}```\n"), "{\"n\":1}");
	STR_IS(read_answer(w, "{\"n\":1"), "! Invalid JSON: unfinished at byte 6");
	STR_IS(read_answer(w, "```json"), "! Invalid JSON: empty at byte 0");
	STR_IS(read_answer(w, "{\"n\":1.5}"), "! Schema validation failed: "
	    "/n: type: want integer, not number");
	STR_IS(read_answer(w, "{}"), "! Schema validation failed: "
	    "(root): required: property \"n\" is missing");
}

#define NAMED(schema) \
	"{\"compat\":\"lossy\",\"format\":\"meerkat_v1\",\"name\":\"advice\"," \
	"\"schema\":" schema ",\"strict\":false}"

TEST(an_answer_under_the_schema_name_is_unwrapped)
{
	const char *required = NAMED("{\"type\":\"object\",\"properties\":"
	    "{\"a\":{}},\"required\":[\"a\"]}");
	const char *optional = NAMED("{\"type\":\"object\",\"properties\":"
	    "{\"a\":{}},\"required\":[]}");
	const char *declared = NAMED("{\"type\":\"object\",\"properties\":"
	    "{\"advice\":{}},\"required\":[]}");

	STR_IS(read_answer(required, "{\"advice\":{\"a\":1}}"), "{\"a\":1}");
	STR_IS(read_answer(optional, "{\"advice\":{\"a\":1}}"), "{\"a\":1}");
	STR_IS(read_answer(optional, "{\"advice\":{\"b\":1}}"),
	    "{\"advice\":{\"b\":1}}");
	STR_IS(read_answer(optional, "{\"advice\":1}"), "{\"advice\":1}");
	STR_IS(read_answer(optional, "{\"advice\":{\"a\":1},\"x\":1}"),
	    "{\"advice\":{\"a\":1},\"x\":1}");
	STR_IS(read_answer(declared, "{\"advice\":{\"a\":1}}"),
	    "{\"advice\":{\"a\":1}}");
}

/* What is sent, and behind a space the warnings; or the error. */
static const char *
lower(const char *schema, enum provider p)
{
	static struct buf b;
	struct buf warnings = BUF_INIT, wrapper = BUF_INIT;
	struct err e = ERR_NONE;

	buf_trunc(&b, 0);
	if (output_wrap(json_text(schema), &wrapper, &e) < 0 ||
	    output_lower(json_slice(wrapper.p, wrapper.n), p, &b, &warnings,
	    &e) < 0) {
		buf_trunc(&b, 0);
		buf_printf(&b, "! %s", e.text);
	} else if (warnings.n) {
		buf_printf(&b, " %s", warnings.p);
	}
	buf_free(&warnings);
	buf_free(&wrapper);
	return b.p;
}

TEST(anthropic_gets_closed_objects_and_constraints_as_words)
{
	STR_IS(lower("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
	    "\"integer\",\"minimum\":1,\"maximum\":10}},\"required\":[]}",
	    PROVIDER_ANTHROPIC),
	    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\","
	    "\"description\":\"{minimum: 1, maximum: 10}\"}},\"required\":[],"
	    "\"additionalProperties\":false}");
}

TEST(anthropic_does_not_get_what_refers_to_itself)
{
	/* tree holds itself, b and c each other; plain is plain. */
	STR_IS(lower("{\"$defs\":{\"tree\":{\"items\":{\"$ref\":"
	    "\"#/$defs/tree\"}},\"b\":{\"items\":{\"$ref\":\"#/$defs/c\"}},"
	    "\"c\":{\"items\":{\"$ref\":\"#/$defs/b\"}},\"plain\":{}},"
	    "\"anyOf\":[{\"$ref\":\"#/$defs/tree\"},"
	    "{\"$ref\":\"#/$defs/plain\"}]}", PROVIDER_ANTHROPIC),
	    "{\"$defs\":{\"tree\":{\"items\":{\"description\":"
	    "\"{$ref: \\\"#/$defs/tree\\\"}\"}},\"b\":{\"items\":"
	    "{\"description\":\"{$ref: \\\"#/$defs/c\\\"}\"}},"
	    "\"c\":{\"items\":{\"description\":"
	    "\"{$ref: \\\"#/$defs/b\\\"}\"}},\"plain\":{}},"
	    "\"anyOf\":[{\"description\":\"{$ref: \\\"#/$defs/tree\\\"}\"},"
	    "{\"$ref\":\"#/$defs/plain\"}]}");
}

#define STRICT(schema) "{\"schema\":" schema ",\"strict\":true}"

TEST(openai_strict_has_limits)
{
	struct buf b = BUF_INIT;

	OK(strstr(lower(STRICT("{\"type\":\"object\",\"$defs\":{\"a\":{}},"
	    "\"properties\":{\"x\":{\"$ref\":\"#/$defs/a\","
	    "\"description\":\"d\"}},\"required\":[\"x\"]}"),
	    PROVIDER_OPENAI), "strict false"));
	OK(!strstr(lower(STRICT("{\"type\":\"object\",\"$defs\":{\"a\":{}},"
	    "\"properties\":{\"x\":{\"$ref\":\"#/$defs/a\"}},"
	    "\"required\":[\"x\"]}"), PROVIDER_OPENAI), "strict false"));
	for (int levels = 10; levels <= 11; levels++) {
		buf_trunc(&b, 0);
		buf_puts(&b, "{\"schema\":");
		for (int i = 1; i < levels; i++)
			buf_puts(&b, "{\"type\":\"object\",\"required\":"
			    "[\"a\"],\"properties\":{\"a\":");
		buf_puts(&b, "{\"type\":\"object\"}");
		for (int i = 1; i < levels; i++)
			buf_puts(&b, "}}");
		buf_puts(&b, ",\"strict\":true}");
		OK(!strstr(lower(b.p, PROVIDER_OPENAI), "strict false") ==
		    (levels == 10));
	}
	buf_free(&b);
}

TEST(openai_falls_back_from_strict_with_a_warning)
{
	STR_IS(lower("{\"type\":\"object\"}", PROVIDER_OPENAI),
	    "{\"type\":\"object\",\"properties\":{},\"required\":[]}");
	STR_IS(lower("{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":"
	    "{\"type\":\"string\"}},\"required\":[\"a\"]},\"strict\":true}",
	    PROVIDER_OPENAI),
	    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
	    "\"required\":[\"a\"],\"additionalProperties\":false}");
	STR_IS(lower("{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":"
	    "{}},\"required\":[]},\"strict\":true}", PROVIDER_OPENAI),
	    "{\"type\":\"object\",\"properties\":{\"a\":{}},\"required\":[]}"
	    " [{\"provider\":\"openai\",\"path\":\"\",\"message\":\"The schema"
	    " is outside of what strict mode accepts; it is sent with strict"
	    " false\"}]");
}

TEST(gemini_warns_of_keywords_with_their_path)
{
	static const char schema[] = "{\"type\":\"object\",\"properties\":{"
	    "\"pattern\":{\"type\":\"string\",\"pattern\":\"a\"},\"a/b\":{"
	    "\"anyOf\":[{\"minLength\":1}]}},\"required\":[],"
	    "\"default\":{\"pattern\":1}}";
	char all[600];

	snprintf(all, sizeof all, "%s [{\"provider\":\"gemini\",\"path\":"
	    "\"/properties/pattern/pattern\",\"message\":\"Keyword 'pattern'"
	    " may be ignored by Gemini responseJsonSchema\"},{\"provider\":"
	    "\"gemini\",\"path\":\"/properties/a~1b/anyOf/0/minLength\","
	    "\"message\":\"Keyword 'minLength' may be ignored by Gemini"
	    " responseJsonSchema\"}]", schema);
	STR_IS(lower(schema, PROVIDER_GEMINI), all);
	STR_IS(lower("{\"schema\":{\"pattern\":\"a\"},\"compat\":\"strict\"}",
	    PROVIDER_GEMINI), "! /pattern: Keyword 'pattern' may be ignored by"
	    " Gemini responseJsonSchema (compat is strict)");
}
