# SPDX-License-Identifier: GPL-2.0-only
# `make help` lists the targets. Quiet; V=1 shows the commands.
VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
CLANG_FORMAT ?= clang-format
PKG_CONFIG ?= pkg-config
# Not whatever is first in PATH: pytest and scapy come with the distribution's own.
PYTHON ?= /usr/bin/python3
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
UNITS ?= $(PREFIX)/lib/systemd/system
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
BUILD ?= build

# An ordinary user's PATH may lack /usr/sbin. On Ubuntu the program there may be a script that finds only the running
# kernel's bpftool, while a machine in a container has another's: take the first that runs.
BPFTOOL := $(or $(BPFTOOL),$(shell PATH="$$PATH:/usr/sbin:/sbin"; \
	for tool in bpftool /usr/lib/linux-tools/*/bpftool; do \
		"$$tool" version >/dev/null 2>&1 && command -v "$$tool" && break; \
	done))

# From libbpf 1.0 on every function tells an error by its return value, and SEC("xdp.frags") is known.
LIBRARIES := libbpf >= 1.0 libxdp libelf zlib libmnl jansson inih ncursesw libnftables libpcap
LIBRARY_CFLAGS := $(shell $(PKG_CONFIG) --cflags '$(LIBRARIES)' 2>/dev/null)
LIBRARY_LIBS := $(shell $(PKG_CONFIG) --libs '$(LIBRARIES)' 2>/dev/null)

WARNINGS := -Wall -Wextra $(WERROR)
# -iquote and not -I: with -I include/features.h would stand in for the C library's <features.h>.
LOADER_FLAGS := -std=gnu11 $(WARNINGS) -iquote include -iquote $(BUILD) $(LIBRARY_CFLAGS)
# v2 has the comparisons that v1 lacks, and every kernel since 4.14 loads it. v3 adds 32-bit arithmetic, whose bounds
# the verifier of 5.10 follows less well than today's, so that what passes here might be refused there; and with v2
# clang refuses atomics that return a value, which need 5.12. Said here because a later compiler's default is v3.
BPF_FLAGS := -target bpf -mcpu=v2 -O2 -g -std=gnu11 $(WARNINGS) -iquote include -iquote vmlinux $(LIBRARY_CFLAGS)

LOADER_OBJECTS := $(patsubst loader/%.c,$(BUILD)/loader/%.o,$(wildcard loader/*.c))
BPF_OBJECTS := $(patsubst bpf/%,$(BUILD)/%,$(patsubst %.c,%.o,$(wildcard bpf/*.bpf.c)))
SKELETONS := $(BPF_OBJECTS:.bpf.o=.skel.h)

Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-8s %s\n' $(1) $@)

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SECONDARY: $(SKELETONS)

all: $(BUILD)/ipipbpf $(BPF_OBJECTS) ## build build/ipipbpf and the BPF objects (default)

# Names everything that is missing at once, before the first compiler fails on it.
# $(call tool,COMMAND,PACKAGE), $(call library,MODULE,PACKAGE): PACKAGE, where it is missing.
tool = $(if $(shell command -v '$(1)' 2>/dev/null),,$(2))
library = $(shell $(PKG_CONFIG) --exists '$(1)' 2>/dev/null || echo $(2))
missing = $(strip $(call tool,$(firstword $(CC)),gcc) $(call tool,$(firstword $(CLANG)),clang) \
	$(call tool,$(LLVM_STRIP),llvm) $(call tool,$(BPFTOOL),bpftool) $(call tool,$(PKG_CONFIG),pkg-config) \
	$(call library,libbpf >= 1.0,libbpf-dev) $(call library,libxdp,libxdp-dev) $(call library,libelf,libelf-dev) \
	$(call library,zlib,zlib1g-dev) $(call library,libmnl,libmnl-dev) $(call library,jansson,libjansson-dev) \
	$(call library,inih,libinih-dev) $(call library,ncursesw,libncurses-dev) $(call library,libpcap,libpcap-dev) \
	$(call library,libnftables,libnftables-dev))
tools:
	$(if $(missing),$(error missing to build: $(missing)$(if $(filter libbpf-dev,$(missing)), (1.0 or later)). \
		As root: tests/install-packages build))
	@:

$(BUILD)/ipipbpf: $(LOADER_OBJECTS)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBRARY_LIBS) $(LDLIBS)

$(BUILD)/loader/%.o: loader/%.c Makefile | $(SKELETONS) $(BUILD)/version.h tools
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(LOADER_FLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.bpf.o: bpf/%.bpf.c Makefile | tools
	@mkdir -p $(@D)
	$(call say,BPF)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@ # the debugger's part; BTF stays

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@

# In a tree that has no .git of its own the commit of some repository around it would be wrong.
COMMIT = $(or $(shell [ -e .git ] && git rev-parse --short=12 HEAD 2>/dev/null),unknown)
define VERSION_H
#define IPIPBPF_VERSION "$(VERSION)"
#define IPIPBPF_COMMIT "$(COMMIT)"
endef
export VERSION_H

$(BUILD)/version.h: always
	@mkdir -p $(@D)
	@echo "$$VERSION_H" | cmp -s - $@ || echo "$$VERSION_H" >$@

-include $(LOADER_OBJECTS:.o=.d) $(BPF_OBJECTS:.o=.d)

sanitized: ## build build/sanitized/ipipbpf with ASan and UBSan
	@echo 'int main(void) { return 0; }' | $(CLANG) -fsanitize=address,undefined -x c -o /dev/null - 2>/dev/null || \
		{ echo "missing: clang's sanitizers. As root: tests/install-packages check" >&2; exit 1; }
	@$(MAKE) BUILD=build/sanitized WERROR=-Werror CC='$(CLANG)' build/sanitized/ipipbpf \
		CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'

# What is installed, below DESTDIR.
INSTALLED := $(PREFIX)/sbin/ipipbpf $(PREFIX)/share/man/man8/ipipbpf.8 $(PREFIX)/share/man/man5/ipipbpf.conf.5 \
	$(COMPLETIONS)/ipipbpf $(UNITS)/ipipbpf@.service $(PREFIX)/libexec/ipipbpf/if-up

install: all ## install below PREFIX (/usr/local), under DESTDIR
	install -d $(patsubst %,'$(DESTDIR)%',$(sort $(dir $(INSTALLED))))
	install -m 0755 $(BUILD)/ipipbpf '$(DESTDIR)$(PREFIX)/sbin/ipipbpf'
	install -m 0644 man/ipipbpf.8 '$(DESTDIR)$(PREFIX)/share/man/man8/ipipbpf.8'
	install -m 0644 man/ipipbpf.conf.5 '$(DESTDIR)$(PREFIX)/share/man/man5/ipipbpf.conf.5'
	install -m 0644 completion/ipipbpf '$(DESTDIR)$(COMPLETIONS)/ipipbpf'
	sed 's|@sbindir@|$(PREFIX)/sbin|' systemd/ipipbpf@.service.in | \
		install -m 0644 /dev/stdin '$(DESTDIR)$(UNITS)/ipipbpf@.service'
	install -m 0755 systemd/if-up '$(DESTDIR)$(PREFIX)/libexec/ipipbpf/if-up'

uninstall: ## take away what install put there
	rm -f $(INSTALLED:%='$(DESTDIR)%')

# In a copy of the tree, since a package's parts land beside it and its build leaves files in debian/.
deb: ## build build/deb/ipipbpf_*.deb, for the Debian that this is
	@tests/install-packages build deb
	@rm -rf build/deb
	@mkdir -p build/deb/ipipbpf
	@tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ . | tar -x -C build/deb/ipipbpf
	@cd build/deb/ipipbpf && DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc -b >../log 2>&1 || \
		{ tail -n 30 ../log; exit 1; }
	@ls build/deb/*.deb

clean: ## delete build/
	rm -rf build

root:
	@[ "$$(id -u)" = 0 ] || { echo "make $(MAKECMDGOALS) needs root: sudo make $(MAKECMDGOALS)" >&2; exit 1; }

demo: root ## as root: a tunnel between two hosts in network namespaces, shown as it goes
	@tests/install-packages build demo
	@$(MAKE) all
	@tests/demo

bench: root ## as root: measure the speed, next to that of other tunnels: tables, JSON and charts
	@tests/install-packages build bench vm
	@$(MAKE) all
	@tests/bench/run

fuzz: root ## as root: fuzz the programs and the loader's parsers for a minute
	@tests/install-packages build check
	@$(MAKE) all
	@tests/fuzz/run

mutants: root ## as root: plant bugs in bpf/ and see that the tests name them
	@tests/install-packages build check
	@$(MAKE) all
	@tests/mutants/run

# Each build with -Werror has a directory of its own, so that no object of an earlier `make` hides a warning.
# pytest's last line is to be the last: on SIGQUIT make leaves with status 1 and no word of its own. A file's tests share
# what they set up, and stay together.
check: root ## as root: all tests; the last line is `N passed, N failed, N skipped`
	@tests/install-packages build demo check deb vm
	@$(MAKE) BUILD=build/werror WERROR=-Werror all
	@$(MAKE) sanitized
	@$(MAKE) all
	@$(MAKE) check-layers
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -p no:cacheprovider -n auto --maxprocesses 4 --dist loadfile tests || \
		kill -QUIT $$PPID

check-deb: root ## as root: what `make install` and `make deb` put on a system; `make check` does it too
	@tests/install-packages build check deb
	@$(MAKE) all
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -p no:cacheprovider tests/test_package.py || kill -QUIT $$PPID

check-vm: root ## as root: a part of the tests on Linux 5.10, 6.1, 6.12 and the newest, in virtual machines
	@tests/install-packages build vm
	@$(MAKE) all
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/vm/check || kill -QUIT $$PPID

conformance: root ## as root: probe Linux's ipip and ipipbpf in a virtual machine, and write tests/conformance.md
	@tests/install-packages build vm
	@$(MAKE) all
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/conformance/matrix

check-conformance: root ## as root: the same again, and see that tests/conformance.md says what was seen
	@tests/install-packages build vm
	@$(MAKE) all
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/conformance/matrix --check

# $(call crossings,DIR,OTHERS): the lines in DIR that include a header of OTHERS, or climb out of DIR.
space := $(subst ,, )
headers_of = $(notdir $(wildcard $(addsuffix /*.[ch],$(1))))
foreign = $(subst .,\.,$(subst $(space),|,$(strip $(filter-out $(call headers_of,$(1)),$(call headers_of,$(2))))))
below = (($(subst $(space),|,$(2)))/)?($(call foreign,$(1),$(2)))
crossings = grep -rnE '^[[:space:]]*\#[[:space:]]*include[[:space:]]*["<](.*\.\./.*|$(call below,$(1),$(2)))[">]' $(1)

check-layers: ## see that bpf/ and loader/ meet only in include/
	@if { $(call crossings,bpf,loader); $(call crossings,loader,bpf vmlinux); \
	      $(call crossings,include,bpf loader vmlinux); } >&2; then \
		echo "check-layers: bpf/ and loader/ meet only in include/, which includes neither: see the lines above" >&2; \
		exit 1; \
	fi

check-format: ## name what clang-format would write otherwise
	@$(CLANG_FORMAT) --dry-run --Werror bpf/*.[ch] include/*.h loader/*.[ch]

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 20

.PHONY: all always bench check check-conformance check-deb check-format check-layers check-vm clean conformance deb demo \
	fuzz help install mutants root sanitized tools uninstall
