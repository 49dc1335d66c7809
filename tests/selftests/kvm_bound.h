/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that is bound: with its own pages as a device at gpa 0, so that no log has
 * them, and memory at RAM.
 */
#ifndef VIRT_AS_SELFTESTS_KVM_BOUND_H
#define VIRT_AS_SELFTESTS_KVM_BOUND_H

#include "kvm_guest.h"

#define RAM		AT(0x100)
#define RAM_PAGES	64

struct bound {
	struct vm vm;
	struct vcpu *vcpu;	/* the first one */
	int as;
	unsigned char *sys;
	unsigned char *mem;	/* RAM_PAGES, at RAM */
	unsigned char *spare;	/* as many, nowhere */
};

/* Answers "" or what is wrong. */
static inline const char *bound_open(struct bound *b, int vcpus)
{
	struct virt_as_entry map[2];

	*b = (struct bound) { .as = as_create() };
	b->sys = guest_pages();
	b->mem = shared_alloc(RAM_PAGES * PG);
	b->spare = shared_alloc(RAM_PAGES * PG);
	if (b->as < 0 || !b->sys || !b->mem || !b->spare)
		return "nothing to begin with";
	map[0] = sys_region(b->sys);
	map[1] = as_ram(RAM, RAM_PAGES * PG, b->mem);
	if (as_replace(b->as, map, 2))
		return "no map";
	if (guest_open(&b->vm, vcpus))
		return "no guest";
	b->vcpu = &b->vm.vcpus[0];
	return kvm_bind(b->vm.fd, b->as) ? "the VM cannot be bound" : "";
}

/* Whatever of it is still open. */
static inline void bound_close(struct bound *b)
{
	vm_close(&b->vm);
	if (b->as >= 0)
		close(b->as);
}

/* The first 8 bytes of a page. */
static inline __u64 *word_of(unsigned char *mem, __u64 page)
{
	return (__u64 *)(mem + page * PG);
}

/* Of memory that a vCPU is writing to. */
static inline __u64 word_now(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

#endif /* VIRT_AS_SELFTESTS_KVM_BOUND_H */
