# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# Sourced by every script of the lab: where things are, how a script speaks,
# and how it records a result.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(realpath -m "${VIRT_AS_BUILD:-$ROOT/build}")
CACHE=$BUILD/cache
RESULTS=$BUILD/results
KSERIES=6.12

say() { printf '%s\n' "lab: $*" >&2; }
die() { say "$*"; exit 1; }

[[ $ROOT$BUILD != *[[:space:]]* ]] ||
	die "kbuild cannot build modules below a path that contains a space: $ROOT"

mkdir -p "$CACHE" "$RESULTS"

# What the caller's make was told is not meant for the makes of kernels.
unset MAKEFLAGS MFLAGS MAKELEVEL

# The kernel is that of the installed headers, never the one that runs.
kernel() {
	local depends
	if [[ -z ${KVER:-} ]]; then
		depends=$(dpkg-query -W -f='${Depends}' "linux-headers-$KSERIES-amd64" 2>/dev/null) ||
			die "linux-headers-$KSERIES-amd64 is not installed; lab/deps installs it"
		KVER=${depends#linux-headers-}
		KVER=${KVER%% *}
	fi
	[[ $KVER == "$KSERIES".* ]] ||
		die "virt_as is built against Linux $KSERIES only, not against $KVER"
	KHEADERS=/usr/src/linux-headers-$KVER
	[[ -f $KHEADERS/Makefile ]] ||
		die "the headers of Linux $KVER are not installed in $KHEADERS"
	KPACKAGE=$(dpkg-query -W -f='${Version}' "linux-headers-$KVER")
	KIMAGE=$CACHE/linux-image-${KVER}_$KPACKAGE
	KGUEST=$CACHE/linux-image-${KVER%-amd64}-cloud-amd64_$KPACKAGE
	KSRC=$CACHE/linux-source-$KPACKAGE
}

# All files of the project, relative to its root, with or without git.
files() {
	(cd "$ROOT" && find . \( -path ./.git -o -path ./build -o -name __pycache__ \) -prune \
		-o -type f -printf '%P\n' | LC_ALL=C sort)
}

# A tier's results: one line for each test, "ok", "not ok" or "skip", the name,
# and after " # " the reason.
results_new() {
	RESULT_FILE=$RESULTS/$1
	: >"$RESULT_FILE"
}
passed() { printf 'ok %s\n' "$1" >>"$RESULT_FILE"; }
failed() { printf 'not ok %s # %s\n' "$1" "${2:-failed}" >>"$RESULT_FILE"; }

# part NAME COMMAND...: what leaves its results in build/results/NAME. If it ends
# badly and has no failed result, that is one.
part() {
	local name=$1 status=0
	shift
	rm -f "$RESULTS/$name"
	"$@" || status=$?
	if ((status)) && ! grep -qs '^not ok ' "$RESULTS/$name"; then
		printf 'not ok %s # ended with status %s\n' "$name" "$status" >>"$RESULTS/$name"
	fi
}

# One build at a time in one build directory. The lock goes with the script.
lock() {
	exec {LOCK_FD}>"$BUILD/.lock"
	flock -n "$LOCK_FD" && return
	say "waiting for another build in $BUILD"
	flock "$LOCK_FD"
}
