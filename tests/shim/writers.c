// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers of every kind: with the owner's memory, as a kernel thread, as a foreign
 * task, and past the access functions, as a guest does: its writes are only heard of
 * because pages are armed.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>

#include "binding.h"
#include "object.h"
#include "oracle.h"
#include "shim.h"

enum { OWN, KTHREAD, FOREIGN, GUEST };

struct writer writers[WRITERS];
bool stop_writing;

static struct mm_struct stranger = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &stranger,
	.task_size = TASK_SIZE_MAX,
};

/*
 * The guest's page table for the large region: writes hold @mmu for reading, so to
 * take it for writing is to flush a TLB. A page that is armed faults.
 */
static struct {
	pthread_rwlock_t mmu;
	struct virt_as_bits *live;
	u8 armed[LARGE_PAGES];
} guest = { .mmu = PTHREAD_RWLOCK_INITIALIZER };

static void log_commit(struct virt_as_binding *binding, bool on)
{
	const struct virt_as_region *region;

	region = virt_as_region_at(binding, gpa_of(LARGE_FIRST, 0));
	pthread_rwlock_wrlock(&guest.mmu);
	CHECK(!on == !!guest.live);
	guest.live = on ? region->live : NULL;
	CHECK(!on == !guest.live);
	memset(guest.armed, on, sizeof(guest.armed));
	pthread_rwlock_unlock(&guest.mmu);
}

static void arm(struct virt_as_binding *binding, const struct virt_as_word *words,
		unsigned int nr)
{
	unsigned int i;
	u64 mask;

	(void)binding;
	pthread_rwlock_wrlock(&guest.mmu);
	for (i = 0; i < nr; i++) {
		if (words[i].region->hva != LARGE_HVA)
			continue;
		for (mask = words[i].mask; mask; mask &= mask - 1) {
			u64 page = words[i].gpa / PAGE_SIZE + __builtin_ctzll(mask);

			guest.armed[page - FIRST_PAGE - LARGE_FIRST] = 1;
		}
	}
	pthread_rwlock_unlock(&guest.mmu);
}

static const struct virt_as_binding_ops guest_ops = {
	.log_commit = log_commit,
	.arm = arm,
};

static const struct virt_as_binding_ops plain_ops;

u64 *memory_at(u64 hva)
{
	u64 left;

	return (u64 *)shim_user_at(hva, &left);
}

static void write_as_guest(u64 page, u32 word, u64 value)
{
	u64 *at = memory_at(LARGE_HVA + page * PAGE_SIZE + word * WORD_APART);

	pthread_rwlock_rdlock(&guest.mmu);
	if (guest.live && READ_ONCE(guest.armed[page])) {
		/* The fault: marked first, as what follows cannot be seen. */
		WRITE_ONCE(guest.armed[page], 0);
		virt_as_mark(guest.live, gpa_of(LARGE_FIRST + page, word));
	}
	WRITE_ONCE(*at, value);
	pthread_rwlock_unlock(&guest.mmu);
}

/* By the host address, and then to say so. */
static ssize_t store(struct virt_as_section *section, struct virt_as_cache *cache,
		     u64 gpa, u64 value, bool by_gpa)
{
	struct virt_as_segment segment;
	int nr = virt_as_translate(section, cache, gpa, sizeof(value), &segment, 1);

	if (nr < 0)
		return nr;
	if (!(segment.perms & VIRT_AS_PERM_WRITE))
		return -EACCES;
	WRITE_ONCE(*memory_at((unsigned long)segment.hva), value);
	if (by_gpa)
		CHECK(!virt_as_mark_gpa(section, gpa, sizeof(value)));
	else
		virt_as_mark_segment(&segment, 0, sizeof(value));
	return sizeof(value);
}

static ssize_t write_once(struct writer *writer, struct virt_as_section *section,
			  struct virt_as_cache *cache, struct rng *rng, u64 gpa, u64 value)
{
	switch (rng_below(rng, writer->number == FOREIGN ? 4 : 6)) {
	case 0:
		return virt_as_zero(section, cache, gpa, sizeof(value));
	case 4:
		return store(section, cache, gpa, value, false);
	case 5:
		return store(section, cache, gpa, value, true);
	default:
		return virt_as_copy_to(section, cache, gpa, &value, sizeof(value));
	}
}

/* Some pages are written again and again, so that their bits are taken meanwhile. */
static u64 some_page(struct rng *rng)
{
	if (rng_once_in(rng, 2))
		return rng_below(rng, SLOTS) * SLOT_APART + rng_below(rng, 3);
	if (rng_once_in(rng, 2))
		return LARGE_FIRST + rng_below(rng, 4) * 2000;
	return rng_below(rng, PAGES);
}

static void *write_memory(void *arg)
{
	static u64 values;
	struct writer *writer = arg;
	struct rng rng = { test_seed ^ READ_ONCE(writer->writes) ^ writer->number };
	struct virt_as_cache cache = {};
	struct virt_as_section section;

	shim_reader = FIRST_WRITER + writer->number;
	current->flags = writer->number == KTHREAD ? PF_KTHREAD : 0;
	current->mm = writer->number == KTHREAD ? NULL :
		      writer->number == FOREIGN ? &stranger : &owner;
	while (!READ_ONCE(stop_writing)) {
		u32 batch = 1 + rng_below(&rng, 8);
		bool single = rng_once_in(&rng, 4);
		u64 done = 0;

		if (!single)
			CHECK(!virt_as_begin(&writer->binding, &section));
		while (batch--) {
			u64 value = __atomic_add_fetch(&values, 1, __ATOMIC_RELAXED);
			u64 page = some_page(&rng);
			u32 word = rng_below(&rng, WORDS);
			u64 gpa = gpa_of(page, word);

			if (writer->number == GUEST && page >= LARGE_FIRST) {
				write_as_guest(page - LARGE_FIRST, word, value);
				done++;
			} else if (single) {
				done += virt_as_write(&writer->binding, &cache, gpa, &value,
						      sizeof(value)) > 0;
			} else {
				done += write_once(writer, &section, &cache, &rng, gpa,
						   value) > 0;
			}
		}
		if (!single)
			virt_as_end(&section);
		WRITE_ONCE(writer->writes, writer->writes + done);
		if (rng_once_in(&rng, 16))
			sched_yield();
	}
	return NULL;
}

u64 count_writes(void)
{
	u64 writes = 0;
	u32 i;

	for (i = 0; i < WRITERS; i++)
		writes += READ_ONCE(writers[i].writes);
	return writes;
}

void bind_writers(void)
{
	u32 i;

	for (i = 0; i < WRITERS; i++) {
		writers[i].number = i;
		CHECK(!virt_as_bind(as, &writers[i].binding,
				    i == GUEST ? &guest_ops : &plain_ops,
				    VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE));
	}
}

void unbind_writers(void)
{
	u32 i;

	for (i = 0; i < WRITERS; i++)
		virt_as_unbind(&writers[i].binding);
	CHECK(stranger.mm_count == 1 && stranger.mm_users == 1);
}

void start_writers(void)
{
	u32 i;

	WRITE_ONCE(stop_writing, false);
	for (i = 0; i < WRITERS; i++)
		CHECK(!pthread_create(&writers[i].thread, NULL, write_memory, &writers[i]));
}

void stop_writers(void)
{
	u32 i;

	WRITE_ONCE(stop_writing, true);
	for (i = 0; i < WRITERS; i++)
		CHECK(!pthread_join(writers[i].thread, NULL));
}
