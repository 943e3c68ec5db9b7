load helper

# A rkat of its own, beside commands that only say how they were called.
local_setup() {
	local name
	mkdir -p "$T/bin" "$T/path"
	cp "$B/bin/rkat" "$T/bin/rkat"
	for name in turn session config sim; do
		fake "$T/bin/rkat-$name"
	done
	PATH=$T/bin:$T/path:$PATH
}

fake() {
	printf '%s\n' '#!/bin/sh' 'printf "%s" "${0##*/}"' \
	    'for a; do printf " [%s]" "$a"; done; echo' >"$1"
	chmod +x "$1"
}

# says "rkat arguments" "what is run"
says() { same "$(eval "rkat $1")" "$2"; }

@test "rkat links libc and nothing else" {
	[ -z "$RKAT_SAN" ] || skip "a sanitizer links more"
	run ldd "$T/bin/rkat"
	lacks "$output" sqlite
	same "$(ldd "$T/bin/rkat" | grep -c '=>')" 1
	has "$output" libc.so
}

@test "--version names the release and the contract, wherever a flag may stand" {
	same "$(rkat --version)" "rkat 0.1.0 (contract 0.5.2)"
	same "$(rkat -V)" "rkat 0.1.0 (contract 0.5.2)"
	same "$(rkat -r team --version)" "rkat 0.1.0 (contract 0.5.2)"
}

@test "rkat alone prints a short help on stderr and exits 2; --help prints it on stdout" {
	run rkat
	[ "$status" -eq 2 ]
	has "$output" "usage: rkat"
	[ -z "$(rkat 2>/dev/null)" ]
	has "$(rkat --help 2>/dev/null)" "usage: rkat"
	has "$(rkat help 2>/dev/null)" "usage: rkat"
	run rkat --realm team
	[ "$status" -eq 2 ]
}

@test "every word goes to its command" {
	says 'run hi' 'rkat-turn [run] [hi]'
	says 'resume last hi' 'rkat-turn [resume] [last] [hi]'
	says 'continue hi' 'rkat-turn [continue] [hi]'
	says 'c hi' 'rkat-turn [continue] [hi]'
	says 'sessions list --limit 3' 'rkat-session [list] [--limit] [3]'
	says 'session show x' 'rkat-session [show] [x]'
	says 'blob get x' 'rkat-session [blob] [get] [x]'
	says 'config get' 'rkat-config [get]'
	says 'realms list' 'rkat-config [realms] [list]'
	says 'models catalog' 'rkat-config [models] [catalog]'
	says 'capabilities' 'rkat-config [capabilities]'
	says 'doctor' 'rkat-config [doctor]'
	says 'init' 'rkat-config [init]'
	says 'sim echo' 'rkat-sim [echo]'
	says 'turn --worker' 'rkat-turn [--worker]'
}

@test "a word that is no command is a prompt" {
	says '"hello world"' 'rkat-turn [run] [hello world]'
	says '-r team hello' 'rkat-turn [run] [-r] [team] [hello]'
	says '--realm=team hello' 'rkat-turn [run] [--realm=team] [hello]'
	says '--json hello' 'rkat-turn [run] [--json] [hello]'
	says '-t workspace "fix it"' 'rkat-turn [run] [-t] [workspace] [fix it]'
	says '--yolo "fix it" -v' 'rkat-turn [run] [--yolo] [fix it] [-v]'
	says '--stdin lines watch' 'rkat-turn [run] [--stdin] [lines] [watch]'
	says '--stdin watch' 'rkat-turn [run] [--stdin] [watch]'
	says '-' 'rkat-turn [run] [-]'
	says '""' 'rkat-turn [run] []'
	says '../x' 'rkat-turn [run] [../x]'
}

@test "a value of an option is not taken for a word" {
	says '-m run hello' 'rkat-turn [run] [-m] [run] [hello]'
	says '--system sessions hello' 'rkat-turn [run] [--system] [sessions] [hello]'
	says '--system --version hello' 'rkat-turn [run] [--system] [--version] [hello]'
}

@test "-- ends the options: what follows is a prompt, a dash or a command's name" {
	says '-- -x' 'rkat-turn [run] [--] [-x]'
	says '--json -- sessions' 'rkat-turn [run] [--json] [--] [sessions]'
	says 'run -- -x' 'rkat-turn [run] [--] [-x]'
}

@test "global flags in front of a word reach the command behind its verb" {
	says '--realm team-alpha --instance worker-1 sessions list' \
	    'rkat-session [--realm] [team-alpha] [--instance] [worker-1] [list]'
	says '-r a --realm-backend sqlite resume last go' \
	    'rkat-turn [resume] [-r] [a] [--realm-backend] [sqlite] [last] [go]'
}

@test "a user's rkat-foo on PATH is rkat foo; ours are found beside rkat first" {
	fake "$T/path/rkat-foo"
	says 'foo bar "b z"' 'rkat-foo [bar] [b z]'
	printf '#!/bin/sh\necho usurped\n' >"$T/path/rkat-session"
	chmod +x "$T/path/rkat-session"
	PATH=$T/path:$PATH
	same "$("$T/bin/rkat" sessions list)" 'rkat-session [list]'
}

@test "a file that cannot be run is no command" {
	: >"$T/path/rkat-foo"
	mkdir "$T/path/rkat-dir"
	says 'foo' 'rkat-turn [run] [foo]'
	says 'dir' 'rkat-turn [run] [dir]'
}

@test "a command of a later release is CAPABILITY_UNAVAILABLE, 40, unless a user has it" {
	for word in mcp skills mob comms; do
		[ ! -e "$B/bin/rkat-$word" ] || continue
		PATH=$T/bin:$T/path:/usr/bin:/bin
		run rkat $word list
		[ "$status" -eq 40 ]
		has "$output" "rkat: CAPABILITY_UNAVAILABLE: rkat-$word is not part of this release"
		fake "$T/path/rkat-$word"
		says "$word list" "rkat-$word [list]"
	done
}

@test "help opens the page of a word: of an installation, or of the source tree" {
	fake "$T/path/man"
	PATH=$T/bin:$T/path:/usr/bin:/bin
	mkdir -p "$T/share/man/man1" "$T/share/man/man7"
	: >"$T/share/man/man1/rkat-turn.1"
	: >"$T/share/man/man7/rkat.7"
	same "$(rkat help run)" "man [-l] [$T/bin/../share/man/man1/rkat-turn.1]"
	same "$(rkat help c)" "man [-l] [$T/bin/../share/man/man1/rkat-turn.1]"
	same "$(rkat help tour)" "man [-l] [$T/bin/../share/man/man7/rkat.7]"
	same "$("$B/bin/rkat" help rkat | sed 's|.*/man/|man/|')" "man/rkat.1]"
}

@test "help without a page or a page reader asks the command itself" {
	same "$(rkat help sessions)" 'rkat-session [--help]'
	fake "$T/path/rkat-foo"
	same "$(rkat help foo)" 'rkat-foo [--help]'
	mkdir -p "$T/share/man/man1" "$T/empty"
	: >"$T/share/man/man1/rkat-session.1"
	same "$(PATH=$T/empty "$T/bin/rkat" help sessions 2>&1)" 'rkat-session [--help]'
	run rkat help nothing
	[ "$status" -eq 2 ]
	run rkat help mcp
	[ "$status" -eq 40 ]
	run rkat help ../../etc/passwd
	[ "$status" -eq 2 ]
}

@test "a full standard output is a failed command" {
	run sh -c 'rkat --version >/dev/full'
	[ "$status" -eq 1 ]
}
