// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's memory map: a list of memories, of which each commit makes a list of
 * regions, the whole map. An address space takes that list in one call, and KVM,
 * which is bound to it, follows while vCPUs run. With --memory-map=slots, slots.c
 * tells KVM the difference, one ioctl a slot, as VMMs have to do without.
 */
#include <err.h>
#include <errno.h>
#include <linux/kvm_virt_as.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "space.h"
#include "vmm.h"

char *memory_alloc(__u64 len, const char *what)
{
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		err(EXIT_USAGE, "cannot get %llu KiB for %s; give less with --memory",
		    len / 1024, what);
	return memory;
}

void space_add(struct space *space, struct memory *memory)
{
	if (space->nr_memories == SPACE_MAX_MEMORIES)
		errx(EXIT_USAGE, "too many memories; raise SPACE_MAX_MEMORIES");
	space->memories[space->nr_memories++] = memory;
}

static void add_steady(struct space *space, struct memory *memory, __u64 gpa, __u64 len,
		       char *hva)
{
	*memory = (struct memory) { .gpa = gpa, .len = len, .hva = hva, .steady = true };
	space_add(space, memory);
}

void space_init(struct space *space, __u64 ram, bool slots)
{
	char *hva = memory_alloc(ram, "the guest's RAM");
	char *bios = memory_alloc(BIOS_LEN, "the guest's BIOS");

	pthread_mutex_init(&space->commits, NULL);
	pthread_mutex_init(&space->lock, NULL);
	add_steady(space, &space->ram_low, GPA_RAM_LOW, RAM_LOW_LEN, hva);
	add_steady(space, &space->ram_high, GPA_RAM_HIGH, ram - GPA_RAM_HIGH, hva + GPA_RAM_HIGH);
	add_steady(space, &space->bios, GPA_BIOS, BIOS_LEN, bios);
	add_steady(space, &space->bios_alias, GPA_BIOS_ALIAS, BIOS_LEN, bios);
	space->bios.readonly = true;
	space->bios_alias.readonly = true;

	space->fd = slots ? -1 : virt_as_create_any();
	if (!slots && space->fd < 0)
		errx(EXIT_USAGE, "no address space: %s; or use --memory-map=slots",
		     virt_as_create_hint(errno));
}

static void add_region(struct map *map, const struct memory *memory, __u64 from, __u64 to)
{
	map->entries[map->nr++] = (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD,
		.type = VIRT_AS_TYPE_RAM,
		.perms = VIRT_AS_PERM_READ | (memory->readonly ? 0 : VIRT_AS_PERM_WRITE),
		.flags = memory->steady ? VIRT_AS_ENTRY_CLEAN : 0,
		.gpa = memory->gpa + from,
		.len = to - from,
		.hva = (uintptr_t)memory->hva + from,
	};
}

static void make_map(const struct space *space, struct map *map)
{
	map->nr = 0;
	for (unsigned int i = 0; i < space->nr_memories; i++) {
		const struct memory *memory = space->memories[i];
		__u64 from = 0;

		if (memory->gpa == MEMORY_NOWHERE)
			continue;
		for (unsigned int cut = 0; cut < memory->nr_cuts; cut++) {
			add_region(map, memory, from, memory->cuts[cut]);
			from = memory->cuts[cut];
		}
		add_region(map, memory, from, memory->len);
	}
}

static void commit_to_address_space(struct space *space)
{
	struct virt_as_commit commit = {
		.size = sizeof(commit),
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = (uintptr_t)space->after.entries,
		.nr_entries = space->after.nr,
	};
	int error;

	if (!ioctl(space->fd, VIRT_AS_COMMIT, &commit))
		return;
	error = errno;
	if (commit.out_index < space->after.nr)
		warnx("the region at %#llx is the wrong one",
		      space->after.entries[commit.out_index].gpa);
	errno = error;
	err(EXIT_USAGE, "the map of %u regions was refused; linux/virt_as.h says why",
	    space->after.nr);
}

/* Nobody else changes memories from here to space_commit(). */
void space_begin(struct space *space)
{
	pthread_mutex_lock(&space->commits);
}

static void commit(struct space *space)
{
	pthread_mutex_lock(&space->lock);
	space->before = space->after;
	make_map(space, &space->after);
	pthread_mutex_unlock(&space->lock);

	if (space->fd >= 0)
		commit_to_address_space(space);
	else
		slots_commit(space);
}

/* The map becomes what the memories are. Until space_start() that is put off. */
void space_commit(struct space *space)
{
	if (space->started)
		commit(space);
	pthread_mutex_unlock(&space->commits);
}

static void bind_to_kvm(struct space *space)
{
	struct kvm_bind_virt_as bind = {
		.fd = space_restrict(space, VIRT_AS_RIGHT_BIND | VIRT_AS_RIGHT_READ |
					    VIRT_AS_RIGHT_WRITE),
	};

	if (ioctl(space->vm, KVM_BIND_VIRT_AS, &bind))
		err(EXIT_USAGE, "KVM does not bind to the address space; %s",
		    errno == ENOTTY ? "load this project's, or use --memory-map=slots" :
				      "linux/kvm_virt_as.h says why");
	close(bind.fd);
}

/* The first map, and from now on KVM's is what is committed. */
void space_start(struct space *space, int vm)
{
	space_begin(space);
	space->vm = vm;
	commit(space);
	if (space->fd >= 0)
		bind_to_kvm(space);
	space->started = true;
	pthread_mutex_unlock(&space->commits);
}

/* The guest's RAM at gpa, for who loads something into it. */
char *space_ram(struct space *space, __u64 gpa, __u64 len)
{
	const struct memory *high = &space->ram_high;

	if (gpa + len <= RAM_LOW_LEN)
		return space->ram_low.hva + gpa;
	if (gpa < high->gpa || gpa + len > high->gpa + high->len)
		errx(EXIT_USAGE, "the guest's memory is too small; give more with --memory");
	return high->hva + gpa - high->gpa;
}

static char *find_in(const struct map *map, __u64 gpa, __u64 len, bool write)
{
	for (unsigned int i = 0; i < map->nr; i++) {
		const struct virt_as_entry *entry = &map->entries[i];

		if (gpa < entry->gpa || gpa + len > entry->gpa + entry->len)
			continue;
		if (write && !(entry->perms & VIRT_AS_PERM_WRITE))
			return NULL;
		return (char *)(uintptr_t)(entry->hva + gpa - entry->gpa);
	}
	return NULL;
}

/*
 * Whether an access is to memory in the old map and in the new one, and therefore
 * was at every moment: KVM should not have asked anybody about it.
 */
bool space_find(struct space *space, __u64 gpa, __u64 len, bool write, char **hva)
{
	bool always;

	pthread_mutex_lock(&space->lock);
	*hva = find_in(&space->after, gpa, len, write);
	always = *hva && find_in(&space->before, gpa, len, write);
	pthread_mutex_unlock(&space->lock);
	return always;
}

int space_restrict(struct space *space, __u32 rights)
{
	struct virt_as_restrict restricted = {
		.size = sizeof(restricted),
		.rights = rights,
	};
	int fd = ioctl(space->fd, VIRT_AS_RESTRICT, &restricted);

	if (fd < 0)
		err(EXIT_USAGE, "cannot open the address space once more; ulimit -n may help");
	return fd;
}
