/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that does what a test tells it to, one access at a time. It lives in the
 * first pages of guest memory, which hold its page tables, stacks and code; all else
 * is for the test. Guest virtual addresses are physical ones.
 */
#ifndef VIRT_AS_SELFTESTS_KVM_GUEST_H
#define VIRT_AS_SELFTESTS_KVM_GUEST_H

#include "kvm_vm.h"

/* Pages of the guest's own, from gpa 0 on. */
#define SYS_PAGES	32
#define SYS_LEN		(SYS_PAGES * PG)
#define PML4_GPA	(1 * PG)
#define PDPT_GPA	(2 * PG)
#define STACK_GPA	(3 * PG)	/* one page for all vCPUs */
#define OPS_GPA		(4 * PG)
#define SYS_FREE_GPA	(8 * PG)	/* from here on for a test's own code and data */

/* Where no map has memory: each access ends in user space. */
#define MMIO_GPA	0x70000000ULL

#define PORT_DONE	0x10	/* the guest has nothing more to do */
#define PORT_DATA	0x20	/* string I/O */

#define GUEST_SPACE	(512ULL << 30)	/* what its page tables reach */

/* A number that assembly can use, by its name. */
#define ASM_SET(name, value) \
	({ asm volatile(".set " #name ", %c0" : : "i" (value)); })

/*
 * The operations. rsi is where to read, rdi where to write, rax a value, rcx a count,
 * edx the port of string I/O. To call the function does nothing: the text is elsewhere,
 * and once, however often the compiler repeats it.
 */
static inline void guest_ops_text(void)
{
	ASM_SET(PORT_DONE, PORT_DONE);
	asm volatile(".ifndef guest_ops\n"
		     ".pushsection .rodata\n"
		     "guest_ops:\n"
		     "op_read:	mov (%rsi), %rax\n"
		     "		jmp op_done\n"
		     "op_write:	mov %rax, (%rdi)\n"
		     "		jmp op_done\n"
		     "op_add:	lock addq %rax, (%rdi)\n"
		     "		jmp op_done\n"
		     "op_call:	call *%rsi\n"
		     "		jmp op_done\n"
		     "op_outs:	outsl\n"
		     "		jmp op_done\n"
		     "op_ins:	insl\n"
		     "		jmp op_done\n"
		     "op_movs:	movsl\n"
		     "		jmp op_done\n"
		     "op_movsq:	movsq\n"
		     "		jmp op_done\n"
		     "op_wrmsr:	wrmsr\n"
		     "		jmp op_done\n"
		     "op_vmrun:	vmrun\n"
		     "		jmp op_done\n"
		     "op_pages:	mov %rax, (%rdi)\n"
		     "		add $4096, %rdi\n"
		     "		dec %rcx\n"
		     "		jnz op_pages\n"
		     "		jmp op_done\n"
		     "op_reads:	mov (%rsi), %rdx\n"
		     "		add %rdx, %rax\n"
		     "		add $4096, %rsi\n"
		     "		dec %rcx\n"
		     "		jnz op_reads\n"
		     "		jmp op_done\n"
		     "op_count:	inc %rax\n"
		     "		mov %rax, (%rdi)\n"
		     "		jmp op_count\n"
		     "op_scatter: mov %rdi, %rbx\n"
		     "		mov %rcx, %rdx\n"
		     "1:	inc %rax\n"
		     "		mov %rax, (%rbx)\n"
		     "		add $4096, %rbx\n"
		     "		dec %rdx\n"
		     "		jnz 1b\n"
		     "		jmp op_scatter\n"
		     "op_done:	out %al, $PORT_DONE\n"
		     "		jmp op_done\n"
		     "guest_ops_end:\n"
		     ".popsection\n"
		     ".endif\n");
}

extern const char guest_ops[], guest_ops_end[];
extern const char op_read[];	/* rax = [rsi] */
extern const char op_write[];	/* [rdi] = rax */
extern const char op_add[];	/* [rdi] += rax */
extern const char op_call[];	/* a function at rsi */
extern const char op_outs[];	/* 4 bytes of [rsi] to port edx */
extern const char op_ins[];	/* and back to [rdi] */
extern const char op_movs[];	/* 4 bytes of [rsi] to [rdi] */
extern const char op_movsq[];	/* 8 bytes */
extern const char op_wrmsr[];
extern const char op_vmrun[];	/* with the control block at rax */
extern const char op_pages[];	/* rax to rcx pages from rdi on */
extern const char op_reads[];	/* rax += rcx pages from rsi on */
extern const char op_count[];	/* [rdi] = ++rax for ever */
extern const char op_scatter[];	/* ++rax to each of rcx pages from rdi on, for ever */

/**
 * struct met - what became of an operation outside of the guest
 * @mmio: exits for an access to what is no memory
 * @gpa: of the last one
 * @wrote: it was to write
 * @value: what was written, to there or to PORT_DATA
 * @give: what is read, from there or from PORT_DATA
 * @ports: string I/O
 * @rax: at the end
 */
struct met {
	unsigned int mmio;
	__u64 gpa;
	bool wrote;
	__u64 value;
	__u64 give;
	unsigned int ports;
	__u64 rax;
};

/* Fills the guest's own pages, of which SYS_LEN bytes are at @sys. */
static inline void guest_fill(unsigned char *sys)
{
	__u64 *pml4 = (__u64 *)(sys + PML4_GPA), *pdpt = (__u64 *)(sys + PDPT_GPA);

	/* Accessed and dirty already: the processor has nothing to write there. */
	pml4[0] = PDPT_GPA | 0x23;
	for (__u64 i = 0; i < 512; i++)
		pdpt[i] = i << 30 | 0xe3;
	guest_ops_text();
	memcpy(sys + OPS_GPA, guest_ops, guest_ops_end - guest_ops);
}

static inline __u64 op_gpa(const char *op)
{
	return OPS_GPA + (op - guest_ops);
}

static inline struct kvm_segment flat_segment(__u16 selector, __u8 type, bool code)
{
	return (struct kvm_segment) {
		.limit = ~0U, .selector = selector, .type = type, .present = 1,
		.s = 1, .g = 1, .l = code, .db = !code,
	};
}

/* 64-bit code, with what guest_fill() made; or real mode, as after a reset. */
static inline int vcpu_long_mode(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;
	int err = as_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (err)
		return err;
	sregs.cs = flat_segment(8, 0xb, true);
	sregs.ds = flat_segment(16, 0x3, false);
	sregs.es = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.cr3 = PML4_GPA;
	sregs.cr4 = 0x20;	/* PAE */
	sregs.cr0 = 0x80000031;	/* PG, NE, ET, PE */
	sregs.efer = 0x500;	/* LMA, LME */
	return as_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
}

/* After it has lost its memory, and itself in faults that it cannot handle. */
static inline int vcpu_revive(struct vcpu *vcpu)
{
	struct kvm_mp_state running = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events none = {};

	return vcpu_long_mode(vcpu) ?: as_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &none) ?:
	       as_ioctl(vcpu->fd, KVM_SET_MP_STATE, &running);
}

static inline struct kvm_regs guest_regs(const struct vcpu *vcpu, __u64 rip)
{
	return (struct kvm_regs) {
		.rip = rip,
		.rsp = STACK_GPA + (vcpu->id + 1) * 1024,
		.rflags = 2,
		.rdx = PORT_DATA,
	};
}

/* For vcpu::serve, with a struct met. */
static inline int met_serve(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct met *met = vcpu->data;
	void *io = (char *)run + run->io.data_offset;

	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
		return 0;
	case KVM_EXIT_IO:
		if (run->io.port == PORT_DONE)
			return 1;
		met->ports++;
		if (run->io.direction == KVM_EXIT_IO_OUT)
			memcpy(&met->value, io, run->io.size);
		else
			memcpy(io, &met->give, run->io.size);
		return 0;
	case KVM_EXIT_MMIO:
		met->mmio++;
		met->gpa = run->mmio.phys_addr;
		met->wrote = run->mmio.is_write;
		if (met->wrote)
			memcpy(&met->value, run->mmio.data, run->mmio.len);
		else
			memcpy(run->mmio.data, &met->give, run->mmio.len);
		return 0;
	default:
		return -(int)(ODD_EXIT + run->exit_reason);
	}
}

/* Makes a vCPU ready for an operation. Of @regs only what op_gpa() needs counts. */
static inline int guest_set(struct vcpu *vcpu, const char *op, __u64 rsi, __u64 rdi,
			    __u64 rax, __u64 rcx, struct met *met)
{
	struct kvm_regs regs = guest_regs(vcpu, op_gpa(op));

	regs.rsi = rsi;
	regs.rdi = rdi;
	regs.rax = rax;
	regs.rcx = rcx;
	vcpu->serve = met_serve;
	vcpu->data = met;
	return as_ioctl(vcpu->fd, KVM_SET_REGS, &regs);
}

/* One operation, by this thread. 0 however many exits it met, or -errno. */
static inline int guest_op(struct vcpu *vcpu, const char *op, __u64 rsi, __u64 rdi,
			   __u64 rax, __u64 rcx, struct met *met)
{
	struct kvm_regs regs;
	int err;

	err = guest_set(vcpu, op, rsi, rdi, rax, rcx, met);
	if (!err)
		err = vcpu_run(vcpu);
	if (!err)
		err = as_ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	if (!err)
		met->rax = regs.rax;
	return err;
}

/* What the guest reads at @gpa; -ENXIO if that is no memory; or another -errno. */
static inline long long guest_read(struct vcpu *vcpu, __u64 gpa)
{
	struct met met = { .give = ~0ULL };
	int err = guest_op(vcpu, op_read, gpa, 0, 0, 0, &met);

	if (err)
		return err;
	return met.mmio ? -ENXIO : (long long)met.rax;
}

/* 0 if the guest has written to memory; -ENXIO if that is none. */
static inline int guest_write(struct vcpu *vcpu, __u64 gpa, __u64 value)
{
	struct met met = {};
	int err = guest_op(vcpu, op_write, 0, gpa, value, 0, &met);

	return err ? err : met.mmio ? -ENXIO : 0;
}

/* The same by an instruction that KVM carries out for the guest. */
static inline long long guest_read_emulated(struct vcpu *vcpu, __u64 gpa)
{
	struct met met = {};
	int err = guest_op(vcpu, op_outs, gpa, 0, 0, 0, &met);

	if (err)
		return err;
	return met.mmio || met.ports != 1 ? -ENXIO : (long long)met.value;
}

static inline int guest_write_emulated(struct vcpu *vcpu, __u64 gpa, __u32 value)
{
	struct met met = { .give = value };
	int err = guest_op(vcpu, op_movs, MMIO_GPA, gpa, 0, 0, &met);

	return err ? err : met.mmio != 1 || met.wrote ? -ENXIO : 0;
}

/* Eight bytes to each of @nr pages. */
static inline int guest_write_pages(struct vcpu *vcpu, __u64 gpa, __u64 nr, __u64 value)
{
	struct met met = {};
	int err = guest_op(vcpu, op_pages, 0, gpa, value, nr, &met);

	return err ? err : met.mmio ? -ENXIO : 0;
}

static inline int guest_read_pages(struct vcpu *vcpu, __u64 gpa, __u64 nr)
{
	struct met met = {};
	int err = guest_op(vcpu, op_reads, gpa, 0, 0, nr, &met);

	return err ? err : met.mmio ? -ENXIO : 0;
}

/* A function for op_call: mov $@value, %eax; ret. */
static inline void put_stub(unsigned char *at, __u32 value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static inline long long guest_call(struct vcpu *vcpu, __u64 gpa)
{
	struct met met = {};
	int err = guest_op(vcpu, op_call, gpa, 0, 0, 0, &met);

	return err ? err : (long long)met.rax;
}

static inline int guest_wrmsr(struct vcpu *vcpu, __u32 msr, __u64 value)
{
	struct kvm_regs regs = guest_regs(vcpu, op_gpa(op_wrmsr));
	struct met met = {};
	int err;

	regs.rcx = msr;
	regs.rax = (__u32)value;
	regs.rdx = value >> 32;
	vcpu->serve = met_serve;
	vcpu->data = &met;
	err = as_ioctl(vcpu->fd, KVM_SET_REGS, &regs) ?: vcpu_run(vcpu);
	vcpu->data = NULL;
	return err;
}

/* A thread of its own in which the vCPU counts at @gpa until it is stopped. */
static inline int guest_count(struct vcpu *vcpu, __u64 gpa, struct met *met)
{
	int err = guest_set(vcpu, op_count, 0, gpa, 0, 0, met);

	return err ? err : vcpu_start(vcpu);
}

/* The same in @nr pages. */
static inline int guest_scatter(struct vcpu *vcpu, __u64 gpa, __u64 nr, struct met *met)
{
	int err = guest_set(vcpu, op_scatter, 0, gpa, 0, nr, met);

	return err ? err : vcpu_start(vcpu);
}

/* A VM with vCPUs in long mode, and without memory. */
static inline int guest_open(struct vm *vm, int nr_vcpus)
{
	int err = vm_open(vm);

	for (int i = 0; !err && i < nr_vcpus; i++) {
		int nr = vm_add_vcpu(vm);

		err = nr < 0 ? nr : vcpu_long_mode(&vm->vcpus[nr]);
	}
	return err;
}

/* Room for the guest's own pages, and them in it. */
static inline unsigned char *guest_pages(void)
{
	unsigned char *sys = shared_alloc(SYS_LEN);

	if (sys)
		guest_fill(sys);
	return sys;
}

/* The region that they are in. As a device, it is in no log. */
static inline struct virt_as_entry sys_region(const unsigned char *sys)
{
	return as_add(0, SYS_LEN, sys, VIRT_AS_TYPE_DEVICE, RW);
}

#endif /* VIRT_AS_SELFTESTS_KVM_GUEST_H */
