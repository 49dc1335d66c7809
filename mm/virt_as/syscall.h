/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_SYSCALL_H
#define _MM_VIRT_AS_SYSCALL_H

#if defined(CONFIG_X86_64) && !defined(MODULE)
void virt_as_syscall_init(void);
#else
static inline void virt_as_syscall_init(void)
{
}
#endif

#endif /* _MM_VIRT_AS_SYSCALL_H */
