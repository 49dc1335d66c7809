// SPDX-License-Identifier: GPL-2.0-only
/*
 * The account of the demo, for people: what was seen, out of how much, and
 * whether that is right. A zero counts only when enough was tried.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "demo.h"

static const char * const who_names[NR_WHO] = {
	[WHO_OWN] = "a thread of the owner",
	[WHO_FOREIGN] = "a process of another user",
};

static const char kernel_name[] = "a thread of the kernel";

/* A number with its thousands set apart; good until eight more are asked for. */
const char *num(__u64 n)
{
	static char room[8][32];
	static unsigned int next;
	char *to = &room[next++ % 8][31];

	*to = 0;
	for (int digits = 0; !digits || n; digits++, n /= 10) {
		if (digits && digits % 3 == 0)
			*--to = ',';
		*--to = '0' + n % 10;
	}
	return to;
}

__u64 per_second(__u64 n, __u64 ns)
{
	return ns ? n * 1000 / (ns / 1000000 ?: 1) : 0;
}

void introduce(const struct demo *d)
{
	printf("A guest has %s regions of memory. Its map is replaced, whole, again and again,\n"
	       "while these read and write through it:\n"
	       "  %s,\n  %s%s%s.\n"
	       "Each new map has the guest's memory at other host addresses, stamped with its\n"
	       "generation. Who saw parts of two maps would see two stamps: a torn section.\n\n",
	       num(d->guest.nr_entries), who_names[WHO_OWN], who_names[WHO_FOREIGN],
	       d->module ? ",\n  " : "", d->module ? kernel_name : "");
}

static void verdict(struct demo *d, bool right)
{
	printf("  %s  ", right ? "ok   " : "WRONG");
	d->wrong |= !right;
}

#define check(d, right, ...)		\
	do {				\
		verdict(d, right);	\
		printf(__VA_ARGS__);	\
		printf("\n");		\
	} while (0)

static void check_overlap(struct demo *d, __u64 overlapped, __u64 sections)
{
	__u64 share = sections ? overlapped * 100 / sections : 0;

	check(d, overlapped >= FLOOR_OVERLAPPED,
	      "%s sections, %llu %%, overlapped a commit (%u wanted)",
	      num(overlapped), share, FLOOR_OVERLAPPED);
}

static void account_of_reader(struct demo *d, enum who who)
{
	const struct reader *r = &shared->readers[who];
	const struct returns *back = &d->guest.returns[who];
	const char *name = who_names[who];
	__u64 ns = d->end - d->begin;

	printf("\n%c%s: %s reads of 64 KiB a second, %s MB/s\n", name[0] - 'a' + 'A', name + 1,
	       num(per_second(r->sections, ns)),
	       num(per_second(r->sections * WINDOW * PAGE_SIZE, ns) / 1000000));
	check(d, !r->error, "%s%s", r->error ? "an access failed: " : "every access succeeded",
	      r->error ? strerror(r->error) : "");
	check(d, !r->torn && r->generations >= FLOOR_GENERATIONS,
	      "%s torn of %s sections of %u regions; %s distinct generations seen (%u wanted)",
	      num(r->torn), num(r->sections), WINDOW, num(r->generations), FLOOR_GENERATIONS);
	check(d, !r->misplaced && r->through_alias >= FLOOR_GENERATIONS,
	      "%s with a wrong page; %s of the sections were read through an alias",
	      num(r->misplaced), num(r->through_alias));
	check(d, !r->stale, "%s saw an older map than was published before they began",
	      num(r->stale));
	check_overlap(d, r->overlapped, r->sections);
	check(d, !r->unread, "%s lost of %s writes, each read back through an alias",
	      num(r->unread), num(r->writes));
	check(d, d->guest.mailbox->last[who] == r->writes,
	      "the owner finds the last one, number %s, in its own memory",
	      num(d->guest.mailbox->last[who]));
	check(d, !back->late && !back->wrong && back->maps >= FLOOR_WRITTEN_MAPS,
	      "%s of the writes to memory that moves came after its drain, %s were wrong; %s maps held one (%u wanted)",
	      num(back->late), num(back->wrong), num(back->maps), FLOOR_WRITTEN_MAPS);
}

static void account_of_kernel(struct demo *d)
{
	const struct virt_as_sample_reply *r = &d->guest.reply;
	const struct returns *back = &d->guest.replies;

	printf("\nA%s: %s sections a second, each %u reads and a write\n", kernel_name + 1,
	       num(per_second(r->sections, d->end - d->begin)), VIRT_AS_SAMPLE_STAMPS);
	check(d, !r->failed, "%s of its sections failed", num(r->failed));
	check(d, !r->torn && back->maps >= FLOOR_GENERATIONS,
	      "%s torn of %s sections of %u far-apart regions; %s distinct generations seen (%u wanted)",
	      num(r->torn), num(r->sections), VIRT_AS_SAMPLE_STAMPS, num(back->maps),
	      FLOOR_GENERATIONS);
	check_overlap(d, r->overlapped, r->sections);
	check(d, !back->late && !back->wrong,
	      "%s of its replies came after the drain of their map, %s belonged to another",
	      num(back->late), num(back->wrong));
	check(d, d->answered, "its last reply answered the owner's last request");
}

bool account(struct demo *d, int foreign_status)
{
	const struct guest *g = &d->guest;
	struct virt_as_info info = { .size = sizeof(info) };
	__u64 ns = d->end - d->begin;
	bool known = !ioctl(g->fd, VIRT_AS_INFO, &info);

	printf("\nThe owner: %s commits in %llu.%llu s, %s a second; %s us each, at worst %s us\n",
	       num(g->commits), ns / NSEC_PER_SEC, ns / (NSEC_PER_SEC / 10) % 10,
	       num(per_second(g->commits, ns)), num(g->commit_ns / g->commits / 1000),
	       num(g->worst_ns / 1000));
	check(d, g->commits >= FLOOR_COMMITS, "%s whole maps were replaced (%u wanted)",
	      num(g->commits), FLOOR_COMMITS);
	printf("         each: %s regions, %s of them aliases, %s moved to other memory\n",
	       num(g->nr_entries), num(NR_ALIASES + 1), num(g->nr_pages + NR_ALIASES));
	check(d, known && info.out_drained_generation == g->generation &&
	      info.out_nr_regions == g->nr_entries,
	      "the map has generation %s, and all older ones are drained",
	      num(info.out_generation));
	check(d, known && !info.out_nr_bindings, "%u modules are bound after the end",
	      info.out_nr_bindings);

	for (int who = 0; who < NR_WHO; who++)
		account_of_reader(d, who);
	if (d->module)
		account_of_kernel(d);

	printf("\nRefused, on purpose:\n");
	for (unsigned int i = 0; i < shared->nr_refusals; i++) {
		const struct refusal *r = &shared->refusals[i];

		check(d, r->got == r->expected, "%s: %s", r->what,
		      r->got ? strerrorname_np(r->got) : "was allowed");
	}
	check(d, !foreign_status, "the foreign process ended well");

	printf("\n%s\n", d->wrong ? "Something is WRONG; see above." : "All is right.");
	return !d->wrong;
}
