# What make install puts where, and the packages that are built from there.
load helper

local_setup() {
	TOP=$(realpath "$BATS_TEST_DIRNAME/..")
	D=$T/root
	make -s -o all -C "$TOP" B="$B" install DESTDIR="$D" PREFIX=/usr >"$T/log" 2>&1 || { cat "$T/log" >&2; return 1; }
	I=$D/usr
}

@test "install puts commands, their names, pages, completion, units and packages below DESTDIR, uninstall takes all of it" {
	for f in bin/rkat bin/rkat-serve share/man/man1/rkat-serve.1 share/man/man7/rkat.7 share/rkat/models.json \
	    share/bash-completion/completions/rkat share/zsh/site-functions/_rkat lib/systemd/system/rkat-serve@.service \
	    share/rkat/python/pyproject.toml share/rkat/node/package.json; do
		[ -s "$I/$f" ] || { echo "no $f"; return 1; }
	done
	# Each command is completed also by who has not completed rkat before.
	for c in rkat rkat-serve rkat-rpc rkat-peerd rkat-comms rkat-session; do
		bash -c '. "$0/$1"; complete -p "$1"' "$I/share/bash-completion/completions" "$c" >/dev/null
	done
	"$I/bin/rkat" rpc --version | grep -q '^rkat-rpc '
	[ -s "$I/share/man/man1/rkat-rpc.1" ]
	for p in "$TOP"/man/*.[1578]; do
		[ -s "$I/share/man/man${p##*.}/${p##*/}" ]
	done
	grep -q '^ExecStart=/usr/bin/rkat-serve ' "$I/lib/systemd/system/rkat-serve@.service"
	same "$(grep -rl @BINDIR@ "$I")" ""
	same "$(find "$I/share/rkat" -name '__pycache__' -o -name 'node_modules' -o -name '*.pyc')" ""
	make -s -C "$TOP" B="$B" uninstall DESTDIR="$D" PREFIX=/usr
	same "$(find "$D" ! -type d)" ""
}

@test "an installed toolkit runs from where it is" {
	sim echo
	same "$(PATH=$I/bin:/usr/bin:/bin "$I/bin/rkat" run "hi")" "You said: hi"
	printf '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"hi"}}\n' |
	    PATH=/usr/bin:/bin "$I/bin/rkat-rpc" >out
	same "$(jq -r 'select(.id == 1) | .result.text' out)" "You said: hi"
}

@test "the units are what systemd takes, an instance for each realm, sockets that the server knows by name" {
	command -v systemd-analyze >/dev/null || skip "needs systemd-analyze"
	mkdir units
	for u in "$I"/lib/systemd/system/*; do
		sed "s,/usr/bin/rkat-,$I/bin/rkat-," "$u" >"units/${u##*/}"
	done
	run systemd-analyze verify --man=no units/rkat-serve@demo.service units/rkat-rpc@demo.socket units/rkat-rest@demo.socket \
	    units/rkat-peerd@demo.service units/rkat-peerd@demo.socket
	same "$status $output" "0 "
	same "$(cat units/*.socket | sed -n 's/^FileDescriptorName=//p' | tr '\n' ' ')" "comms rest rpc "
}

@test "the installed Python package builds a wheel of the package alone, and an sdist" {
	python3 -m pip --version >/dev/null 2>&1 || skip "needs pip"
	cp -R "$I/share/rkat/python" src
	timeout 120 python3 -m pip wheel -q --no-deps --retries 1 -w . ./src >log 2>&1 || skip "pip cannot build: $(tail -n 1 log)"
	run python3 -m zipfile -l meerkat_sdk-0.5.2-py3-none-any.whl
	[ "$status" -eq 0 ]
	same "$(grep -oE '^[^ ]+\.(py|typed)' <<<"$output" | sort | tr '\n' ' ')" \
	    "$(cd "$TOP/share/python" && echo meerkat/*.py meerkat/py.typed | tr ' ' '\n' | LC_ALL=C sort | tr '\n' ' ')"
	lacks "$output" tests
	mkdir site
	python3 -m pip install -q --no-deps --no-index --target site meerkat_sdk-*.whl
	same "$(cd site && python3 -c 'import meerkat; print(meerkat.CONTRACT_VERSION)')" 0.5.2
}

@test "the installed Node package packs what it says" {
	command -v npm >/dev/null || skip "needs npm"
	cp -R "$I/share/rkat/node" src
	run npm pack --dry-run --json --ignore-scripts ./src 2>/dev/null
	[ "$status" -eq 0 ]
	same "$(jq -c '.[0] | [.name, .version, [.files[].path]]' <<<"$(sed -n '/^\[/,$p' <<<"$output")")" '["@rkat/sdk","0.5.2",["README.md","package.json"]]'
	has "$(jq -c '[.files, .scripts.prepack]' src/package.json)" '["dist","README.md"],"npm run build"'
}
