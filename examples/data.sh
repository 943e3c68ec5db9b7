#!/bin/sh
# An answer as data: it fits the schema, or the turn fails.
set -eu
rkat run --json --schema '{
	"type": "object",
	"properties": {
		"errors": { "type": "integer" },
		"worst": { "type": "string" }
	},
	"required": ["errors", "worst"]
}' "How many errors: E12 E7 ok E12?" | jq -c .structured_output
#> {"errors":3,"worst":"E12"}
