// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as the core has it here: its own in whole pages, as the kernel gives it
 * for a map, which can be made read-only; the guest's at the program's own addresses.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "native.h"

#define PAGE		4096UL
#define MAX_LIVE	256

static struct {
	void *start;
	size_t size;
} live[MAX_LIVE];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* No page is given back, which would interrupt the threads on other CPUs. */
static void __attribute__((constructor)) keep_pages(void)
{
	CHECK(mallopt(M_ARENA_MAX, 1));
	CHECK(mallopt(M_MMAP_THRESHOLD, 32 << 20));
	CHECK(mallopt(M_TRIM_THRESHOLD, 1 << 30));
}

static unsigned int find(const void *start)
{
	unsigned int i = 0;

	while (i < MAX_LIVE && live[i].start != start)
		i++;
	CHECK(i < MAX_LIVE);
	return i;
}

void *shim_alloc(size_t size, gfp_t flags)
{
	void *start;
	unsigned int i;

	size = (size + PAGE - 1) & ~(PAGE - 1);
	start = aligned_alloc(PAGE, size);
	if (!start)
		return NULL;
	if (flags & __GFP_ZERO)
		memset(start, 0, size);
	pthread_mutex_lock(&lock);
	i = find(NULL);
	live[i].start = start;
	live[i].size = size;
	pthread_mutex_unlock(&lock);
	return start;
}

void shim_free(const void *ptr)
{
	if (!ptr)
		return;
	pthread_mutex_lock(&lock);
	live[find(ptr)].start = NULL;
	pthread_mutex_unlock(&lock);
	free((void *)ptr);
}

static void protect_variables(int prot)
{
	u8 *from = (u8 *)((unsigned long)__data_start & ~(PAGE - 1));
	u8 *to = (u8 *)(((unsigned long)_end + PAGE - 1) & ~(PAGE - 1));

	CHECK(!mprotect(from, to - from, prot));
}

void memory_protect(const void *except)
{
	unsigned int i;

	for (i = 0; i < MAX_LIVE; i++)
		if (live[i].start && live[i].start != except)
			CHECK(!mprotect(live[i].start, live[i].size, PROT_READ));
	protect_variables(PROT_READ);
}

void memory_unprotect(void)
{
	unsigned int i;

	protect_variables(PROT_READ | PROT_WRITE);
	for (i = 0; i < MAX_LIVE; i++)
		if (live[i].start)
			CHECK(!mprotect(live[i].start, live[i].size,
					PROT_READ | PROT_WRITE));
}

unsigned long copy_to_user(void __user *to, const void *from, unsigned long n)
{
	if (unlikely(!access_ok(to, n)))
		return n;
	memcpy((void __force *)to, from, n);
	return 0;
}

unsigned long copy_from_user(void *to, const void __user *from, unsigned long n)
{
	if (unlikely(!access_ok(from, n)))
		return n;
	memcpy(to, (const void __force *)from, n);
	return 0;
}

unsigned long clear_user(void __user *to, unsigned long n)
{
	if (unlikely(!access_ok(to, n)))
		return n;
	memset((void __force *)to, 0, n);
	return 0;
}

int shim_get_user(void *to, const void __user *from, unsigned long width)
{
	return copy_from_user(to, from, width) ? -EFAULT : 0;
}

int shim_put_user(void __user *to, const void *from, unsigned long width)
{
	return copy_to_user(to, from, width) ? -EFAULT : 0;
}
