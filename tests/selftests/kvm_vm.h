/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tiny VM: /dev/kvm, a VM, vCPUs in long mode, and what makes them run and stop.
 * Helpers answer as those of common.h do. What the guest executes is in kvm_guest.h.
 */
#ifndef VIRT_AS_SELFTESTS_KVM_VM_H
#define VIRT_AS_SELFTESTS_KVM_VM_H

#include "log.h"

#include <linux/kvm.h>
#include <linux/kvm_virt_as.h>

#define MAX_VCPUS	4

/* What vcpu_run() returns for an exit that nobody expects. */
#define ODD_EXIT	5000

/**
 * struct vcpu - a vCPU and the thread that runs it
 * @fd: of KVM
 * @run: shared with KVM
 * @run_len: its length
 * @id: number in the VM
 * @serve: what handles exits; returns 0 to go on, anything else to stop with it
 * @data: for @serve
 * @stop: set to end the thread
 * @result: what the thread ended with
 * @thread: if there is one
 * @tid: as the kernel has it
 * @done: it has ended
 */
struct vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_len;
	int id;
	int (*serve)(struct vcpu *vcpu);
	void *data;
	int stop;
	int result;
	pthread_t thread;
	pid_t tid;
	int done;
};

struct vm {
	int kvm;
	int fd;
	int nr_vcpus;
	struct vcpu vcpus[MAX_VCPUS];
};

static inline int kvm_open(void)
{
	return sys(open("/dev/kvm", O_RDWR | O_CLOEXEC));
}

static inline void nothing_more(int signal)
{
	(void)signal;
}

/*
 * QEMU 7.2 executes stale instructions when Linux patches itself, as it does for the
 * first VM and the last, and for the first and the last vCPU without a local APIC.
 * So one of each is there from the beginning of the program to its end. SIGUSR1 does
 * nothing but to end what waits.
 */
static void __attribute__((constructor)) keep_a_vm(void)
{
	struct sigaction action = { .sa_handler = nothing_more };
	int kvm = kvm_open();
	int vm = kvm < 0 ? kvm : as_ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = vm < 0 ? vm : as_ioctl(vm, KVM_CREATE_VCPU, 0);

	sigaction(SIGUSR1, &action, NULL);
	if (vcpu >= 0)
		return;
	printf("# there is no KVM: %s\n", strerror(-vcpu));
	fflush(stdout);
}

static inline int kvm_bind_as(int vm, int fd, __u32 flags, __u32 as_id, __u32 reserved)
{
	struct kvm_bind_virt_as bind = {
		.fd = fd, .flags = flags, .as_id = as_id, .__reserved = reserved,
	};

	return as_ioctl(vm, KVM_BIND_VIRT_AS, &bind);
}

static inline int kvm_bind(int vm, int as)
{
	return kvm_bind_as(vm, as, 0, 0, 0);
}

static inline int kvm_unbind(int vm)
{
	struct kvm_bind_virt_as unbind = {};

	return as_ioctl(vm, KVM_UNBIND_VIRT_AS, &unbind);
}

/* A slot of the VM's own; of no length to delete it. */
static inline int vm_slot(int vm, __u32 slot, __u32 flags, __u64 gpa, __u64 len,
			  const void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = len, .userspace_addr = (uintptr_t)hva,
	};

	return as_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static inline int vm_open(struct vm *vm)
{
	*vm = (struct vm) { .kvm = kvm_open(), .fd = -1 };
	if (vm->kvm < 0)
		return vm->kvm;
	vm->fd = as_ioctl(vm->kvm, KVM_CREATE_VM, 0);
	return vm->fd < 0 ? vm->fd : 0;
}

/* The guest may use whatever the machine has. */
static inline int vcpu_set_cpuid(struct vm *vm, struct vcpu *vcpu)
{
	const __u32 room = 256;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					  room * sizeof(cpuid->entries[0]));
	int err;

	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = room;
	err = as_ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (!err)
		err = as_ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return err;
}

/* One more vCPU, or -errno. */
static inline int vm_add_vcpu(struct vm *vm)
{
	struct vcpu *vcpu = &vm->vcpus[vm->nr_vcpus];
	int err;

	if (vm->nr_vcpus == MAX_VCPUS)
		return -ENOSPC;
	*vcpu = (struct vcpu) { .id = vm->nr_vcpus };
	vcpu->fd = as_ioctl(vm->fd, KVM_CREATE_VCPU, (void *)(uintptr_t)vcpu->id);
	if (vcpu->fd < 0)
		return vcpu->fd;
	vcpu->run_len = as_ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vcpu->run = mmap(NULL, vcpu->run_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	err = vcpu->run == MAP_FAILED ? -errno : vcpu_set_cpuid(vm, vcpu);
	if (err)
		return err;
	return vm->nr_vcpus++;
}

static inline void vm_close_vcpus(struct vm *vm)
{
	for (int i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpus[i].run, vm->vcpus[i].run_len);
		close(vm->vcpus[i].fd);
	}
	vm->nr_vcpus = 0;
}

static inline void vm_close(struct vm *vm)
{
	vm_close_vcpus(vm);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
	vm->fd = -1;
	vm->kvm = -1;
}

/*
 * Until @serve says to stop: 0 and -EINTR are the usual ways to. An error of KVM_RUN
 * is -errno.
 */
static inline int vcpu_run(struct vcpu *vcpu)
{
	for (;;) {
		int rc;

		if (__atomic_load_n(&vcpu->stop, __ATOMIC_ACQUIRE))
			return -EINTR;
		rc = as_ioctl(vcpu->fd, KVM_RUN, 0);
		if (rc == -EINTR || rc == -EAGAIN)
			vcpu->run->exit_reason = KVM_EXIT_INTR;
		else if (rc)
			return rc;
		rc = vcpu->serve(vcpu);
		if (rc)
			return rc > 0 ? 0 : rc;
	}
}

static inline void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;

	__atomic_store_n(&vcpu->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	vcpu->result = vcpu_run(vcpu);
	__atomic_store_n(&vcpu->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline int vcpu_start(struct vcpu *vcpu)
{
	vcpu->stop = 0;
	vcpu->done = 0;
	vcpu->tid = 0;
	vcpu->run->immediate_exit = 0;
	return -pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);
}

static inline bool vcpu_done(struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->done, __ATOMIC_ACQUIRE);
}

/* Out of the guest, and out of KVM_RUN: what it does next is for @serve to say. */
static inline void vcpu_kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_kill(vcpu->thread, SIGUSR1);
}

/* What it ended with, by itself. */
static inline int vcpu_join(struct vcpu *vcpu)
{
	if (!EVENTUALLY(vcpu_done(vcpu)))
		return -ETIMEDOUT;
	pthread_join(vcpu->thread, NULL);
	return vcpu->result;
}

/* What it ended with: -EINTR, unless something went wrong before. */
static inline int vcpu_stop(struct vcpu *vcpu)
{
	int err;

	__atomic_store_n(&vcpu->stop, 1, __ATOMIC_RELEASE);
	vcpu_kick(vcpu);
	err = vcpu_join(vcpu);
	vcpu->run->immediate_exit = 0;
	vcpu->stop = 0;
	return err;
}

/* A number of KVM's statistics, of a VM or a vCPU; or -errno. */
static inline long long kvm_stat(int fd, const char *name)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc = NULL;
	long long value = -ENOENT;
	int stats = as_ioctl(fd, KVM_GET_STATS_FD, 0);
	size_t size;

	if (stats < 0)
		return stats;
	if (pread(stats, &header, sizeof(header), 0) != sizeof(header))
		goto out;
	size = sizeof(*desc) + header.name_size;
	desc = malloc(size);
	for (__u32 i = 0; desc && i < header.num_desc && value == -ENOENT; i++) {
		if (pread(stats, desc, size, header.desc_offset + i * size) !=
		    (ssize_t)size)
			break;
		if (!strcmp(desc->name, name) &&
		    pread(stats, &value, sizeof(value),
			  header.data_offset + desc->offset) != sizeof(value))
			value = -EIO;
	}
out:
	free(desc);
	close(stats);
	return value;
}

/* Page faults that KVM let the guest have once more, for its map had changed. */
static inline long long vcpu_retries(const struct vcpu *vcpu)
{
	return kvm_stat(vcpu->fd, "pf_taken") - kvm_stat(vcpu->fd, "pf_fixed") -
	       kvm_stat(vcpu->fd, "pf_emulate") - kvm_stat(vcpu->fd, "pf_spurious");
}

#endif /* VIRT_AS_SELFTESTS_KVM_VM_H */
