// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program can call, of virt_as and of its peers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>
#include "guest.h"

#define BATCH		50
#define MAX_BATCHES	2000

static int sys(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int moved(ssize_t ret)
{
	return ret < 0 ? -errno : ret == LEN ? 0 : -EIO;
}

/* Where the calls that copy do it. */
static __u32 place(const struct guest *g)
{
	return g->nr * 2 / 3;
}

static int nothing(struct guest *g)
{
	(void)g;
	return 0;
}

static void fill(__u64 *words, __u64 with)
{
	for (size_t i = 0; i < LEN / sizeof(*words); i++)
		words[i] = with + i;
}

static __u64 *there(const struct guest *g)
{
	return (__u64 *)(uintptr_t)hva_of(g, place(g));
}

/* A commit of the first map, and what will be copied unlike what is there. */
static int before_copy(struct guest *g)
{
	fill(g->buf, __rdtsc());
	fill(there(g), __rdtsc());
	return as_commit(g, g->fds[AS], g->maps[0], g->nr);
}

static int after_copy(struct guest *g)
{
	return memcmp(g->buf, there(g), LEN) ? -EIO : 0;
}

static int as_pread(struct guest *g)
{
	return moved(pread(g->fds[AS], g->buf, LEN, gpa_of(place(g))));
}

static int as_pwrite(struct guest *g)
{
	return moved(pwrite(g->fds[AS], g->buf, LEN, gpa_of(place(g))));
}

static int vm_readv(struct guest *g)
{
	struct iovec here = { g->buf, LEN }, far = { there(g), LEN };

	return moved(process_vm_readv(g->owner, &here, 1, &far, 1, 0));
}

static int vm_writev(struct guest *g)
{
	struct iovec here = { g->buf, LEN }, far = { there(g), LEN };

	return moved(process_vm_writev(g->owner, &here, 1, &far, 1, 0));
}

static int create_close(struct guest *g)
{
	struct virt_as_create create = { .size = sizeof(create) };
	int as = ioctl(g->fds[DEVICE], VIRT_AS_CREATE, &create);

	return sys(as) ?: sys(close(as));
}

/* One commit is one generation more. */
static int commit_map(struct guest *g, unsigned int map, __u32 nr)
{
	__u64 last = g->generation;
	int err = as_commit(g, g->fds[AS], g->maps[map], nr);

	return err ?: g->generation == last + 1 ? 0 : -EIO;
}

static int commit_ascending(struct guest *g)
{
	return commit_map(g, g->turn++ % 2, g->nr);
}

static int commit_shuffled(struct guest *g)
{
	return commit_map(g, SHUFFLED + g->turn++ % 2, g->nr);
}

/* The last that was committed is the map: at each gpa is the memory it says. */
static int check_map(struct guest *g, unsigned int first)
{
	const struct virt_as_entry *map = g->maps[first + (g->turn - 1) % 2];
	int err = 0;

	for (__u32 i = 0; i < g->nr && !err; i += g->nr / 64 + 1) {
		__u64 *words = (__u64 *)(uintptr_t)map[i].hva;

		fill(words, __rdtsc());
		err = moved(pread(g->fds[AS], g->buf, LEN, map[i].gpa)) ?:
		      memcmp(g->buf, words, LEN) ? -EIO : 0;
	}
	return err;
}

static int check_ascending(struct guest *g)
{
	return check_map(g, 0);
}

static int check_shuffled(struct guest *g)
{
	return check_map(g, SHUFFLED);
}

static int commit_no_map(struct guest *g)
{
	return commit_map(g, 0, 0);
}

static int commit_build(struct guest *g)
{
	g->turn = 1;
	return commit_map(g, 0, g->nr);
}

static int commit_nothing(struct guest *g)
{
	struct virt_as_commit commit = { .size = sizeof(commit) };
	__u64 last = g->generation;
	int err = sys(ioctl(g->fds[AS], VIRT_AS_COMMIT, &commit));

	g->generation = commit.out_generation;
	return err ?: g->generation == last + 1 ? 0 : -EIO;
}

static int kvm_build(struct guest *g)
{
	int err = 0;

	for (__u32 i = 0; i < g->nr && !err; i++)
		err = kvm_set(g, i, REGION_LEN, 0);
	return err;
}

static int kvm_replace(struct guest *g)
{
	__u32 shift = ++g->turn % 2;
	int err = 0;

	for (__u32 i = 0; i < g->nr && !err; i++)
		err = kvm_set(g, i, 0, 0) ?: kvm_set(g, i, REGION_LEN, shift);
	return err;
}

/* As guest_open() left it. */
static int kvm_restore(struct guest *g)
{
	return kvm_clear(g) ?: kvm_build(g);
}

static int iommu_build(struct guest *g)
{
	int err = 0;

	for (__u32 i = 0; i < g->nr && !err; i++)
		err = iommu_map(g, i, 0);
	return err;
}

static int iommu_replace(struct guest *g)
{
	__u32 shift = ++g->turn % 2;
	int err = iommu_clear(g);

	for (__u32 i = 0; i < g->nr && !err; i++)
		err = iommu_map(g, i, shift);
	return err;
}

static int iommu_restore(struct guest *g)
{
	return iommu_clear(g) ?: iommu_build(g);
}

static struct vhost_memory *vhost_tables[2];

static int vhost_tables_build(struct guest *g)
{
	for (__u32 k = 0; k < 2; k++) {
		struct vhost_memory *m = calloc(1, sizeof(*m) + g->nr * sizeof(m->regions[0]));

		if (!m)
			return -ENOMEM;
		m->nregions = g->nr;
		for (__u32 i = 0; i < g->nr; i++)
			m->regions[i] = (struct vhost_memory_region) {
				.guest_phys_addr = gpa_of(i), .memory_size = REGION_LEN,
				.userspace_addr = hva_of(g, i + k),
			};
		vhost_tables[k] = m;
	}
	return 0;
}

static int vhost_replace(struct guest *g)
{
	return sys(ioctl(g->fds[VHOST], VHOST_SET_MEM_TABLE, vhost_tables[g->turn++ % 2]));
}

static int vhost_tables_free(struct guest *g)
{
	(void)g;
	for (__u32 k = 0; k < 2; k++) {
		free(vhost_tables[k]);
		vhost_tables[k] = NULL;
	}
	return 0;
}

static const struct call calls[] = {
	{ "nothing", 1, 1, nothing, nothing, nothing },
	{ "pread", 1, BATCH, before_copy, as_pread, after_copy },
	{ "pwrite", 1, BATCH, before_copy, as_pwrite, after_copy },
	{ "process_vm_readv", 1, BATCH, before_copy, vm_readv, after_copy },
	{ "process_vm_writev", 1, BATCH, before_copy, vm_writev, after_copy },
	{ "VIRT_AS_CREATE, close", 1, BATCH, nothing, create_close, nothing },
	{ "VIRT_AS_COMMIT, nothing", 1, 20, nothing, commit_nothing, nothing },
	{ "VIRT_AS_COMMIT, hvas ascending", 0, 2, nothing, commit_ascending,
	  check_ascending },
	{ "VIRT_AS_COMMIT, hvas shuffled", 0, 2, nothing, commit_shuffled,
	  check_shuffled },
	{ "VIRT_AS_COMMIT", 0, 0, commit_no_map, commit_build, check_ascending },
	{ "KVM_SET_USER_MEMORY_REGION", 0, 0, kvm_clear, kvm_build, nothing },
	{ "KVM_SET_USER_MEMORY_REGION, twice", 0, 2, nothing, kvm_replace, kvm_restore },
	{ "IOMMU_IOAS_MAP", 0, 0, iommu_clear, iommu_build, nothing },
	{ "IOMMU_IOAS_UNMAP, IOMMU_IOAS_MAP", 0, 2, nothing, iommu_replace, iommu_restore },
	{ "VHOST_SET_MEM_TABLE", 0, 2, vhost_tables_build, vhost_replace, vhost_tables_free },
};

const struct call *call_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(calls[i].name, name))
			return &calls[i];
	for (const struct call *call = log_calls; call->name; call++)
		if (!strcmp(call->name, name))
			return call;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	__s64 x = *(const __s64 *)a, y = *(const __s64 *)b;

	return x < y ? -1 : x > y;
}

/*
 * The mean of the middle half. The few batches that the timer interrupted are at
 * the end; and what takes one of two ways, as it happens, has a steady mean.
 */
static double middle(__s64 *samples, unsigned int nr)
{
	double sum = 0;

	qsort(samples, nr, sizeof(*samples), compare);
	for (unsigned int i = nr / 4; i < nr - nr / 4; i++)
		sum += samples[i];
	return sum / (nr - nr / 4 * 2);
}

/* What takes a time for each region is not done so often if there are many. */
static unsigned int batch_of(const struct guest *g, const struct call *call)
{
	if (!call->batch)
		return 1;
	return call->per || g->nr > BATCH / 2 ? call->batch : BATCH / g->nr;
}

/* Does it some times, and counts. */
static __s64 batch(struct guest *g, int (*operate)(struct guest *g), unsigned int nr,
		   int *err)
{
	__s64 start = __rdtsc();

	for (unsigned int i = 0; i < nr; i++)
		*err |= operate(g);
	return __rdtsc() - start;
}

/* The instructions of a batch, without those of an empty one. */
static int run(struct guest *g, const struct call *call, unsigned int batches,
	       double *insns)
{
	const struct call *empty = call_find("nothing");
	unsigned int nr = batch_of(g, call);
	__s64 samples[MAX_BATCHES];
	int err = 0;

	if (!empty || batches > MAX_BATCHES)
		return -EINVAL;
	for (unsigned int i = 0; i < batches; i++)
		samples[i] = batch(g, empty->operate, nr, &err);
	*insns = -middle(samples, batches);
	/* Two batches to warm up. */
	for (unsigned int i = 0; i < batches + 2 && !err; i++) {
		if (!call->batch)
			err = call->before(g);
		if (!err)
			samples[i < 2 ? 0 : i - 2] = batch(g, call->operate, nr, &err);
		if (!call->batch && !err)
			err = call->after(g);
	}
	*insns += middle(samples, batches);
	return err;
}

/* The same in a child, which shares no memory with the guest. */
static int run_foreign(struct guest *g, const struct call *call,
		       unsigned int batches, double *insns)
{
	double *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 1;
	pid_t pid;

	if (shared == MAP_FAILED)
		return -ENOMEM;
	pid = fork();
	if (!pid)
		_exit(-run(g, call, batches, shared));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 1;
	*insns = *shared;
	munmap(shared, sizeof(*shared));
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/**
 * call_count - count the instructions of a call
 * @g: the guest
 * @call: what to call
 * @batches: how many batches
 * @foreign: by another process
 * @value: set to the instructions of one operation
 *
 * Return: 0 or -errno.
 */
int call_count(struct guest *g, const struct call *call, unsigned int batches,
	       bool foreign, double *value)
{
	int err = call->batch ? call->before(g) : 0;
	double insns = 0;

	if (!err)
		err = (foreign ? run_foreign : run)(g, call, batches, &insns);
	if (!err && call->batch)
		err = call->after(g);
	*value = insns / batch_of(g, call) / (call->per ?: g->nr);
	return err;
}
