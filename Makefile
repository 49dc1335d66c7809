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
# make test                 lint, shim, stock and the fast mutants
# make lint                 the linters
# make shim                 the core in user space: sanitizers, 60 s of fuzz
# make fuzz FUZZ_SECONDS=n  the fuzzers alone, for longer
# make stock                Debian's kernel in QEMU with the modules
# make mutants [MUTANT=x]   planted bugs: each must be found
# make nightly SHARD=k/n    what takes too long for every commit
# make shell                a prompt in a machine that has everything loaded
# make deps                 the packages all of this needs
# make clean                delete build/, except downloads
demo test lint shim stock shell: deps
	@lab/$@

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

.PHONY: all help demo test lint shim stock shell fuzz mutants nightly deps clean
