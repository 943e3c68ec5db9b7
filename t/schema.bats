load helper

# What share/ says of the surfaces, against public rules and against what is there.
# How every line of every test is checked by it: traffic_check in the helper.
RPC_SCHEMA=$BATS_TEST_DIRNAME/../share/rpc.schema.json
META=$BATS_TEST_DIRNAME/../share/schema/draft-2020-12.json
local_setup() { [ -x "$B/t/tool/schema_check" ] || skip "needs make units"; }
check() { printf '%s\t%s\n' "$1" "$2" | "$B/t/tool/schema_check"; }

@test "schema_check tells what fits from what does not, by file, pointer, name and member" {
	printf '%s' '{"A":{"type":"object","properties":{"n":{"$ref":"#/$defs/N"}},"$defs":{"N":{"type":"integer"}}}}' >c.json
	printf '%s' '{"$defs":{"a/b":{"type":"integer"}},"type":"string"}' >d.json
	check "$PWD/d.json" '"x"'
	check "$PWD/d.json#/\$defs/a~1b" 9007199254740993
	check "$PWD/c.json!A" '{"n":1}'
	run check "$PWD/c.json!A" '{"n":"1"}'
	[ "$status" -eq 1 ]
	has "$output" "/n: type:"
	run check "$PWD/d.json" 'no JSON'
	[ "$status" -eq 1 ]
	printf '{"n":{"n":1}}\n{"n":{"n":""}}\n{"n":{"n":"cut off' >log
	run "$B/t/tool/schema_check" -s "$PWD/c.json!A" -m n log
	[ "$status" -eq 1 ]
	has "$output" "log:2: not of"
	lacks "$output" "log:3"
}

@test "the RPC schema is one by its metaschema, and knows a bad line" {
	check "$META" "$(jq -c . "$RPC_SCHEMA")"
	check "$RPC_SCHEMA" '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: x"}}'
	for bad in '{"jsonrpc":"2.0","result":{}}' '{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":""}}' '{"jsonrpc":"2.0","method":"x","params":{}}'; do
		run check "$RPC_SCHEMA" "$bad"
		[ "$status" -eq 1 ]
	done
	# Every reference leads somewhere: all of it compiles.
	jq -r '."$defs" | keys[] | gsub("/"; "~1") | "'"$RPC_SCHEMA"'#/$defs/" + . + "\tnull"' "$RPC_SCHEMA" | "$B/t/tool/schema_check" >out || [ $? -eq 1 ]
	lacks "$(cat out)" "schema_check:"
}

@test "the RPC schema has params and a result for every method of the server, and no others" {
	rkat-rpc <<<'{"jsonrpc":"2.0","id":1,"method":"initialize"}' | jq -r '.result.methods[1:][]' | sort >listed
	[ -s listed ]
	jq -r '."$defs" | keys[] | select(endswith(".result")) | sub("\\.result$"; "")' "$RPC_SCHEMA" | sort >described
	jq -r '."$defs" | keys[] | select(endswith(".params")) | sub("\\.params$"; "")' "$RPC_SCHEMA" | sort >asked
	# Not listed (sheet 5): a method, and a request of the server.
	same "$(comm -3 listed described | tr -d '\t' | tr '\n' ' ')" "tool/execute tools/register "
	same "$(comm -23 described asked)" ""
}

@test "a line that is not of the schema fails the test that it was said in" {
	printf '0 < %d\n%s\n0 > %d\n%s\n' 49 '{"jsonrpc":"2.0","id":1,"method":"session/list"}' \
	    82 '{"jsonrpc":"2.0","id":1,"result":{"sessions":[{"session_id":"not one of ours"}]}}' >"$T/spy.1"
	run traffic_check
	[ "$status" -eq 1 ]
	has "$output" "session~1list.result"
	rm "$T/spy.1"
}

# ---- OpenAPI ----

API=$BATS_TEST_DIRNAME/../share/openapi.json
api() { jq -r "$1" "$API"; }
OPERATIONS='.paths | to_entries[] | .key as $path | .value | (.parameters // []) as $shared | to_entries[] | select(.key != "parameters") | {path: $path, method: .key, op: .value, parameters: ($shared + (.value.parameters // []))}'

@test "openapi.json is OpenAPI 3.1 in what that asks of each part; every schema in it is one" {
	same "$(api '[(.openapi | test("^3\\.1\\.")), (.info | has("title") and has("version")), ([.paths | keys[] | startswith("/")] | all), ([.components[] | keys[] | test("^[a-zA-Z0-9._-]+$")] | all)] | all')" true
	# Operations: a name of their own, known tags and methods, answers with a description, each {x} of the path told of once.
	same "$(api "[$OPERATIONS | .op.operationId] | (length > 20) and (unique | length) == length")" true
	same "$(api "[.tags[].name] as \$tags | [$OPERATIONS | .op.tags[0] | IN(\$tags[])] | all")" true
	same "$(api "[$OPERATIONS | .method | IN(\"get\", \"put\", \"post\", \"delete\", \"patch\")] | all")" true
	same "$(api ". as \$d | [$OPERATIONS | .op.responses | (length > 1) and ([to_entries[] | (.key | test(\"^([1-5][0-9][0-9]|default)\$\")) and ((.value | if .[\"\$ref\"] then \$d.components.responses[.[\"\$ref\"] | ltrimstr(\"#/components/responses/\")] else . end).description | type == \"string\")] | all)] | all")" true
	same "$(api ". as \$d | [$OPERATIONS | ([.path | scan(\"{([^}]*)}\")[0]] | sort) == ([.parameters[] | if .[\"\$ref\"] then \$d.components.parameters[.[\"\$ref\"] | ltrimstr(\"#/components/parameters/\")] else . end | select(.in == \"path\" and .required) | .name] | sort)] | all")" true
	same "$(api '[.. | .security? // empty | .[] | keys[]] - (.components.securitySchemes | keys) | length')" 0
	# Every reference leads somewhere, every schema is one by its metaschema.
	same "$(api '. as $d | [.. | .["$ref"]? // empty] | unique[] | select(. as $r | $d | getpath($r[2:] / "/") == null)')" ""
	api '[.. | .schema? // empty], [.components.schemas[]] | .[] | tojson' | sed "s|^|$META	|" | "$B/t/tool/schema_check"
	api '.components.schemas | keys[]' | sed "s|.*|$API#/components/schemas/&	{}|" | "$B/t/tool/schema_check" >out 2>err || [ $? -eq 1 ]
	same "$(cat err)" ""
}

@test "every route of the server is in openapi.json, and no others" {
	sed -n 's/^	{ "\([A-Z]*\)", "\([^"]*\)",.*/\1 \2/p' "$BATS_TEST_DIRNAME"/../lib/serve/rest.c | sort >routes
	[ "$(wc -l <routes)" -gt 20 ]
	api "$OPERATIONS | (.method | ascii_upcase) + \" \" + .path" | sort >told
	same "$(comm -3 routes told)" ""
}

@test "GET /openapi.json gives the document, to anyone" {
	rkat-rest --rest=127.0.0.1:0 2>err 3>&- &
	R=$!
	wait_for grep -q http:// err
	curl -sS "$(grep -o 'http://[0-9.:]*' err)/openapi.json" >got || :
	kill "$R"
	wait "$R" || :
	cmp got "$API"
}
