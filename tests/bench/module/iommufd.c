// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd_access_rw(), which has four ways. With the memory of the caller it
 * copies; in a kernel thread that says so it takes on the mm and copies; anybody
 * else gets at one page by pinning it, and at several, slowly, through the
 * machinery that fills page tables of devices.
 */
#include <linux/iommufd.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "bench.h"

/**
 * struct vab_iommufd - access to a map of iommufd
 * @ctx: the open /dev/iommu
 * @access: the access
 */
struct vab_iommufd {
	struct iommufd_ctx *ctx;
	struct iommufd_access *access;
};

/* Nothing is pinned between two calls. */
static void unmapped(void *data, unsigned long iova, unsigned long length)
{
}

static const struct iommufd_access_ops access_ops = { .unmap = unmapped };

int vab_iommufd_open(struct vab_guest *g)
{
	struct vab_iommufd *o = kzalloc(sizeof(*o), GFP_KERNEL);
	int err;
	u32 id;

	if (!o)
		return -ENOMEM;
	o->ctx = iommufd_ctx_from_fd(g->arg.iommu);
	if (IS_ERR(o->ctx)) {
		err = PTR_ERR(o->ctx);
		goto free;
	}
	o->access = iommufd_access_create(o->ctx, &access_ops, o, &id);
	if (IS_ERR(o->access)) {
		err = PTR_ERR(o->access);
		goto put;
	}
	err = iommufd_access_attach(o->access, g->arg.ioas);
	if (err)
		goto destroy;
	g->iommufd = o;
	return 0;

destroy:
	iommufd_access_destroy(o->access);
put:
	iommufd_ctx_put(o->ctx);
free:
	kfree(o);
	return err;
}

void vab_iommufd_close(struct vab_guest *g)
{
	if (!g->iommufd)
		return;
	iommufd_access_destroy(g->iommufd->access);
	iommufd_ctx_put(g->iommufd->ctx);
	kfree(g->iommufd);
	g->iommufd = NULL;
}

static __always_inline int rw(struct vab_guest *g, u64 gpa, unsigned int flags)
{
	return iommufd_access_rw(g->iommufd->access, gpa, g->buf, VAB_LEN, flags);
}

VAB_LOOP(copy_to, rw(g, gpa, IOMMUFD_ACCESS_RW_WRITE))
VAB_LOOP(copy_from, rw(g, gpa, IOMMUFD_ACCESS_RW_READ))
VAB_LOOP(thread_to, rw(g, gpa, IOMMUFD_ACCESS_RW_WRITE | IOMMUFD_ACCESS_RW_KTHREAD))
VAB_LOOP(thread_from, rw(g, gpa, IOMMUFD_ACCESS_RW_READ | IOMMUFD_ACCESS_RW_KTHREAD))

const struct vab_op vab_iommufd_ops[] = {
	{ "iommufd_access_rw, write", VAB_ANYWHERE, VAB_WRITES, .loop = copy_to },
	{ "iommufd_access_rw, read", VAB_ANYWHERE, VAB_READS, .loop = copy_from },
	{ "iommufd_access_rw, write, kthread", VAB_IN_THREAD, VAB_WRITES,
	  .loop = thread_to },
	{ "iommufd_access_rw, read, kthread", VAB_IN_THREAD, VAB_READS,
	  .loop = thread_from },
	{}
};

MODULE_IMPORT_NS(IOMMUFD);
