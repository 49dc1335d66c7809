/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine as a whole, and what its parts are to each other. */
#ifndef _VMM_H
#define _VMM_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>
#include "bus.h"
#include "pci.h"
#include "serial.h"
#include "space.h"

/* How the program ends. */
#define EXIT_RIGHT	0		/* the guest powered itself off; all is right */
#define EXIT_WRONG	1		/* it did not, or a check failed */
#define EXIT_USAGE	2		/* it could not be run; the message says what to do */

#define MAX_VCPUS	16U

/* The first pages of the guest that a kernel is told of; boot.c. */
#define GPA_ZERO_PAGE	0x7000ULL

#define load(where)		__atomic_load_n(&(where), __ATOMIC_ACQUIRE)
#define store(where, value)	__atomic_store_n(&(where), (value), __ATOMIC_RELEASE)
#define count(where)		((void)__atomic_add_fetch(&(where), 1, __ATOMIC_RELAXED))

struct options {
	const char *kernel;
	const char *initrd;
	const char *cmdline;
	__u64 memory;			/* bytes */
	unsigned int nr_vcpus;
	bool slots;			/* the map is told to KVM slot by slot */
	__u64 replacements;		/* 0: nothing is tortured */
	__u64 keep_ram;			/* of them: so many leave the RAM as it is */
	__u64 seed;
	unsigned int patience;		/* seconds */
};

struct vmm;
struct torture;

struct vcpu {
	struct vmm *vmm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
};

/* How the guest's life ended. */
enum ending {
	ENDING_NONE,
	ENDING_POWER_OFF,
	ENDING_RESET,
	ENDING_DIED,
	ENDING_ASKED,			/* by who sits at the terminal */
};

struct vmm {
	struct options options;
	int kvm;
	int vm;
	struct space space;
	struct bus ports;
	struct bus mmio;
	struct serial serial;
	__u16 pm_enable;		/* power.c */
	struct pci pci;
	struct pci_device framebuffer;
	struct memory pixels;
	struct torture *torture;	/* NULL without --replace */
	struct vcpu vcpus[MAX_VCPUS];

	pthread_mutex_t lock;
	pthread_cond_t ended;
	enum ending ending;		/* the first one counts */
	const char *why;
	__u64 detail;			/* what why is about, in parentheses */

	__u64 mmio_exits;		/* to a device's registers */
	__u64 spurious_exits;		/* to what was memory all the time */
	__u64 stray_exits;		/* to what is neither */
};

/* main.c */
void vmm_end(struct vmm *vmm, enum ending ending, const char *why, __u64 detail);
bool vmm_ended(struct vmm *vmm);
const char *vmm_why(const struct vmm *vmm);

/* vm.c */
void vm_create(struct vmm *vmm);
__u64 vm_stat(int fd, const char *name);

/* vcpu.c */
void vcpu_create(struct vmm *vmm, unsigned int id);
void vcpu_enter_at(struct vcpu *vcpu, __u64 rip, __u64 page_tables);
void vcpus_start(struct vmm *vmm);
void vcpus_stop(struct vmm *vmm);

/* boot.c */
void boot_load(struct vmm *vmm);

/* acpi.c */
void acpi_write_tables(char *bios, unsigned int nr_vcpus);

/* power.c */
void power_init(struct vmm *vmm);

/* framebuffer.c */
void framebuffer_init(struct vmm *vmm);

#endif /* _VMM_H */
