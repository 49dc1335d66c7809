# SPDX-License-Identifier: GPL-2.0-only
#
# What there is to do here; "make help" lists it. The work is done by lab/,
# which lab/README.md describes. The modules are built by Kbuild from a staging
# copy, so that the source tree stays clean.

MAKEFLAGS += --no-print-directory

export VIRT_AS_BUILD ?= $(CURDIR)/build

all: deps
	@lab/build

help:
	@sed -n 's/^# *\(make .*\)/\1/p' $(firstword $(MAKEFILE_LIST))

# make                      the modules and the user programs
# make demo                 from nothing to a running demonstration
# make test                 lint, shim, kunit, stock, debug, guard, fast mutants
# make lint                 the linters
# make shim                 the core in user space: sanitizers, 60 s of fuzz
# make fuzz FUZZ_SECONDS=n  the fuzzers alone, for longer
# make kunit                KUnit suites on UML
# make stock                Debian's kernel in QEMU with the modules
# make debug                the overlay kernel that finds races and leaks
# make kcsan                the one that finds data races
# make bench                instructions of each operation, beside its peers
# make plots                what bench found, as figures and tables of the pages
# make mutants [MUTANT=x]   planted bugs: each must be found
# make nightly SHARD=k/n    what takes too long for every commit
# make overlay [KERNEL=x]   Debian's source with this tree in it; builds kernel x
# make series               the overlay as patches for git am, in build/series
# make install [PREFIX=x]   library, tool, headers, man pages; the module if it is built
# make headers_install      the header of the user-space interface alone
# make dkms [DESTDIR=x]     DKMS builds the module, and again for later kernels
# make dkms-test            a Debian that does so, in QEMU (nightly)
# make shell                a prompt in a machine that has everything loaded
# make deps                 the packages all of this needs
# make clean                delete build/, except downloads
demo test lint shim kunit stock debug kcsan bench plots series shell: deps
	@lab/$@

overlay: deps
	@lab/kernel $(or $(KERNEL),debug)

install headers_install:
	@$(MAKE) -C packaging BUILD=$(VIRT_AS_BUILD) $@

dkms:
	@packaging/dkms/install

dkms-test: deps
	@lab/dkms

fuzz: deps
	@lab/shim --fuzz $(or $(FUZZ_SECONDS),600)

mutants: deps
	@lab/mutants $(if $(MUTANT),--name $(MUTANT))

nightly: deps
	@lab/nightly $(or $(SHARD),1/1)

deps:
	@lab/deps

clean:
	@lab/clean

.PHONY: all help install headers_install dkms dkms-test demo test lint shim kunit stock debug kcsan bench plots shell overlay series fuzz mutants nightly deps clean
