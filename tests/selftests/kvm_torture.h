/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that reads, executes, writes and has emulated what lies at the gpas of a
 * table, in a loop, and judges what it meets.
 *
 * Each page of the table that is stamped has the number of its map, the epoch, as its
 * first and its last four bytes and in a function that returns it. An access must not
 * find an older epoch than
 *
 *	- the vCPU has found before (torn),
 *	- any vCPU had found before the access began (torn), or
 *	- the last commit that had returned by then (stale, which is counted as torn);
 *
 * nor one whose commit has not begun (early), nor, where it goes over the end of a
 * page, two different ones (mixed).
 */
#ifndef VIRT_AS_SELFTESTS_KVM_TORTURE_H
#define VIRT_AS_SELFTESTS_KVM_TORTURE_H

#include "kvm_guest.h"

#define TORTURE_GPA	SYS_FREE_GPA
#define ALL_GPA		(SYS_FREE_GPA + 2 * PG)
#define ONE_GPA(id)	(SYS_FREE_GPA + (3 + (id)) * PG)
#define TABLE_GPA	(SYS_FREE_GPA + (3 + MAX_VCPUS) * PG)
#define TABLE_ROOM	512

/* Of an entry of the table, beside the gpa. */
#define T_READ		0x1	/* is stamped */
#define T_CALL		0x2
#define T_NEXT		0x4	/* so is the next page */
#define T_WRITE		0x8

/* In a stamped page. */
#define STAMP_FIRST	0x000
#define STAMP_LAST	0xffc
#define STUB		0x40	/* returns the epoch */
#define STUB_OUTS	0x60	/* outsl; ret */
#define SLOT(id)	(0x100 + (id) * 0x40)	/* what a vCPU writes */

#define PORT_PAUSE	0x30
#define PORT_COUNT	0x40

/* What is shared by all vCPUs and the host. */
struct torture_all {
	__u32 newest;	/* that somebody has seen, or whose commit has returned */
	__u32 started;	/* the newest whose commit has begun */
	__u32 pause;
};

enum deed {
	READ, CALL, STRADDLE, WRITE,
	EM_READ,	/* by outs, which is itself in the replaced page */
	EM_MOVE,	/* by movs to no memory */
	EM_STRADDLE,
	EM_WRITE,	/* by ins */
	EM_STORE,	/* by movs from no memory */
	NR_DEEDS,
};

static const char * const deed_names[NR_DEEDS] = {
	"read", "call", "straddling read", "write", "emulated outs", "emulated movs",
	"straddling movs", "emulated ins", "movs from MMIO",
};

/**
 * struct torture - of one vCPU
 * @last: the newest epoch that it has seen
 * @floor: what it must see at least, in an emulated access
 * @nr: entries of the table
 * @loops: through the table
 * @count: of writes, which is what is written
 * @write_at: the entry that is being written
 * @emulate_at: the entry that will be emulated ...
 * @emulate_left: ... after so many loops ...
 * @emulate_every: ... of this many
 * @done: by struct deed
 * @epochs: times that an epoch was new to it
 * @torn: see above
 * @early: see above
 * @mixed: see above
 * @bad: the first that was wrong: gpa, what was found, what was due
 */
struct torture {
	__u32 last;
	__u32 floor;
	__u64 nr;
	__u64 loops;
	__u64 count;
	__u64 write_at;
	__u64 emulate_at;
	__u64 emulate_left;
	__u64 emulate_every;
	__u64 done[NR_DEEDS];
	__u64 epochs;
	__u64 torn;
	__u64 early;
	__u64 mixed;
	__u64 bad[3];
	/* The rest is the host's. */
	__u64 spurious;
	__u64 spurious_gpa;
	__u64 em_mixed;		/* of emulated accesses */
	__u64 parked;		/* it has heard of the pause of this number */
	__u64 pauses;		/* asked for */
};

#define T_AT(member)	ASM_SET(T_##member, offsetof(struct torture, member))
#define ALL_AT(member)	ASM_SET(ALL_##member, offsetof(struct torture_all, member))
#define A_NUMBER(name) \
	({ asm volatile(".set " #name ", %c0" : : "i" (name)); })

/*
 * r15 struct torture, r8 struct torture_all, r9 the table, r10 where in it, rsi the
 * page, r13 its flags, r12 where in a page to write, ebx the floor.
 */
static inline void torture_text(void)
{
	T_AT(last);
	T_AT(floor);
	T_AT(nr);
	T_AT(loops);
	T_AT(count);
	T_AT(write_at);
	T_AT(emulate_at);
	T_AT(emulate_left);
	T_AT(emulate_every);
	T_AT(done);
	T_AT(epochs);
	T_AT(torn);
	T_AT(early);
	T_AT(mixed);
	T_AT(bad);
	ALL_AT(newest);
	ALL_AT(started);
	ALL_AT(pause);
	A_NUMBER(T_READ);
	A_NUMBER(T_CALL);
	A_NUMBER(T_NEXT);
	A_NUMBER(T_WRITE);
	A_NUMBER(STAMP_LAST);
	A_NUMBER(STUB);
	A_NUMBER(STUB_OUTS);
	A_NUMBER(PORT_DATA);
	A_NUMBER(PORT_COUNT);
	A_NUMBER(PORT_PAUSE);
	A_NUMBER(READ);
	A_NUMBER(CALL);
	A_NUMBER(STRADDLE);
	A_NUMBER(WRITE);
	A_NUMBER(EM_READ);
	A_NUMBER(EM_MOVE);
	A_NUMBER(EM_STRADDLE);
	A_NUMBER(EM_WRITE);
	A_NUMBER(EM_STORE);
	ASM_SET(MMIO, MMIO_GPA);
	asm volatile(".ifndef torture_code\n"
	".pushsection .rodata\n"
	"torture_code:\n"
	"	xor %r10d, %r10d\n"
	"t_page:\n"
	"	mov (%r9, %r10, 8), %rsi\n"
	"	mov %esi, %r13d\n"
	"	and $-4096, %rsi\n"
	"	test $T_READ, %r13b\n"
	"	jz t_write\n"
	"	call t_floor\n"
	"	mov (%rsi), %eax\n"
	"	incq T_done + 8 * READ(%r15)\n"
	"	call t_judge\n"
	"	test $T_CALL, %r13b\n"
	"	jz t_straddle\n"
	"	call t_floor\n"
	"	lea STUB(%rsi), %rdx\n"
	"	call *%rdx\n"
	"	incq T_done + 8 * CALL(%r15)\n"
	"	call t_judge\n"
	"t_straddle:\n"
	"	test $T_NEXT, %r13b\n"
	"	jz t_write\n"
	"	call t_floor\n"
	"	mov STAMP_LAST(%rsi), %rax\n"
	"	incq T_done + 8 * STRADDLE(%r15)\n"
	"	call t_judge\n"
	"	mov %rax, %rdx\n"
	"	shr $32, %rdx\n"
	"	cmp %edx, %eax\n"
	"	je t_write\n"
	"	incq T_mixed(%r15)\n"
	"t_write:\n"
	"	test $T_WRITE, %r13b\n"
	"	jz t_emulate\n"
	"	cmp %r10, T_write_at(%r15)\n"
	"	jne t_emulate\n"
	"	incq T_count(%r15)\n"
	"	mov T_count(%r15), %rax\n"
	"	mov %rax, (%rsi, %r12)\n"
	"	incq T_done + 8 * WRITE(%r15)\n"
	"t_emulate:\n"
	"	cmpq $0, T_emulate_left(%r15)\n"
	"	jne t_next\n"
	"	cmp %r10, T_emulate_at(%r15)\n"
	"	jne t_next\n"
	"	test $T_CALL, %r13b\n"
	"	jz t_emulate_write\n"
	"	mov %rsi, %r14\n"
	"	mov $PORT_DATA, %edx\n"
	"	call t_floor\n"
	"	lea STUB_OUTS(%rsi), %rax\n"
	"	call *%rax\n"
	"	incq T_done + 8 * EM_READ(%r15)\n"
	"	call t_floor\n"
	"	mov %r14, %rsi\n"
	"	mov $MMIO, %edi\n"
	"	movsl\n"
	"	incq T_done + 8 * EM_MOVE(%r15)\n"
	"	test $T_NEXT, %r13b\n"
	"	jz t_emulate_write\n"
	"	call t_floor\n"
	"	lea STAMP_LAST(%r14), %rsi\n"
	"	mov $MMIO, %edi\n"
	"	movsq\n"
	"	incq T_done + 8 * EM_STRADDLE(%r15)\n"
	"t_emulate_write:\n"
	"	test $T_WRITE, %r13b\n"
	"	jz t_next\n"
	"	mov (%r9, %r10, 8), %r14\n"
	"	and $-4096, %r14\n"
	"	lea 8(%r14, %r12), %rdi\n"
	"	mov $PORT_COUNT, %edx\n"
	"	insl\n"
	"	incq T_done + 8 * EM_WRITE(%r15)\n"
	"	mov $MMIO, %esi\n"
	"	lea 16(%r14, %r12), %rdi\n"
	"	movsl\n"
	"	incq T_done + 8 * EM_STORE(%r15)\n"
	"t_next:\n"
	"	inc %r10\n"
	"	cmp T_nr(%r15), %r10\n"
	"	jb t_page\n"
	"	xor %r10d, %r10d\n"
	"	incq T_loops(%r15)\n"
	/* A burst of writes to a page, which is then left as it is. */
	"	testq $31, T_loops(%r15)\n"
	"	jnz 1f\n"
	"	lea T_write_at(%r15), %rdx\n"
	"	call t_turn\n"
	"1:	decq T_emulate_left(%r15)\n"
	"	jns 1f\n"
	"	mov T_emulate_every(%r15), %rax\n"
	"	mov %rax, T_emulate_left(%r15)\n"
	"	lea T_emulate_at(%r15), %rdx\n"
	"	call t_turn\n"
	"1:	cmpl $0, ALL_pause(%r8)\n"
	"	je t_page\n"
	"	out %al, $PORT_PAUSE\n"
	"	jmp t_page\n"

	"t_turn:\n"		/* (rdx) to the next entry */
	"	mov (%rdx), %rax\n"
	"	inc %rax\n"
	"	xor %ecx, %ecx\n"
	"	cmp T_nr(%r15), %rax\n"
	"	cmovae %rcx, %rax\n"
	"	mov %rax, (%rdx)\n"
	"	ret\n"

	"t_floor:\n"
	"	mov T_last(%r15), %ebx\n"
	"	mov ALL_newest(%r8), %ecx\n"
	"	cmp %ecx, %ebx\n"
	"	cmovb %ecx, %ebx\n"
	"	mov %ebx, T_floor(%r15)\n"
	"	ret\n"

	"t_judge:\n"		/* eax, that was read at rsi */
	"	cmp %ebx, %eax\n"
	"	jb t_torn\n"
	"	cmp ALL_started(%r8), %eax\n"
	"	ja t_early\n"
	"	cmp %eax, T_last(%r15)\n"
	"	jae 1f\n"
	"	mov %eax, T_last(%r15)\n"
	"	incq T_epochs(%r15)\n"
	"1:	cmp %eax, ALL_newest(%r8)\n"
	"	jae 1f\n"
	"	mov %eax, ALL_newest(%r8)\n"
	"1:	ret\n"
	"t_early:\n"
	"	incq T_early(%r15)\n"
	"	jmp t_bad\n"
	"t_torn:\n"
	"	incq T_torn(%r15)\n"
	"t_bad:\n"
	"	cmpq $0, T_bad(%r15)\n"
	"	jne 1f\n"
	"	mov %rsi, T_bad(%r15)\n"
	"	mov %eax, T_bad + 8(%r15)\n"
	"	mov %ebx, T_bad + 16(%r15)\n"
	"1:	ret\n"
	"torture_code_end:\n"
	".popsection\n"
	".endif\n");
}

extern const char torture_code[], torture_code_end[];

static inline struct torture_all *torture_all(unsigned char *sys)
{
	return (struct torture_all *)(sys + ALL_GPA);
}

static inline struct torture *torture_of(unsigned char *sys, int id)
{
	return (struct torture *)(sys + ONE_GPA(id));
}

/* The host's part of t_judge, for an emulated access. */
static inline void torture_judge(struct torture *t, struct torture_all *all,
				 __u32 found)
{
	if (found >= t->floor && found <= all->started) {
		t->epochs += found > t->last;
		t->last = found > t->last ? found : t->last;
		return;
	}
	t->torn += found < t->floor;
	t->early += found >= t->floor;
	if (!t->bad[0]) {
		t->bad[0] = MMIO_GPA;
		t->bad[1] = found;
		t->bad[2] = t->floor;
	}
}

/* An access to what must be memory, in the old map and in the new one. */
static inline void torture_spurious(struct torture *t, struct kvm_run *run)
{
	if (!t->spurious++)
		t->spurious_gpa = run->mmio.phys_addr;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
}

static inline void torture_park(struct torture *t, struct vcpu *vcpu,
				struct torture_all *all)
{
	vcpu->run->immediate_exit = 0;
	while (__atomic_load_n(&all->pause, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&vcpu->stop, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&t->parked, t->pauses, __ATOMIC_RELEASE);
		nap(200);
	}
	if (__atomic_load_n(&vcpu->stop, __ATOMIC_ACQUIRE))
		vcpu->run->immediate_exit = 1;
}

/* vcpu::serve, with the pages at @sys. */
static inline int torture_serve(struct vcpu *vcpu)
{
	unsigned char *sys = vcpu->data;
	struct torture *t = torture_of(sys, vcpu->id);
	struct torture_all *all = torture_all(sys);
	struct kvm_run *run = vcpu->run;
	__u32 *io = (void *)((char *)run + run->io.data_offset);
	__u32 both[2];

	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
		torture_park(t, vcpu, all);
		return 0;
	case KVM_EXIT_IO:
		if (run->io.port == PORT_DATA)
			torture_judge(t, all, *io);
		else if (run->io.port == PORT_COUNT)
			*io = ++t->count;
		else
			torture_park(t, vcpu, all);
		return 0;
	case KVM_EXIT_MMIO:
		if (run->mmio.phys_addr / PG != MMIO_GPA / PG) {
			torture_spurious(t, run);
		} else if (!run->mmio.is_write) {
			t->count++;
			memcpy(run->mmio.data, &t->count, run->mmio.len);
		} else {
			memcpy(both, run->mmio.data, 8);
			torture_judge(t, all, both[0]);
			t->em_mixed += run->mmio.len == 8 && both[0] != both[1];
		}
		return 0;
	default:
		return -(int)(ODD_EXIT + run->exit_reason);
	}
}

/* All vCPUs of a VM, with the table in place. */
static inline int torture_start(struct vm *vm, unsigned char *sys, __u64 nr,
				__u64 emulate_every)
{
	int err = 0;

	torture_text();
	memcpy(sys + TORTURE_GPA, torture_code, torture_code_end - torture_code);
	for (int i = 0; !err && i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		struct torture *t = torture_of(sys, i);
		struct kvm_regs regs = guest_regs(vcpu, TORTURE_GPA);

		*t = (struct torture) {
			.nr = nr, .write_at = i * nr / vm->nr_vcpus,
			.emulate_at = (2 * i + 1) * nr / (2 * vm->nr_vcpus),
			.emulate_every = emulate_every,
		};
		regs.r8 = ALL_GPA;
		regs.r9 = TABLE_GPA;
		regs.r12 = SLOT(i);
		regs.r15 = ONE_GPA(i);
		vcpu->serve = torture_serve;
		vcpu->data = sys;
		err = as_ioctl(vcpu->fd, KVM_SET_REGS, &regs);
		if (!err)
			err = vcpu_start(vcpu);
	}
	return err;
}

/* All vCPUs are out of the guest when it returns, or -ETIMEDOUT. */
static inline int torture_pause(struct vm *vm, unsigned char *sys, bool kick)
{
	struct torture_all *all = torture_all(sys);

	for (int i = 0; i < vm->nr_vcpus; i++)
		torture_of(sys, i)->pauses++;
	__atomic_store_n(&all->pause, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < vm->nr_vcpus; i++) {
		struct torture *t = torture_of(sys, i);

		if (kick)
			vcpu_kick(&vm->vcpus[i]);
		if (!EVENTUALLY(__atomic_load_n(&t->parked, __ATOMIC_ACQUIRE) ==
				t->pauses || vcpu_done(&vm->vcpus[i])))
			return -ETIMEDOUT;
	}
	return 0;
}

static inline void torture_go_on(unsigned char *sys)
{
	__atomic_store_n(&torture_all(sys)->pause, 0, __ATOMIC_RELEASE);
}

#endif /* VIRT_AS_SELFTESTS_KVM_TORTURE_H */
