// SPDX-License-Identifier: GPL-2.0-only
/* KVM's side of the machine: the VM, its interrupt controllers, its statistics. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/kvm_virt_as.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm.h"

static void open_kvm(struct vmm *vmm)
{
	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm < 0)
		err(EXIT_USAGE, "cannot open /dev/kvm; load kvm-amd or kvm-intel, be root");
	if (ioctl(vmm->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		errx(EXIT_USAGE, "/dev/kvm is not the KVM that this was built for; rebuild this");
	if (vmm->options.slots)
		return;
	if (ioctl(vmm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_VIRT_AS) <= 0)
		errx(EXIT_USAGE, "KVM cannot bind; load this project's, or use --memory-map=slots");
}

void vm_create(struct vmm *vmm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	__u64 identity_map = GPA_INTEL;

	open_kvm(vmm);
	vmm->vm = ioctl(vmm->kvm, KVM_CREATE_VM, 0);
	if (vmm->vm < 0)
		err(EXIT_USAGE, "cannot make a virtual machine; see the kernel's log");
	if (ioctl(vmm->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) ||
	    ioctl(vmm->vm, KVM_SET_TSS_ADDR, GPA_INTEL + PAGE_SIZE) ||
	    ioctl(vmm->vm, KVM_CREATE_IRQCHIP, 0) ||
	    ioctl(vmm->vm, KVM_CREATE_PIT2, &pit))
		err(EXIT_USAGE, "KVM has no interrupt controllers or timer; see the kernel's log");
}

/* Adds up all values of a statistic of this name; one that is not there is 0. */
static __u64 find_stat(int fd, const struct kvm_stats_header *header, const char *name)
{
	size_t size = sizeof(struct kvm_stats_desc) + header->name_size;
	char *descs = calloc(header->num_desc, size);
	__u64 value, sum = 0;

	if (!descs || pread(fd, descs, header->num_desc * size, header->desc_offset) < 0)
		errx(EXIT_USAGE, "KVM's statistics cannot be read; see the kernel's log");
	for (unsigned int i = 0; i < header->num_desc; i++) {
		struct kvm_stats_desc *desc = (void *)(descs + i * size);
		off_t at = header->data_offset + desc->offset;

		if (strcmp(desc->name, name))
			continue;
		for (unsigned int n = 0; n < desc->size; n++, at += sizeof(value))
			if (pread(fd, &value, sizeof(value), at) == sizeof(value))
				sum += value;
	}
	free(descs);
	return sum;
}

/* A statistic of a VM or a vCPU. */
__u64 vm_stat(int fd, const char *name)
{
	struct kvm_stats_header header;
	int stats = ioctl(fd, KVM_GET_STATS_FD, NULL);
	__u64 sum = 0;

	if (stats < 0)
		return 0;
	if (pread(stats, &header, sizeof(header), 0) == sizeof(header))
		sum = find_stat(stats, &header, name);
	close(stats);
	return sum;
}
