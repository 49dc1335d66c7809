// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of some number of regions, each with a hole behind it, so that no
 * system can join two. Nothing of its memory is there before it is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

__u64 gpa_of(__u32 i)
{
	return GPA + i * GPA_STRIDE;
}

__u64 hva_of(const struct guest *g, __u32 i)
{
	return (uintptr_t)g->ram + i * REGION_LEN;
}

int as_commit(struct guest *g, int as, const struct virt_as_entry *map, __u32 nr)
{
	struct virt_as_commit commit = {
		.size = sizeof(commit), .flags = VIRT_AS_COMMIT_REPLACE,
		.entries = (uintptr_t)map, .nr_entries = nr,
	};

	if (ioctl(as, VIRT_AS_COMMIT, &commit))
		return -errno;
	g->generation = commit.out_generation;
	return 0;
}

/* Region @i, with the memory of region @i + @shift; or none, with @len 0. */
int kvm_set(struct guest *g, __u32 i, __u64 len, __u32 shift)
{
	struct kvm_userspace_memory_region region = {
		.slot = i, .guest_phys_addr = gpa_of(i), .memory_size = len,
		.userspace_addr = hva_of(g, i + shift),
		.flags = g->logged ? KVM_MEM_LOG_DIRTY_PAGES : 0,
	};

	return ioctl(g->fds[KVM], KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

int kvm_clear(struct guest *g)
{
	int err = 0;

	for (__u32 i = 0; i < g->nr && !err; i++)
		err = kvm_set(g, i, 0, 0);
	return err;
}

int iommu_map(struct guest *g, __u32 i, __u32 shift)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map), .ioas_id = g->ioas,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.iova = gpa_of(i), .length = REGION_LEN, .user_va = hva_of(g, i + shift),
	};

	return ioctl(g->fds[IOMMU], IOMMU_IOAS_MAP, &map) ? -errno : 0;
}

int iommu_clear(struct guest *g)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = g->ioas, .length = ~0ULL,
	};

	return ioctl(g->fds[IOMMU], IOMMU_IOAS_UNMAP, &unmap) ? -errno : 0;
}

static int open_kvm(struct guest *g)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int err = 0;

	if (kvm < 0)
		return -errno;
	g->fds[KVM] = ioctl(kvm, KVM_CREATE_VM, 0);
	g->fds[VCPU] = g->fds[KVM] < 0 ? -1 : ioctl(g->fds[KVM], KVM_CREATE_VCPU, 0);
	if (g->fds[VCPU] < 0)
		err = -errno;
	close(kvm);
	for (__u32 i = 0; i < g->nr && !err; i++)
		err = kvm_set(g, i, REGION_LEN, 0);
	return err;
}

static int open_iommu(struct guest *g)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int err = 0;

	g->fds[IOMMU] = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (g->fds[IOMMU] < 0 || ioctl(g->fds[IOMMU], IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	g->ioas = alloc.out_ioas_id;
	for (__u32 i = 0; i < g->nr && !err; i++)
		err = iommu_map(g, i, 0);
	return err;
}

static int open_vhost(struct guest *g)
{
	g->fds[VHOST] = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	return g->fds[VHOST] < 0 || ioctl(g->fds[VHOST], VHOST_SET_OWNER) ? -errno : 0;
}

static __u32 *shuffled(__u32 nr)
{
	__u32 *order = calloc(nr, sizeof(*order));
	__u32 seed = 1;

	for (__u32 i = 0; order && i < nr; i++) {
		__u32 k;

		seed = seed * 1664525 + 1013904223;
		k = (seed >> 8) % (i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	return order;
}

/* Odd maps have the memory of the region behind: all regions differ. */
static int build_maps(struct guest *g)
{
	__u32 *order = shuffled(g->nr);

	if (!order)
		return -ENOMEM;
	for (__u32 k = 0; k < ARRAY_SIZE(g->maps); k++) {
		g->maps[k] = calloc(g->nr, sizeof(*g->maps[k]));
		if (!g->maps[k])
			return -ENOMEM;
		for (__u32 i = 0; i < g->nr; i++)
			g->maps[k][i] = (struct virt_as_entry) {
				.gpa = gpa_of(i), .len = REGION_LEN,
				.hva = hva_of(g, (k < SHUFFLED ? i : order[i]) + k % 2),
				.perms = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE,
			};
	}
	free(order);
	return 0;
}

static int open_as(struct guest *g)
{
	struct virt_as_create create = { .size = sizeof(create) };

	g->fds[DEVICE] = open("/dev/virt_as", O_RDWR | O_CLOEXEC);
	g->fds[AS] = g->fds[DEVICE] < 0 ? -1 : ioctl(g->fds[DEVICE], VIRT_AS_CREATE, &create);
	if (g->fds[AS] < 0)
		return -errno;
	return build_maps(g) ?: as_commit(g, g->fds[AS], g->maps[0], g->nr);
}

static int open_log(struct guest *g)
{
	struct virt_as_log_open log = { .size = sizeof(log) };

	g->fds[LOG] = ioctl(g->fds[AS], VIRT_AS_LOG, &log);
	return g->fds[LOG] < 0 ? -errno : 0;
}

static int open_bench(struct guest *g)
{
	struct vab_guest_arg arg = {
		.as = g->fds[AS], .kvm = g->fds[KVM], .iommu = g->fds[IOMMU], .ioas = g->ioas,
		.nr = g->nr, .gpa = GPA, .gpa_stride = GPA_STRIDE,
		.hva = hva_of(g, 0), .len = REGION_LEN,
	};

	g->fds[BENCH] = open(VAB_DEVICE, O_RDWR | O_CLOEXEC);
	return g->fds[BENCH] < 0 || ioctl(g->fds[BENCH], VAB_GUEST, &arg) ? -errno : 0;
}

static int step(const char *what, int err)
{
	if (err)
		printf("error %s: %s\n", what, strerror(-err));
	return err;
}

/* A guest of @nr regions, or NULL after it has said why. */
struct guest *guest_open(__u32 nr, bool logged)
{
	struct guest *g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t len = (nr + 1) * REGION_LEN;

	if (g == MAP_FAILED)
		return NULL;
	g->nr = nr;
	g->logged = logged;
	g->owner = getpid();
	for (size_t i = 0; i < NR_FDS; i++)
		g->fds[i] = -1;
	g->ram = mmap(NULL, len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (g->ram == MAP_FAILED)
		g->ram = NULL;
	if (step("memory", g->ram && !madvise(g->ram, len, MADV_NOHUGEPAGE) &&
		 !madvise(g->ram, len, MADV_DONTFORK) ? 0 : -errno) ||
	    step("virt_as", open_as(g)) || (logged && step("log", open_log(g))) ||
	    (nr <= MAX_PEERS && (step("kvm", open_kvm(g)) ||
				 step("iommufd", open_iommu(g)) ||
				 step("vhost", open_vhost(g)))) ||
	    step("bench", open_bench(g))) {
		guest_close(g);
		return NULL;
	}
	return g;
}

void guest_close(struct guest *g)
{
	for (size_t i = 0; i < NR_FDS; i++)
		if (g->fds[i] >= 0)
			close(g->fds[i]);
	if (g->ram)
		munmap(g->ram, (g->nr + 1) * REGION_LEN);
	for (size_t i = 0; i < ARRAY_SIZE(g->maps); i++)
		free(g->maps[i]);
	munmap(g, sizeof(*g));
}
