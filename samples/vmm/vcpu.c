// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs: a thread each, which runs the guest until it needs something of a device,
 * or until the machine ends.
 */
#include <err.h>
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "vmm.h"

#define MAX_CPUID	256

#define CPUID_ECX_VMX		0x00000020U	/* leaf 1 */
#define CPUID_ECX_DEADLINE	0x01000000U	/* leaf 1 */
#define CPUID_ECX_HYPERVISOR	0x80000000U	/* leaf 1 */
#define CPUID_ECX_SVM		0x00000004U	/* leaf 0x80000001 */

#define CR0_PE		0x1ULL
#define CR0_ET		0x10ULL
#define CR0_PG		0x80000000ULL
#define CR4_PAE		0x20ULL
#define EFER_LME	0x100ULL
#define EFER_LMA	0x400ULL

#define SELECTOR_CODE	0x10		/* as Linux's boot protocol wants them */
#define SELECTOR_DATA	0x18

/*
 * What KVM supports, less what a guest would need to run guests: it needs shadow
 * page tables, which a VM that is bound cannot have.
 */
static void set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					     MAX_CPUID * sizeof(cpuid->entries[0]));

	if (!cpuid)
		err(EXIT_USAGE, "no memory for a vCPU; use fewer with --vcpus");
	cpuid->nent = MAX_CPUID;
	if (ioctl(vcpu->vmm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		err(EXIT_USAGE, "KVM does not say what its vCPUs can do; see the kernel's log");
	for (unsigned int i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		switch (entry->function) {
		case 0x1:
			entry->ecx &= ~CPUID_ECX_VMX;
			entry->ecx |= CPUID_ECX_DEADLINE | CPUID_ECX_HYPERVISOR;
			entry->ebx = (entry->ebx & 0xffffff) | vcpu->id << 24;
			break;
		case 0xb:
		case 0x1f:
			entry->edx = vcpu->id;
			break;
		case 0x80000001:
			entry->ecx &= ~CPUID_ECX_SVM;
			break;
		case 0x8000000a:
			*entry = (struct kvm_cpuid_entry2) { .function = 0x8000000a };
			break;
		case 0x8000001e:
			entry->eax = vcpu->id;
			break;
		}
	}
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
		err(EXIT_USAGE, "KVM refused its own CPUID for vCPU %u; see the kernel's log",
		    vcpu->id);
	free(cpuid);
}

void vcpu_create(struct vmm *vmm, unsigned int id)
{
	struct vcpu *vcpu = &vmm->vcpus[id];
	int size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vcpu->vmm = vmm;
	vcpu->id = id;
	vcpu->fd = ioctl(vmm->vm, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		err(EXIT_USAGE, "cannot make vCPU %u; use fewer with --vcpus", id);
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		err(EXIT_USAGE, "no room for what vCPU %u has to say; use fewer with --vcpus", id);
	set_cpuid(vcpu);
}

static struct kvm_segment flat(__u16 selector, __u8 type, bool code)
{
	return (struct kvm_segment) {
		.limit = ~0U,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.l = code,
		.db = !code,
		.g = 1,
	};
}

/* Long mode, flat, no interrupts, rsi at the zero page: as a boot loader leaves it. */
void vcpu_enter_at(struct vcpu *vcpu, __u64 rip, __u64 page_tables)
{
	struct kvm_regs regs = { .rip = rip, .rsi = GPA_ZERO_PAGE, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		err(EXIT_USAGE, "KVM does not show a vCPU's registers; see the kernel's log");
	sregs.cs = flat(SELECTOR_CODE, 0xb, true);
	sregs.ds = flat(SELECTOR_DATA, 0x3, false);
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.cr3 = page_tables;
	sregs.cr4 |= CR4_PAE;
	sregs.cr0 |= CR0_PE | CR0_ET | CR0_PG;
	sregs.efer |= EFER_LME | EFER_LMA;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) || ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		err(EXIT_USAGE, "KVM does not take a vCPU's registers; see the kernel's log");
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	char *data = (char *)run + run->io.data_offset;

	for (__u32 i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&vcpu->vmm->ports, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

/*
 * To a device; or to what was memory all the time, which is KVM's fault, and is
 * answered from there so that the guest lives on and more of it can be counted; or
 * to nothing.
 */
static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vmm *vmm = vcpu->vmm;
	char *hva;

	if (bus_access(&vmm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		       run->mmio.is_write)) {
		count(vmm->mmio_exits);
	} else if (!space_find(&vmm->space, run->mmio.phys_addr, run->mmio.len,
			       run->mmio.is_write, &hva)) {
		count(vmm->stray_exits);
	} else {
		count(vmm->spurious_exits);
		memcpy(run->mmio.is_write ? hva : (char *)run->mmio.data,
		       run->mmio.is_write ? (char *)run->mmio.data : hva, run->mmio.len);
	}
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vmm *vmm = vcpu->vmm;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		vmm_end(vmm, ENDING_DIED, "a vCPU met a fault in a fault in a fault", vcpu->id);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		vmm_end(vmm, ENDING_DIED, "a vCPU met what KVM cannot emulate",
			run->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vmm_end(vmm, ENDING_DIED, "a vCPU has a state that it cannot run in",
			run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		vmm_end(vmm, ENDING_DIED, "a vCPU ended for a reason that is not known here",
			run->exit_reason);
	}
}

static void *vcpu_thread(void *data)
{
	struct vcpu *vcpu = data;
	struct vmm *vmm = vcpu->vmm;

	while (!vmm_ended(vmm)) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0))
			handle_exit(vcpu);
		else if (errno != EINTR && errno != EAGAIN)
			vmm_end(vmm, ENDING_DIED, "a vCPU cannot run, by errno", errno);
	}
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

void vcpus_start(struct vmm *vmm)
{
	struct sigaction kick = { .sa_handler = ignore };

	sigaction(SIGUSR1, &kick, NULL);
	for (unsigned int i = 0; i < vmm->options.nr_vcpus; i++)
		if (pthread_create(&vmm->vcpus[i].thread, NULL, vcpu_thread, &vmm->vcpus[i]))
			errx(EXIT_USAGE, "no thread for vCPU %u; ulimit -u may help", i);
}

/* After the end: the signal interrupts a vCPU that runs, the flag one that is about to. */
void vcpus_stop(struct vmm *vmm)
{
	for (unsigned int i = 0; i < vmm->options.nr_vcpus; i++) {
		store(vmm->vcpus[i].run->immediate_exit, 1);
		pthread_kill(vmm->vcpus[i].thread, SIGUSR1);
	}
	for (unsigned int i = 0; i < vmm->options.nr_vcpus; i++)
		pthread_join(vmm->vcpus[i].thread, NULL);
}
