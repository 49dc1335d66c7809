// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold COMMAND...: runs a command in the lab's machine while it keeps two virtual
 * machines with a vCPU each. Without them the command's would be the first VM of the
 * kernel and the last one, and each time Linux patches its own code, which QEMU before
 * 8.1 may not survive (lab/boot says how). One VM has an interrupt controller in the
 * kernel and one has none, as KVM patches itself for the first of either kind, too.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A vCPU holds its VM, and is not closed by exec. */
static void hold_vm(int kvm, int irqchip)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu;

	if (vm < 0 || (irqchip && ioctl(vm, KVM_CREATE_IRQCHIP, 0)))
		err(2, "cannot make a virtual machine");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0 || fcntl(vcpu, F_SETFD, 0))
		err(2, "cannot make a vCPU");
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (argc < 2)
		errx(2, "no command was given");
	if (kvm < 0)
		err(2, "cannot open /dev/kvm");
	hold_vm(kvm, 0);
	hold_vm(kvm, 1);
	execvp(argv[1], argv + 1);
	err(2, "cannot run %s", argv[1]);
}
