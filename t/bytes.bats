# What the model and the tools say stays what it is, byte for byte: in the transcript, in
# the events, in the next request.  Or it is refused with words.
load helper

FORMATS="anthropic openai chat gemini"

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	declare -gA MODEL=([anthropic]=claude-sonnet-4-5 [openai]=gpt-5.2
	    [chat]=local [gemini]=gemini-3-flash-preview)
	mkdir -p "$HOME/.rkat"
}

serve() {
	sim script "$T/script.jsonl"
	printf '%s\n' '[self_hosted.servers.here]' "base_url = \"$SIM\"" \
	    '[self_hosted.models.local]' 'server = "here"' 'remote_model = "tiny"' >"$HOME/.rkat/config.toml"
}

# calls NAME FILE: the model calls the tool with the bytes of FILE as arguments, then says done.
calls() {
	python3 - "$1" "$2" >"$T/script.jsonl" <<-'EOF'
	import json, sys
	args = open(sys.argv[2], encoding="utf-8").read()
	call = {"id": "c1", "name": sys.argv[1], "args": args}
	print(json.dumps({"match": {"has_tool_result": False}, "reply": {"tool_calls": [call], "chunk": 100000}}))
	print('{"reply":{"text":"done"}}')
	EOF
	serve
}

# ask FORMAT [ARGS...]
ask() {
	local format=$1
	shift
	rkat run --json -m "${MODEL[$format]}" -t full --sandbox off "$@" "go" </dev/null >"$T/out" 2>"$T/err"
	S=$(db 'SELECT id FROM sessions ORDER BY id DESC LIMIT 1')
}

# The arguments in $T/args are in transcript and event byte for byte, in the next request
# (which may be one string in another) value for value; and the session moves whole.
kept() {
	db "SELECT body FROM messages WHERE session = '$S'" >"$T/transcript"
	rkat-session export "$S" >"$T/export"
	rkat-session import "$T/export" >/dev/null
	python3 "$BATS_TEST_DIRNAME/bytes_check.py" "$T/args" "$T/transcript" \
	    "$(realm_dir)/events/$S.jsonl" "$T/export" "$T/sim.log"
}

# The result's row of the transcript.
result_row() { db "SELECT body FROM messages WHERE session = '$S' AND body LIKE '%\"tool_results\"%'"; }

# each_format [FORMATS]
each_format() {
	calls datetime "$T/args"
	for f in ${1:-$FORMATS}; do
		ask "$f"
		same "$(jq -r .text "$T/out")" "done"
		kept
	done
}

@test "numbers that no double holds; keys that come twice, or look alike" {
	printf '{"n":9007199254740993,"m":-9007199254740993,"huge":1e400,"tiny":1e-400,"zero":-0,"exp":1E+2,"long":0.1000000000000000055511151231257827,"big":123456789012345678901234567890,"a":1,"a":2,"A":3,"\\u0061":4,"":5,"b":{"k":1,"k":[]},"__proto__":{},"0":0}' >"$T/args"
	each_format
}

@test "escapes: NUL, controls, the two ways to write a character" {
	printf '%s' '{"nul":"\u0000 \u0001 \u001f \u007f","esc":"\/ \b\f\n\r\t \" \\","e":"\u00e9é","line":"\u2028\u2029 "}' >"$T/args"
	each_format
}

@test "lone surrogates, pairs, characters beyond the BMP" {
	printf '%s' '{"lone":"\ud800","low":"x\udc00y","swapped":"\udc00\ud800","pair":"\ud83d\ude00","raw":"😀","max":"\udbff\udfff"}' >"$T/args"
	each_format
}

@test "white space, depth and order" {
	printf '{ "ws" : [ 1 ,\t2 ] , "e":{ } , "deep":%s1%s , "z":1, "y":2 }' \
	    "$(printf '[%.0s' $(seq 60))" "$(printf ']%.0s' $(seq 60))" >"$T/args"
	each_format
}

@test "a string of 5 MB" {
	python3 -c '
import json
print(json.dumps({"s": "0123456789\\\"\n\u00e9\u4e16\U0001f600" * 250000}, ensure_ascii=False), end="")' >"$T/args"
	[ "$(wc -c <"$T/args")" -gt 5000000 ]
	each_format "anthropic openai"	# arguments as an object, and as a string in one
}

@test "arguments of 5 MB reach the tool: a file that is as long and the same" {
	python3 - "$T" <<-'EOF'
	import json, sys
	text = "".join("line %d: 0123456789 \u00e9\u4e16\U0001f600\n" % i for i in range(130000))
	patch = "*** Begin Patch\n*** Add File: big.txt\n" + "".join("+" + l + "\n" for l in text.splitlines()) + "*** End Patch"
	open(sys.argv[1] + "/want", "w").write(text)
	open(sys.argv[1] + "/args", "w").write(json.dumps({"patch": patch}))
	EOF
	[ "$(wc -c <"$T/want")" -gt 4000000 ]
	calls apply_patch "$T/args"
	ask anthropic
	cmp "$T/want" big.txt
	kept
}

@test "a hook is told the arguments as they are" {
	printf '{"n":9007199254740993,"huge":1e400,"a":1,"a":2,"u":"\\u0000\\ud800"}' >"$T/args"
	calls datetime "$T/args"
	cat >>"$HOME/.rkat/config.toml" <<-EOF
	[[hooks.entries]]
	id = "look"
	point = "pre_tool_execution"
	[hooks.entries.runtime]
	type = "command"
	command = "sh"
	args = ["-c", "cat >$T/told; echo '{}'"]
	EOF
	ask anthropic
	has "$(cat "$T/told")" "$(cat "$T/args")"
}

@test "a command with a NUL or half a character is refused with words, and nothing is run" {
	for text in 'echo a\u0000b >ran' 'echo \ud800 >ran'; do
		printf '{"command":"%s"}' "$text" >"$T/args"
		calls shell "$T/args"
		ask anthropic
		[ ! -e ran ]
		has "$(result_row)" '"is_error":true'
		has "$(result_row)" 'command'
		kept
		sim_stop
	done
}

@test "a command longer than the system takes is an error result, not a failed turn" {
	python3 -c 'import json; print(json.dumps({"command": "echo " + "x" * 5000000}), end="")' >"$T/args"
	calls shell "$T/args"
	ask anthropic
	same "$(jq -r .text "$T/out")" "done"
	has "$(result_row)" "too long"
	kept
}

@test "arguments that are no JSON: kept as they came, refused, the model is told" {
	printf '{"command":"touch ran",}' >"$T/args"
	calls shell "$T/args"
	for f in anthropic openai chat; do
		ask "$f"
		[ ! -e ran ]
		same "$(jq -r .text "$T/out")" "done"
		has "$(result_row)" "invalid_arguments"
		python3 "$BATS_TEST_DIRNAME/bytes_check.py" "$T/args" --json "$(realm_dir)/events/$S.jsonl" "$T/sim.log"
	done
}

# prints COMMAND: the shell runs it; its result's stdout, as JSON text, into $T/result.
prints() {
	jq -cn --arg c "$1" '{command:$c}' | tr -d '\n' >"$T/args"
	calls shell "$T/args"
	ask anthropic
	same "$(jq -r .text "$T/out")" "done"
	result_row >"$T/row"
	python3 -c '
import json, sys
row = json.load(open(sys.argv[1]))
sys.stdout.write(json.dumps(json.loads(row["results"][0]["content"])["stdout"]))' "$T/row" >"$T/result"
	# The next request has the same content.
	python3 -c '
import json, sys
row = json.load(open(sys.argv[1]))
for line in open(sys.argv[3], "rb"): json.loads(line)
body = json.loads(open(sys.argv[2]).readlines()[-1])["body"]
for m in body["messages"]:
    for c in m["content"] if isinstance(m["content"], list) else []:
        if c["type"] == "tool_result":
            got = c["content"] if isinstance(c["content"], str) else c["content"][0]["text"]
assert got == row["results"][0]["content"]' "$T/row" "$T/sim.log" "$(realm_dir)/events/$S.jsonl"
	sim_stop
}

@test "output of a command: JSON-like text, controls, all of it" {
	printf '{"n":9007199254740993,"h":1e400,"a":1,"a":2,"u":"\\u0000\\ud800"}\n' >odd.json
	prints 'cat odd.json'
	same "$(jq -r . "$T/result")" "$(cat odd.json)"
	prints 'printf "a\\001\\033[1mb\\177\\r\\n\\tc"'
	same "$(cat "$T/result")" '"a\u0001\u001b[1mb\u007f\r\n\tc"'
}

@test "output of a command that is no text: NUL and broken UTF-8 are shown as such, valid JSON everywhere" {
	prints 'printf "a\\000b\\377c\\303"'
	has "$(cat "$T/result")" 'a'
	python3 -c '
import json, sys
s = json.load(open(sys.argv[1]))
assert s[0] == "a" and "b" in s and "c" in s, s
assert not any(0xd800 <= ord(c) < 0xe000 for c in s), s' "$T/result"
}

@test "output of 5 MB: its end is kept, and that some is missing is said" {
	prints 'seq 1 800000'
	has "$(cat "$T/result")" '800000'
	has "$(cat "$T/row")" 'truncated'
	[ "$(wc -c <"$T/row")" -lt 1000000 ]
}

@test "read_file: what is in the file, or a word about what is not shown" {
	printf '{"n":9007199254740993,"u":"\\u0000\\ud800"}\té😀\n' >odd.json
	printf '{"path":"odd.json"}' >"$T/args"
	calls read_file "$T/args"
	ask anthropic
	result_row >"$T/row"
	python3 -c '
import json, sys
content = json.load(open(sys.argv[1]))["results"][0]["content"]
assert open("odd.json").read().rstrip("\n") in content, content' "$T/row"
	head -c 5000000 /dev/zero | tr '\0' 'x' >odd.json
	ask anthropic
	result_row >"$T/row"
	[ "$(wc -c <"$T/row")" -lt 1000000 ]
	same "$(jq -r .text "$T/out")" "done"
}

@test "a prompt of 5 MB arrives whole, is kept, and is sent again with the next" {
	printf '{"reply":{"text":"done"}}\n' >"$T/script.jsonl"
	serve
	python3 -c 'print("0123456789\\\"\u00e9\U0001f600\x01" * 300000, end="")' >"$T/prompt"
	[ "$(wc -c <"$T/prompt")" -gt 5000000 ]
	for f in anthropic gemini; do
		rkat run -m "${MODEL[$f]}" - <"$T/prompt" >/dev/null 2>&1
		rkat c "and now" </dev/null >/dev/null 2>&1
		tail -n 1 "$T/sim.log" >"$T/request"
		python3 -c '
import json, sys
prompt = open(sys.argv[2]).read()
def strings(v):
    if isinstance(v, str): yield v
    for x in v.values() if isinstance(v, dict) else v if isinstance(v, list) else []: yield from strings(x)
assert any(s == prompt for s in strings(json.load(open(sys.argv[1]))["body"]))' "$T/request" "$T/prompt"
	done
}
