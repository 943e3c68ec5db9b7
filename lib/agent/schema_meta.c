/*
 * The metaschemas of both drafts, as json-schema.org publishes them, built in from
 * share/schema.
 */
#include <string.h>

#include "agent/schema_impl.h"
#include "base/util.h"

#define TEXT(name, file) \
	__asm__(".section .rodata\n" \
	    ".globl " #name "\n" #name ":\n" \
	    ".incbin \"share/schema/" file ".json\"\n" \
	    ".globl " #name "_end\n" #name "_end:\n" \
	    ".byte 0\n.previous\n"); \
	extern const char name[], name##_end[]

TEXT(schema_meta_07, "draft-07");
TEXT(schema_meta_2020, "draft-2020-12");
TEXT(schema_meta_core, "draft-2020-12-core");
TEXT(schema_meta_applicator, "draft-2020-12-applicator");
TEXT(schema_meta_unevaluated, "draft-2020-12-unevaluated");
TEXT(schema_meta_validation, "draft-2020-12-validation");
TEXT(schema_meta_meta_data, "draft-2020-12-meta-data");
TEXT(schema_meta_format, "draft-2020-12-format-annotation");
TEXT(schema_meta_content, "draft-2020-12-content");

#define URI_2020 "https://json-schema.org/draft/2020-12/"
#define ROW(uri, name) { uri, name, name##_end }

struct jtext
schema_meta(const char *uri)
{
	static const struct {
		const char *uri, *text, *end;
	} rows[] = {
		ROW("http://json-schema.org/draft-07/schema", schema_meta_07),
		ROW(URI_2020 "schema", schema_meta_2020),
		ROW(URI_2020 "meta/core", schema_meta_core),
		ROW(URI_2020 "meta/applicator", schema_meta_applicator),
		ROW(URI_2020 "meta/unevaluated", schema_meta_unevaluated),
		ROW(URI_2020 "meta/validation", schema_meta_validation),
		ROW(URI_2020 "meta/meta-data", schema_meta_meta_data),
		ROW(URI_2020 "meta/format-annotation", schema_meta_format),
		ROW(URI_2020 "meta/content", schema_meta_content),
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcmp(uri, rows[i].uri))
			return json_slice(rows[i].text,
			    (size_t)(rows[i].end - rows[i].text));
	return JTEXT_NONE;
}
