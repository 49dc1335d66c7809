/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_MMU_CONTEXT_H
#define _SHIM_LINUX_MMU_CONTEXT_H

#include <linux/mm_types.h>

#endif
