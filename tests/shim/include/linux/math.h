/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_MATH_H
#define _SHIM_LINUX_MATH_H

/* For powers of two. */
#define round_down(x, y)	((x) & ~((__typeof__(x))((y) - 1)))

#endif
