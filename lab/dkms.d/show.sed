# SPDX-License-Identifier: GPL-2.0-only
#
# What the machine of lab/dkms tells, as it comes. DKMS looks into a vmlinux that
# in Debian's headers is empty but for types, and readelf wonders.
/^| readelf: Warning: Section .\.comment/d
s/^begin /  /p
s/^| /        /p
s/^end [^ ]* \(.*\) \([0-9]*\)$/        \1, \2 ms/p
/^check .* bad /p
/^dmesg /p
