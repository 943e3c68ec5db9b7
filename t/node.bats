load helper

# The TypeScript package as a user gets it: packed, installed beside the tests and
# the examples, and these compiled against its types alone.  The compiler comes from
# npm by name; a machine without Node or without a registry skips.
# WHY: why all tests skip (bats 1.8 cannot skip in here).
setup_file() {
	local src=$BATS_TEST_DIRNAME/.. dir major
	major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
	[ "$major" -ge 18 ] || { export WHY="needs node >= 18"; return 0; }
	command -v npm >/dev/null || { export WHY="needs npm"; return 0; }
	dir=$(realpath -m "${B:-$src/build}/node")
	export NODE_DIR=$dir
	mkdir -p "$dir"
	rm -rf "$dir/sdk/src" "$dir/sdk/dist" "$dir/app" "$dir"/*.tgz
	mkdir -p "$dir/sdk" "$dir/app/node_modules/@rkat"
	cp -R "$src/share/node/." "$dir/sdk"
	if ! [ -x "$dir/sdk/node_modules/.bin/tsc" ]; then
		(cd "$dir/sdk" && timeout 120 npm install --no-save --no-package-lock \
			--no-audit --no-fund --fetch-retries=1 --ignore-scripts) >"$dir/log" 2>&1 3>&- || {
			WHY="npm cannot install the compiler: $(tail -n 1 "$dir/log")"
			export WHY
			return 0
		}
	fi
	(cd "$dir/sdk" && npm pack --silent --pack-destination "$dir") >"$dir/log" 2>&1 3>&- || {
		cat "$dir/log" >&2
		return 1
	}
	mkdir "$dir/app/node_modules/@rkat/sdk"
	tar -xzf "$dir"/rkat-sdk-*.tgz -C "$dir/app/node_modules/@rkat/sdk" --strip-components 1
	cp -R "$src/share/node/test" "$src/examples/node" "$dir/app"
	mv "$dir/app/node" "$dir/app/examples"
	mv "$dir/app/test/tsconfig.json" "$dir/app"
	printf '{"type":"module"}\n' >"$dir/app/package.json"
	"$dir/sdk/node_modules/.bin/tsc" -p "$dir/app" >"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		return 1
	}
}

local_setup() {
	[ -z "$WHY" ] || skip "$WHY"
	APP=$NODE_DIR/app
}

# server: a real rkat-rpc with the model server of this test.
server() {
	command -v rkat-rpc >/dev/null || skip "needs rkat-rpc"
	unset MEERKAT_BIN_PATH RKAT_REALM
}

@test "the package needs nothing at run time and publishes nothing but what it is" {
	run node -p 'const p = require(process.argv[1]); JSON.stringify([p.dependencies, p.type])' \
		"$APP/node_modules/@rkat/sdk/package.json"
	same "$output" '[null,"module"]'
	run find "$APP/node_modules/@rkat/sdk" -type f ! -name '*.js' ! -name '*.d.ts' -printf '%P\n'
	same "$(sort <<<"$output" | tr '\n' ' ')" 'README.md package.json '
	run grep -rhoE "from ['\"][^.'\"][^'\"]*" "$APP/node_modules/@rkat/sdk/dist" --include='*.js'
	lacks "$(grep -v 'from "node:' <<<"$output")" from
	[ ! -e "$APP/node_modules/@rkat/sdk/dist/node.d.ts" ]
}

@test "the TypeScript client holds against a server that behaves and one that does not" {
	run timeout 120 node --test "$APP/test/client.test.js" "$APP/test/stubborn.test.js" "$APP/test/api.test.js"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the TypeScript client does all that rkat-rpc offers" {
	server
	sim script "$BATS_TEST_DIRNAME/../share/node/test/model.jsonl"
	run timeout 120 node --test "$APP/test/server.test.js"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a function of a TypeScript program is a tool of the model" {
	server
	sim script "$BATS_TEST_DIRNAME/../share/node/test/model.jsonl"
	run timeout 120 node --test "$APP/test/tools.test.js"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "every TypeScript example of the documents runs as it stands" {
	server
	local name
	sim script "$BATS_TEST_DIRNAME/../share/node/test/model.jsonl"
	for name in "$APP"/examples/*.js; do
		echo "# $name"
		cp "$BATS_TEST_DIRNAME/../examples/node/"*.png .
		run timeout 30 node "$name"
		echo "$output"
		[ "$status" -eq 0 ]
		same "$output" "$(sed -n 's,^ *//> \{0\,1\},,p' "$BATS_TEST_DIRNAME/../examples/node/$(basename "$name" .js).ts")"
	done
}
