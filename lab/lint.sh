# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by the linters: what they share.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kernel
cd "$ROOT"

c_files() { files | grep -E '\.[ch]$'; }
kernel_files() { files | grep -E '^(mm|virt|include|kunit|samples/virt_as|tests/modules|tests/bench/module)/.*\.[ch]$'; }
uapi_files() { files | grep -E '^include/uapi/.*\.h$'; }

# Files with a first line that names a shell, and those that such files source.
shell_files() {
	files | while read -r file; do
		if [[ $file == *.sh ]] || head -c 64 "$file" | head -n 1 |
			grep -aqE '^#!(/usr/bin/env |/bin/)(bash|sh)'; then
			echo "$file"
		fi
	done
}

checked() { printf 'checked %d %s\n' "$1" "$2"; }
