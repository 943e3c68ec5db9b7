load helper

# The published Python client of contract 0.5, every version of it, unmodified, from
# the package index by name; WHY: why it cannot be had (no pip, no network).  That for
# TypeScript is in no registry: drive.mjs keeps its rules.
VERSIONS='0.5.0 0.5.1 0.5.2'
setup_file() {
	local v pin
	SDK05=$(realpath -m "${B:-$BATS_TEST_DIRNAME/../build}/sdk05")
	export SDK05
	mkdir -p "$SDK05"
	for v in $VERSIONS; do
		[ ! -e "$SDK05/$v/meerkat/__init__.py" ] || continue
		pin=$(grep "==$v " "$BATS_TEST_DIRNAME/sdk05/requirements.txt")
		printf '%s\n' "$pin" >"$SDK05/pin"
		timeout 120 python3 -m pip install -q --no-deps --only-binary :all: --require-hashes \
			--retries 1 --target "$SDK05/$v" -r "$SDK05/pin" >"$SDK05/log" 2>&1 3>&- || {
			WHY="pip cannot install meerkat-sdk $v: $(tail -n 1 "$SDK05/log")"
			export WHY
			return 0
		}
	done
}

local_setup() {
	unset MEERKAT_BIN_PATH RKAT_REALM
	export T RKAT_BIN PYTHONDONTWRITEBYTECODE=1
	RKAT_BIN=$(command -v rkat)
	sim script "$BATS_TEST_DIRNAME/sdk05/model.jsonl"
}

# drive VERSION: all of it, and the client is what was asked for.
drive() {
	[ -z "${WHY-}" ] || skip "$WHY"
	export PYTHONPATH=$SDK05/$1 SDK_VERSION=$1
	has "$(python3 -c 'import meerkat; print(meerkat.__file__)')" "/sdk05/$1/"
	timeout 150 python3 "$BATS_TEST_DIRNAME/sdk05/drive.py" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

@test "the published Python client 0.5.0, unmodified, does all its calls with rkat-rpc" { drive 0.5.0; }
@test "the published Python client 0.5.1, unmodified, does all its calls with rkat-rpc" { drive 0.5.1; }
@test "the published Python client 0.5.2, unmodified, does all its calls with rkat-rpc" { drive 0.5.2; }

# printed FILE: what it prints, by its #> lines; ... stands for what differs.
printed() {
	python3 - "$1" out <<-'END'
	import re, sys
	lines = re.findall(r"^#>[ ]?(.*)$", open(sys.argv[1]).read(), re.M)
	want = re.escape("\n".join(lines)).replace(re.escape("..."), ".*")
	sys.exit(not re.fullmatch(want, open(sys.argv[2]).read().rstrip("\n"), re.S))
	END
}

NAMED_BY_THE_DOCUMENTS='quickstart multi_turn stream_turn structured_output
	builtin_tools callback_tool image capabilities skill'
@test "every example of the documents prints with the published client what it prints with ours" {
	local f
	[ -z "${WHY-}" ] || skip "$WHY"
	sim script "$BATS_TEST_DIRNAME/../examples/python/sim.jsonl"
	export PYTHONPATH=$SDK05/0.5.2
	for f in $NAMED_BY_THE_DOCUMENTS; do
		mkdir "$T/$f"
		cd "$T/$f"
		f=$BATS_TEST_DIRNAME/../examples/python/$f.py
		timeout 60 python3 "$f" >out 2>err || { echo "$f"; cat err; return 1; }
		printed "$f" || { echo "$f"; cat out; return 1; }
	done
}

@test "a client by the rules of the TypeScript one does all its calls with rkat-rpc" {
	[ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 18 ] || skip "needs node >= 18"
	timeout 100 node --test "$BATS_TEST_DIRNAME/sdk05/drive.mjs" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}
