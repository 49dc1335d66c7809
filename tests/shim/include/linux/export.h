/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_EXPORT_H
#define _SHIM_LINUX_EXPORT_H

#define SHIM_EXPORTED(sym, ...)	extern int shim_exported_##sym
#define EXPORT_SYMBOL		SHIM_EXPORTED
#define EXPORT_SYMBOL_GPL	SHIM_EXPORTED
#define EXPORT_SYMBOL_NS_GPL	SHIM_EXPORTED

#endif
