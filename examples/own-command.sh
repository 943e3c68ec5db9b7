#!/bin/sh
# A command of your own: any rkat-NAME in PATH.
set -eu
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
cat >"$bin/rkat-shout" <<'END'
#!/bin/sh
rkat run --json "$*" | jq -r .text | tr '[:lower:]' '[:upper:]'
END
chmod +x "$bin/rkat-shout"
PATH=$bin:$PATH
rkat shout hello from a shell script
#> YOU SAID: HELLO FROM A SHELL SCRIPT
