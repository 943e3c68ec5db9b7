# rkat: make, make run, make test, make install.  See README.md.
#
# B=DIR keeps builds apart; CC, CFLAGS, LDFLAGS, DESTDIR and PREFIX are honoured.

B      ?= build
# Not from the environment, where t/run has it as an absolute path: the same place by
# another path would have objects that nobody sees change.
ifeq ($(origin B),environment)
B      := build
endif
PREFIX ?= /usr/local
CC     ?= cc
CFLAGS ?= -O2 -g

PKG_CONFIG ?= pkg-config
PKGS    = libcurl sqlite3 libsodium libevent libseccomp oniguruma libcbor
DEBS    = make gcc libc6-dev pkg-config libcurl4-openssl-dev libjq-dev \
	  libsqlite3-dev libsodium-dev libevent-dev libseccomp-dev libonig-dev libcbor-dev \
	  jq sqlite3 curl bats procps
TEST_DEBS = python3 strace util-linux bsdextrautils iproute2 mandoc
CHECK_DEBS = clang clang-tidy cppcheck shellcheck libclang-rt-14-dev valgrind

WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
       -Wmissing-prototypes -Wformat=2 -Wno-format-nonliteral
HARD = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
SAN  = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined

ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -Ilib -Icmd $(WARN) $(if $(findstring sanitize,$(CFLAGS)),,$(HARD)) $(CFLAGS) -MMD -MP
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

L_JQ     = -ljq
L_SQLITE = $(shell $(PKG_CONFIG) --libs sqlite3)
L_SODIUM = $(shell $(PKG_CONFIG) --libs libsodium)
L_CURL   = $(shell $(PKG_CONFIG) --libs libcurl)
L_EVENT  = $(shell $(PKG_CONFIG) --libs libevent)
L_SECCOMP = $(shell $(PKG_CONFIG) --libs libseccomp)
L_ONIG   = $(shell $(PKG_CONFIG) --libs oniguruma)
L_CBOR   = $(shell $(PKG_CONFIG) --libs libcbor)

# What commands share is in the library, too: each takes what it uses.
LIB_C   := $(sort $(wildcard lib/*/*.c)) $(wildcard cmd/common*.c)
LIB_O   := $(LIB_C:%.c=$(B)/%.o)

# A command is cmd/NAME.c or a folder cmd/NAME/*.c and becomes rkat-NAME; cmd/rkat.c is rkat.
CMD_NAMES := $(sort $(filter-out rkat common common_db,$(basename $(notdir $(wildcard cmd/*.c)))) \
	$(notdir $(patsubst %/,%,$(dir $(wildcard cmd/*/main.c)))))
BINS   := $(if $(wildcard cmd/rkat.c),$(B)/bin/rkat) $(CMD_NAMES:%=$(B)/bin/rkat-%)
CMD_C  := $(wildcard cmd/*.c cmd/*/*.c)
UNIT_C := $(wildcard t/unit/*.c)
UNITS  := $(UNIT_C:t/unit/%.c=$(B)/t/%)
BENCH_C := $(wildcard t/bench/*.c)
BENCHES := $(BENCH_C:t/bench/%.c=$(B)/t/bench/%)
FUZZ_C := $(wildcard t/fuzz/*.c)
# What the suites use: programs, and a library that is preloaded.
TOOLS  := $(B)/t/tool/schema_check $(B)/t/spy.so

# Other names of a command: the mode goes by the name.
LINKS  := $(B)/bin/rkat-rpc $(B)/bin/rkat-rest

# Goals may be named by that other path, too.
$(CURDIR)/$(B)/%: $(B)/%
	@:

.PHONY: all
all: $(BINS) $(LINKS)
	@:

# ---- objects and programs ----

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Other flags or another compiler: build again.
FLAGS_NOW := $(CC) $(CFLAGS) $(LDFLAGS)
$(B)/flags: $(if $(filter-out $(shell cat $(B)/flags 2>/dev/null),$(FLAGS_NOW)),FORCE)
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_NOW)' > $@
FORCE:

# Data that is built into the library.
$(B)/lib/base/data.o: share/models.json
$(B)/lib/serve/rest_openapi.o: share/openapi.json
$(B)/lib/agent/schema_meta.o: $(wildcard share/schema/*.json)

$(B)/librkat.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

LIBS_ALL = $(L_SQLITE) $(L_JQ) $(L_SODIUM) $(L_SECCOMP) $(L_ONIG) $(L_CURL) $(L_CBOR) -lm
$(B)/bin/rkat: LIBS =
$(B)/bin/rkat-session: LIBS = $(L_SQLITE) $(L_JQ) $(L_SODIUM) $(L_ONIG) -lm
$(B)/bin/rkat-comms: LIBS = $(L_SQLITE) $(L_JQ) $(L_SODIUM) $(L_CBOR) -lm
$(B)/bin/rkat-config: LIBS = $(L_SQLITE) $(L_JQ) $(L_SODIUM) -lm
$(B)/bin/rkat-turn: LIBS = $(LIBS_ALL)
$(B)/bin/rkat-sim: LIBS = $(L_JQ) $(L_EVENT) $(L_CURL) -lm
$(B)/bin/rkat-serve: LIBS = $(L_SQLITE) $(L_JQ) $(L_SODIUM) $(L_CBOR) $(L_EVENT) -lm
$(B)/bin/rkat-peerd: LIBS = $(L_SQLITE) $(L_JQ) $(L_SODIUM) $(L_EVENT) $(L_CBOR) -lm

$(LINKS): $(B)/bin/rkat-serve
	ln -sf rkat-serve $@

$(B)/bin/rkat: $(B)/cmd/rkat.o
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(CFLAGS) -o $@ $^

define COMMAND
$(B)/bin/rkat-$(1): $(patsubst %.c,$(B)/%.o,$(wildcard cmd/$(1).c cmd/$(1)/*.c)) $(B)/librkat.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) $$(CFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach c,$(CMD_NAMES),$(eval $(call COMMAND,$(c))))

$(B)/t/%: $(B)/t/unit/%.o $(B)/librkat.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBS_ALL) $(L_EVENT)
$(B)/t/bench/%: $(B)/t/bench/%.o $(B)/librkat.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBS_ALL) $(L_EVENT)
$(B)/t/tool/%: $(B)/t/tool/%.o $(B)/librkat.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(CFLAGS) -o $@ $^ $(LIBS_ALL)
$(B)/t/spy.so: t/tool/spy.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl
.SECONDARY:

# ---- set-up: what a bare Debian 12 lacks is installed by name ----

SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
define NEED
@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
if [ -n "$$missing" ]; then \
	echo "installing:" $$missing; \
	$(SUDO) apt-get update -q >/dev/null; \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing >/dev/null || exit 1; \
fi
endef
.PHONY: deps test-deps check-deps
deps:
	$(call NEED,$(DEBS))
test-deps: deps
	$(call NEED,$(TEST_DEBS))
check-deps: test-deps
	$(call NEED,$(CHECK_DEBS))

# ---- the main job, in one command, without a key or a network ----

.PHONY: run
run: deps
	@$(MAKE) --no-print-directory -s all
	@PATH="$(abspath $(B))/bin:$$PATH" sh examples/tour.sh

# ---- tests ----

.PHONY: units benches test quick check lint asan valgrind bench soak
units: all $(UNITS) $(TOOLS)
benches: all $(BENCHES)

# Everything but the long ones, the unit tests under ASan and UBSan as well; the last
# line is `N passed, N failed`.
SAN_UNITS = $(MAKE) --no-print-directory -s -j2 B=build/asan CFLAGS='-O1 -g $(SAN)' LDFLAGS='$(SAN)' units
test: test-deps
	@$(MAKE) --no-print-directory -s -j2 units
	@$(SAN_UNITS)
	@B="$(abspath $(B))" SAN_B="$(abspath build/asan)" sh t/run
# One suite or more while working: make quick T="t/session.bats"
quick:
	@$(MAKE) --no-print-directory -s -j2 units
	@B="$(abspath $(B))" sh t/run $(T)

check: check-deps lint asan
asan:
	$(SAN_UNITS)
	@B="$(abspath build/asan)" RKAT_SAN=1 sh t/run
lint:
	@B="$(abspath $(B))" sh t/lint
valgrind: units
	@B="$(abspath $(B))" sh t/valgrind
bench: test-deps
	@$(MAKE) --no-print-directory -s -j2 benches
	@B="$(abspath $(B))" sh t/bench/run
soak: check-deps
	@$(MAKE) --no-print-directory -s -j2 units
	@B="$(abspath $(B))" sh t/soak

# ---- install ----

.PHONY: install uninstall clean
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man
SHARE   = $(DESTDIR)$(PREFIX)/share
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
INSTALL_MAN = $(wildcard man/*.[1578])
# Both packages as they are built from: no rests of builds.
SDK_FILES = $(patsubst share/%,%,$(shell find share/python share/node -type f \
	! -path '*/node_modules/*' ! -path '*/dist/*' ! -path '*/build/*' \
	! -path '*/__pycache__/*' ! -path '*.egg-info/*' ! -path '*/.*'))
# A shell looks for completion in a file of the command's name.
COMPLETED = $(shell sed -n 's/^complete -F _rkat_own //p' share/completions/rkat.bash)
install: all
	install -d $(BINDIR) $(SHARE)/rkat $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions
	install -m 755 $(BINS) $(BINDIR)
	for l in $(notdir $(LINKS)); do ln -sf rkat-serve $(BINDIR)/$$l || exit 1; done
	for m in $(INSTALL_MAN); do s=$${m##*.}; install -d $(MANDIR)/man$$s && install -m 644 $$m $(MANDIR)/man$$s || exit 1; done
	for l in $(notdir $(LINKS)); do ln -sf rkat-serve.1 $(MANDIR)/man1/$$l.1 || exit 1; done
	install -m 644 $(wildcard share/*.json) $(SHARE)/rkat
	for f in $(SDK_FILES); do install -D -m 644 share/$$f $(SHARE)/rkat/$$f || exit 1; done
	install -d $(UNITDIR)
	for u in $(wildcard share/systemd/*); do \
		sed 's,@BINDIR@,$(PREFIX)/bin,' $$u > $(UNITDIR)/$${u##*/} && chmod 644 $(UNITDIR)/$${u##*/} || exit 1; \
	done
	install -m 644 share/completions/rkat.bash $(SHARE)/bash-completion/completions/rkat
	for c in $(COMPLETED); do ln -sf rkat $(SHARE)/bash-completion/completions/$$c || exit 1; done
	install -m 644 share/completions/_rkat $(SHARE)/zsh/site-functions/_rkat
uninstall:
	for b in $(notdir $(BINS) $(LINKS)); do rm -f $(BINDIR)/$$b; done
	for m in $(INSTALL_MAN); do rm -f $(MANDIR)/man$${m##*.}/$${m#man/}; done
	rm -f $(patsubst %,$(MANDIR)/man1/%.1,$(notdir $(LINKS)))
	rm -rf $(SHARE)/rkat
	for u in $(notdir $(wildcard share/systemd/*)); do rm -f $(UNITDIR)/$$u; done
	rm -f $(patsubst %,$(SHARE)/bash-completion/completions/%,rkat $(COMPLETED)) $(SHARE)/zsh/site-functions/_rkat
	cd $(DESTDIR)$(PREFIX) && rmdir -p --ignore-fail-on-non-empty bin share/man/man[1578] \
		share/bash-completion/completions share/zsh/site-functions lib/systemd/system 2>/dev/null || :
clean:
	rm -rf $(B)

-include $(LIB_O:.o=.d) $(CMD_C:%.c=$(B)/%.d) $(UNIT_C:%.c=$(B)/%.d) $(BENCH_C:%.c=$(B)/%.d)
