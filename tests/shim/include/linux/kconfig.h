/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: forced into every file, as kbuild does. */
#ifndef _SHIM_LINUX_KCONFIG_H
#define _SHIM_LINUX_KCONFIG_H

#define CONFIG_64BIT		1
#define CONFIG_VIRT_AS		1
#define CONFIG_X86		1

#define IS_ENABLED(option)	(option)
#define IS_BUILTIN(option)	(option)

#endif
