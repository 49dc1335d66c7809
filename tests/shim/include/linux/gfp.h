/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_GFP_H
#define _SHIM_LINUX_GFP_H

#define __GFP_ZERO		(1U << 0)
#define __GFP_NOWARN		(1U << 1)
#define __GFP_ACCOUNT		(1U << 2)
#define GFP_KERNEL		(1U << 3)
#define GFP_ATOMIC		(1U << 4)
#define GFP_NOWAIT		(1U << 5)
#define GFP_KERNEL_ACCOUNT	(GFP_KERNEL | __GFP_ACCOUNT)

#endif
