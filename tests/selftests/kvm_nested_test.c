// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that runs a guest. With page tables of its own for it (nested paging) KVM
 * needs shadow page tables, which a VM that is bound cannot have; without, it does not.
 */
#include "kvm_bound.h"

#include <assert.h>

#define VMCB_GPA	SYS_FREE_GPA
#define HSAVE_GPA	(SYS_FREE_GPA + PG)
#define MSR_HSAVE	0xc0010117
#define EFER_SVME	0x1000

struct segment {
	__u16 selector;
	__u16 attrib;
	__u32 limit;
	__u64 base;
};

/* What of AMD's control block is not 0 here. */
struct vmcb {
	__u32 intercepts[6];	/* of which [4] has VMRUN */
	char pad1[0x58 - 0x18];
	__u32 asid;
	char pad2[0x90 - 0x5c];
	__u64 nested_ctl;
	char pad3[0xb0 - 0x98];
	__u64 nested_cr3;
	char pad4[0x400 - 0xb8];
	struct segment es, cs, ss, ds;
	char pad5[0x4d0 - 0x440];
	__u64 efer;
	char pad6[0x548 - 0x4d8];
	__u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	char pad7[0x5d8 - 0x580];
	__u64 rsp;
	char pad8[0x668 - 0x5e0];
	__u64 pat;
};

/* The inner guest is as the outer one, and ends at once, by the port. */
static void fill_vmcb(struct vmcb *vmcb, bool nested_paging)
{
	*vmcb = (struct vmcb) {
		.intercepts = { [4] = 1 },
		.asid = 1,
		.nested_ctl = nested_paging,
		.nested_cr3 = nested_paging ? PML4_GPA : 0,
		.cs = { .selector = 8, .attrib = 0xa9b, .limit = ~0U },
		.ds = { .selector = 16, .attrib = 0xc93, .limit = ~0U },
		.efer = EFER_SVME | 0x500,
		.cr4 = 0x20, .cr3 = PML4_GPA, .cr0 = 0x80000031,
		.dr7 = 0x400, .dr6 = 0xffff0ff0, .rflags = 2,
		.rip = op_gpa(op_read), .rsp = STACK_GPA + PG,
		.pat = 0x0007040600070406,
	};
	vmcb->es = vmcb->ds;
	vmcb->ss = vmcb->ds;
}

/* What KVM_RUN says of it. */
static int run_a_guest(struct vcpu *vcpu, unsigned char *sys, bool nested_paging)
{
	struct kvm_sregs sregs;
	struct met met = {};
	int err;

	static_assert(offsetof(struct vmcb, pat) == 0x668, "as in the manual");
	fill_vmcb((struct vmcb *)(sys + VMCB_GPA), nested_paging);
	err = as_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	sregs.efer |= EFER_SVME;
	if (!err)
		err = as_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
	if (!err)
		err = guest_wrmsr(vcpu, MSR_HSAVE, HSAVE_GPA);
	return err ? err : guest_op(vcpu, op_vmrun, RAM, 0, VMCB_GPA, 0, &met);
}

FIXTURE(nested)
{
	struct bound b;
};

FIXTURE_SETUP(nested)
{
	ASSERT_STREQ("", bound_open(&self->b, 2));
	*word_of(self->b.mem, 0) = 1000;
	*word_of(self->b.spare, 0) = 2000;
}

FIXTURE_TEARDOWN(nested)
{
	vm_close(&self->b.vm);
	EXPECT_EQ(0, as_bindings(self->b.as));
	bound_close(&self->b);
}

TEST_F(nested, refused_while_bound)
{
	struct bound *b = &self->b;
	struct virt_as_entry list[2] = {
		as_remove(RAM, RAM_PAGES * PG), as_ram(RAM, RAM_PAGES * PG, b->spare),
	};
	struct vcpu *other = &b->vm.vcpus[1];

	EXPECT_EQ(-EOPNOTSUPP, run_a_guest(b->vcpu, b->sys, true));
	EXPECT_EQ(-EOPNOTSUPP, as_ioctl(b->vcpu->fd, KVM_RUN, 0));
	/* To all others it does not matter. */
	EXPECT_EQ(1000, guest_read(other, RAM));
	EXPECT_EQ(0, as_change(b->as, list, 2));
	EXPECT_EQ(2000, guest_read(other, RAM));
	EXPECT_EQ(-EOPNOTSUPP, as_ioctl(b->vcpu->fd, KVM_RUN, 0));
	EXPECT_EQ(0, kvm_unbind(b->vm.fd));
	EXPECT_EQ(0, kvm_bind(b->vm.fd, b->as));
	EXPECT_EQ(2000, guest_read(other, RAM));
}

TEST_F(nested, without_nested_paging)
{
	struct bound *b = &self->b;

	EXPECT_EQ(0, run_a_guest(b->vcpu, b->sys, false));
	EXPECT_EQ(1, kvm_stat(b->vcpu->fd, "guest_mode"));
	EXPECT_EQ(1000, guest_read(&b->vm.vcpus[1], RAM));
}

/* A VM that has shadow page tables cannot be bound any more. */
TEST_F(nested, too_late_to_bind)
{
	struct bound *b = &self->b;
	int vm = b->vm.fd;

	ASSERT_EQ(0, kvm_unbind(vm));
	ASSERT_EQ(0, vm_slot(vm, 0, 0, 0, SYS_LEN, b->sys));
	EXPECT_EQ(0, run_a_guest(b->vcpu, b->sys, true));
	ASSERT_EQ(0, vm_slot(vm, 0, 0, 0, 0, NULL));
	EXPECT_EQ(-EOPNOTSUPP, kvm_bind(vm, b->as));
	EXPECT_EQ(0, as_bindings(b->as));
	/* It may have slots as before. */
	ASSERT_EQ(0, vm_slot(vm, 0, 0, 0, SYS_LEN, b->sys));
	ASSERT_EQ(0, vm_slot(vm, 1, 0, RAM, PG, b->mem));
	EXPECT_EQ(1000, guest_read(&b->vm.vcpus[1], RAM));
}

TEST_HARNESS_MAIN
