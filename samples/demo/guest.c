// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest: its memory, its address space, and the replacement of its map.
 *
 * There are two sets of pages for the RAM. Even generations use the first, odd
 * ones the second, and each generation shuffles the pages of its set anew. While
 * one set is mapped, the other is stamped for the next map. This is right only
 * if a commit that has returned leaves nobody with the old map: a reader that
 * still had it would see stamps of two generations.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <virt_as.h>
#include "demo.h"

/* Odd, hence a permutation of any power of two; neighbours end far apart. */
#define SHUFFLE		1597U

static void *guest_memory(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "cannot get %zu bytes of memory for the guest", len);
	return memory;
}

/* The page of a region in a given generation. */
static struct page_head *page_in(const struct guest *g, __u64 generation,
				 unsigned int region)
{
	__u64 slot = (region * SHUFFLE + generation) & (g->nr_pages - 1);

	return (struct page_head *)(g->ram[generation & 1] + slot * PAGE_SIZE);
}

struct page_head *guest_page(const struct guest *g, unsigned int region)
{
	return page_in(g, g->generation, region);
}

static struct virt_as_entry *add_entry(struct guest *g, __u64 gpa, void *hva,
				       __u32 perms)
{
	struct virt_as_entry *entry = &g->entries[g->nr_entries++];

	*entry = (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD,
		.type = VIRT_AS_TYPE_RAM,
		.perms = perms,
		.gpa = gpa,
		.len = PAGE_SIZE,
		.hva = (unsigned long)hva,
	};
	return entry;
}

void guest_create(struct guest *g, unsigned int nr_pages)
{
	const __u32 rw = VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE;
	struct virt_as_info info = { .size = sizeof(info) };
	unsigned int i;

	g->fd = virt_as_create_any();
	if (g->fd < 0)
		errx(1, "no address space: %s", virt_as_create_hint(errno));
	if (ioctl(g->fd, VIRT_AS_INFO, &info))
		err(1, "cannot ask the address space for its generation");
	g->generation = info.out_generation;

	g->nr_pages = nr_pages;
	g->ram[0] = guest_memory(nr_pages * PAGE_SIZE);
	g->ram[1] = guest_memory(nr_pages * PAGE_SIZE);
	g->mailbox = guest_memory(PAGE_SIZE);
	g->rom = guest_memory(PAGE_SIZE);

	/* In order of gpa; the hvas of RAM and its alias follow with each map. */
	g->entries = calloc(NR_FIXED + NR_ALIASES + nr_pages, sizeof(*g->entries));
	if (!g->entries)
		err(1, "no memory for a map of %u regions", nr_pages);
	add_entry(g, GPA_MAILBOX, g->mailbox, rw);
	add_entry(g, GPA_MAILBOX2, g->mailbox, rw);
	for (i = 0; i < NR_ALIASES; i++)
		add_entry(g, GPA_ALIASES + i * PAGE_SIZE, NULL, rw);
	add_entry(g, GPA_ROM, g->rom, VIRT_AS_PERM_READ);
	for (i = 0; i < nr_pages; i++)
		add_entry(g, GPA_OF(i), NULL, rw);
}

/* Takes what a writer left in a page whose map nobody has any more. */
static void collect(struct returns *returns, __u64 *where, __u64 made)
{
	__u64 value = load(*where);

	store(*where, 0);
	if (!value)
		return;
	returns->maps++;
	if (value <= returns->newest || value > made)
		returns->wrong++;
	returns->newest = value;
}

void guest_collect_reply(struct guest *g, struct page_head *page)
{
	struct virt_as_sample_reply *reply = &page->reply;

	if (!reply->sections)
		return;
	g->replies.maps++;
	if (reply->sections <= g->reply.sections ||
	    reply->generation != page->stamp.generation)
		g->replies.wrong++;
	g->reply = *reply;
	memset(reply, 0, sizeof(*reply));
}

static void guest_collect(struct guest *g, __u64 generation)
{
	struct page_head *page = page_in(g, generation, REGION_WRITTEN);

	for (int who = 0; who < NR_WHO; who++)
		collect(&g->returns[who], &page->written[who],
			load(shared->readers[who].writes));
	guest_collect_reply(g, page_in(g, generation, REGION_REPLY));
}

/* The map of this generation was drained long ago: has anybody written since? */
static void guest_look_for_late(struct guest *g, __u64 generation)
{
	struct page_head *page = page_in(g, generation, REGION_WRITTEN);

	for (int who = 0; who < NR_WHO; who++) {
		if (load(page->written[who]))
			g->returns[who].late++;
		store(page->written[who], 0);
	}
	page = page_in(g, generation, REGION_REPLY);
	if (load(page->reply.sections))
		g->replies.late++;
	memset(&page->reply, 0, sizeof(page->reply));
}

/* Stamps the set of pages that is not in use, and gives its hvas to the map. */
static void guest_prepare(struct guest *g, __u64 generation)
{
	struct virt_as_entry *aliases = &g->entries[2];
	struct virt_as_entry *ram = &g->entries[NR_FIXED + NR_ALIASES];

	for (unsigned int i = 0; i < g->nr_pages; i++) {
		struct page_head *page = page_in(g, generation, i);

		page->stamp.generation = generation;
		page->stamp.gpa = GPA_OF(i);
		ram[i].hva = (unsigned long)page;
		if (i < NR_ALIASES)
			aliases[i].hva = ram[i].hva;
	}
}

static void set_clock(struct guest *g, __u64 clock)
{
	store(g->mailbox->request, clock);
	store(shared->clock, clock);
}

void guest_replace(struct guest *g)
{
	struct virt_as_commit commit = {
		.size = sizeof(commit),
		.flags = VIRT_AS_COMMIT_REPLACE | VIRT_AS_COMMIT_EXPECT,
		.expected_generation = g->generation,
		.entries = (unsigned long)g->entries,
		.nr_entries = g->nr_entries,
	};
	__u64 old = g->generation, new = old + 1, ns;

	guest_look_for_late(g, new - 2);
	guest_prepare(g, new);

	set_clock(g, 2 * old + 1);
	ns = now_ns();
	if (ioctl(g->fd, VIRT_AS_COMMIT, &commit))
		err(1, "commit %llu was refused (entry %d of %u)", g->commits + 1,
		    (int)commit.out_index, g->nr_entries);
	ns = now_ns() - ns;
	set_clock(g, 2 * new);

	if (commit.out_generation != new)
		errx(1, "a commit made generation %llu instead of %llu",
		     commit.out_generation, new);
	g->generation = new;
	g->commits++;
	g->commit_ns += ns;
	if (ns > g->worst_ns)
		g->worst_ns = ns;
	guest_collect(g, old);
}

int guest_restrict(int fd, __u32 rights)
{
	struct virt_as_restrict restricted = {
		.size = sizeof(restricted),
		.rights = rights,
	};

	return ioctl(fd, VIRT_AS_RESTRICT, &restricted);
}
