// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations of virt_as.
 */
#include <linux/module.h>
#include <linux/uaccess.h>
#include "bench.h"

#define RIGHTS	(VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE)

static const struct virt_as_binding_ops silent_ops = { .owner = THIS_MODULE };

int vab_virt_as_open(struct vab_guest *g)
{
	int err = virt_as_bind_fd(g->arg.as, &g->binding, &silent_ops, RIGHTS);

	g->bound = !err;
	return err;
}

void vab_virt_as_close(struct vab_guest *g)
{
	if (g->bound)
		virt_as_unbind(&g->binding);
	g->bound = false;
}

static int begin(struct vab_guest *g)
{
	memset(&g->cache, 0, sizeof(g->cache));
	return virt_as_begin(&g->binding, &g->section);
}

static void end(struct vab_guest *g)
{
	virt_as_end(&g->section);
}

static __always_inline int translate(struct vab_guest *g, u64 gpa)
{
	int nr = virt_as_translate(&g->section, &g->cache, gpa, VAB_LEN,
				   &g->segment, 1);

	g->found = (unsigned long)g->segment.hva;
	return nr ^ 1;
}

static __always_inline int section(struct vab_guest *g)
{
	int err = virt_as_begin(&g->binding, &g->section);

	if (!err)
		virt_as_end(&g->section);
	return err;
}

static __always_inline int bind_unbind(struct vab_guest *g)
{
	struct virt_as_binding binding;
	int err = virt_as_bind_fd(g->arg.as, &binding, &silent_ops, RIGHTS);

	if (!err)
		virt_as_unbind(&binding);
	return err;
}

VAB_LOOP(copy_to,
	 virt_as_copy_to(&g->section, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN)
VAB_LOOP(copy_from,
	 virt_as_copy_from(&g->section, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN)
VAB_LOOP(lookup, translate(g, gpa))
VAB_LOOP(load16,
	 virt_as_load16(&g->section, &g->cache, gpa, &g->value16, VIRT_AS_RELAXED))
VAB_LOOP(load16_ordered,
	 virt_as_load16(&g->section, &g->cache, gpa, &g->value16, VIRT_AS_ORDERED))
VAB_LOOP(sections, section(g))
VAB_LOOP(single_write,
	 virt_as_write(&g->binding, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN)
VAB_LOOP(single_read,
	 virt_as_read(&g->binding, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN)
VAB_LOOP(bindings, bind_unbind(g))
VAB_LOOPS(section_writes, virt_as_begin(&g->binding, &g->section),
	  virt_as_copy_to(&g->section, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN,
	  virt_as_end(&g->section))
VAB_LOOPS(section_reads, virt_as_begin(&g->binding, &g->section),
	  virt_as_copy_from(&g->section, &g->cache, gpa, g->buf, VAB_LEN) ^ VAB_LEN,
	  virt_as_end(&g->section))

const struct vab_op vab_virt_as_ops[] = {
	{ "virt_as_copy_to", VAB_ANYWHERE, VAB_WRITES,
	  .begin = begin, .loop = copy_to, .end = end },
	{ "virt_as_copy_from", VAB_ANYWHERE, VAB_READS,
	  .begin = begin, .loop = copy_from, .end = end },
	{ "virt_as_translate", VAB_ANYWHERE, VAB_FINDS,
	  .begin = begin, .loop = lookup, .end = end },
	{ "virt_as_load16", VAB_ANYWHERE, VAB_LOADS,
	  .begin = begin, .loop = load16, .end = end },
	{ "virt_as_load16, ordered", VAB_ANYWHERE, VAB_LOADS,
	  .begin = begin, .loop = load16_ordered, .end = end },
	{ "virt_as_begin, virt_as_end", VAB_ANYWHERE, .loop = sections },
	{ "virt_as_write", VAB_ANYWHERE, VAB_WRITES, .loop = single_write },
	{ "virt_as_read", VAB_ANYWHERE, VAB_READS, .loop = single_read },
	{ "virt_as_copy_to, 64 a section", VAB_ANYWHERE, VAB_WRITES,
	  .per = VAB_PER_SECTION, .loop = section_writes },
	{ "virt_as_copy_from, 64 a section", VAB_ANYWHERE, VAB_READS,
	  .per = VAB_PER_SECTION, .loop = section_reads },
	{ "virt_as_bind_fd, virt_as_unbind", VAB_ANYWHERE, .loop = bindings },
	{}
};
