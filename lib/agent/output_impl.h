#ifndef AGENT_OUTPUT_IMPL_H
#define AGENT_OUTPUT_IMPL_H

#include "base/json.h"

/* What output.c and output_lower.c know of the inside of a schema. */

#define OUTPUT_DEPTH_MAX 200	/* levels of schemas in schemas */

/* What stands behind a keyword: data, a schema, an object or an array of schemas. */
enum place { DATA, SCHEMA, SCHEMA_MAP, SCHEMA_LIST };
enum place output_place(struct jtext key, struct jtext value);

#endif
