// SPDX-License-Identifier: GPL-2.0-only
/* Address spaces to measure, made by real commits. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "binding.h"
#include "commit.h"
#include "grace.h"
#include "native.h"
#include "object.h"

static const struct virt_as_binding_ops no_ops;

static struct mm_struct owner = {
	.mm_count = 1,
	.mm_users = 1,
	.owner = &owner,
	.task_size = TASK_SIZE_MAX,
};

void space_init(void)
{
	space_enter_thread(0);
	CHECK(!virt_as_grace_init());
	CHECK(!virt_as_object_init());
}

void space_exit(void)
{
	virt_as_object_exit();
	virt_as_grace_exit();
}

void space_enter_thread(unsigned int counter)
{
	shim_reader = counter;
	current->mm = &owner;
}

static struct virt_as_entry *make_entries(u32 nr, const u8 *memory)
{
	struct virt_as_entry *entries = calloc(nr, sizeof(*entries));
	u32 i;

	CHECK(entries);
	for (i = 0; i < nr; i++)
		entries[i] = (struct virt_as_entry) {
			.op = VIRT_AS_OP_ADD,
			.type = VIRT_AS_TYPE_RAM,
			.perms = VIRT_AS_PERMS,
			.gpa = i * APART,
			.len = REGION,
			.hva = (unsigned long)memory + i * REGION,
		};
	return entries;
}

void space_commit(struct space *s, unsigned int set)
{
	struct virt_as_request request = {
		.flags = VIRT_AS_COMMIT_REPLACE,
		.entries = s->entries[set],
		.nr_entries = s->nr,
	};

	CHECK(!virt_as_commit_map(s->as, &request));
}

/* The memory is there when it is touched, which most of it never is. */
void space_open(struct space *s, u32 nr)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->nr = nr;
	s->as = virt_as_alloc();
	CHECK(!IS_ERR(s->as));
	for (i = 0; i < SETS; i++) {
		s->memory[i] = mmap(NULL, nr * REGION, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				    -1, 0);
		CHECK(s->memory[i] != MAP_FAILED);
		s->entries[i] = make_entries(nr, s->memory[i]);
	}
	space_commit(s, 0);
	CHECK(!virt_as_bind(s->as, &s->binding, &no_ops,
			    VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE));
}

void space_close(struct space *s)
{
	unsigned int i;

	virt_as_unbind(&s->binding);
	virt_as_put(s->as);
	for (i = 0; i < SETS; i++) {
		CHECK(!munmap(s->memory[i], s->nr * REGION));
		free(s->entries[i]);
	}
}
