/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MM_VIRT_AS_GRACE_H
#define _MM_VIRT_AS_GRACE_H

#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct virt_as;

/**
 * struct virt_as_grace - waiting for the sections of an address space
 * @srcu: whose readers they are
 * @work: waits quickly
 * @rcu: waits in the background
 * @over: called when all sections have ended that were open at virt_as_grace_start()
 *	and from which on it may be called again; @may_sleep tells whether it may
 */
struct virt_as_grace {
	struct srcu_struct *srcu;
	struct work_struct work;
	struct rcu_head rcu;
	void (*over)(struct virt_as_grace *grace, bool may_sleep);
};

int virt_as_grace_init(void);
void virt_as_grace_exit(void);

void virt_as_grace_setup(struct virt_as_grace *grace, struct srcu_struct *srcu,
			 void (*over)(struct virt_as_grace *grace, bool may_sleep));
void virt_as_grace_start(struct virt_as_grace *grace);
void virt_as_grace_finish(struct virt_as_grace *grace);

void virt_as_setup_sync(struct virt_as *as);
void virt_as_finish_sync(struct virt_as *as);
int virt_as_sync_sections(struct virt_as *as);

#endif /* _MM_VIRT_AS_GRACE_H */
