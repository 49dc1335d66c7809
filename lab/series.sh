# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by those who lay this project over a kernel source. The series is
# patches/*.patch in order of their names. Each has a message, lines
#
#	Adds: PATTERN [FOLDER [as NAME]]
#
# that name files of this tree, which go to the same place in Linux or to
# FOLDER of it, one of them perhaps under another name; and after "---" the
# changes to Linux's own files.

set -euo pipefail

series() { printf '%s\n' "$ROOT"/patches/*.patch; }

# adds PATCH: a line for each file, its name here and its name in Linux.
adds() {
	local pattern folder name file
	while read -r pattern folder _ name; do
		(cd "$ROOT" && compgen -G "$pattern") | LC_ALL=C sort |
			while read -r file; do
				echo "$file ${folder:-${file%/*}}/${name:-${file##*/}}"
			done || die "$1: no file is called $pattern"
	done < <(sed -n '/^---$/q; s/^Adds: //p' "$1")
}

# changed PATCH: Linux's own files that it changes.
changed() { sed -n 's,^+++ b/,,p' "$1"; }

# lay PATCH TREE: its files, unless they are there and the same, and its changes.
lay_files() {
	local here there
	adds "$1" | while read -r here there; do
		cmp -s "$ROOT/$here" "$2/$there" ||
			install -D -m 644 "$ROOT/$here" "$2/$there"
	done
}
lay_changes() {
	[[ -z $(changed "$1") ]] || sed '1,/^---$/d' "$1" |
		patch -s -f -p1 -d "$2" --no-backup-if-mismatch -F0 ||
		die "$1 does not apply to $2"
}
