// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread that replaces the map while the guest works. Each replacement turns the
 * window and cuts the RAM elsewhere: in one place, so that two regions are others
 * although the memory is the same, or everywhere. The guest must notice nothing but
 * the new epoch.
 */
#include <err.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "torture.h"

#define LOW_CUTS	2U		/* at most */
#define HIGH_CUTS	24U
#define EVERYWHERE	8U		/* one in so many replacements cuts all anew */
#define PAUSE_US	10000U		/* at most, between two replacements */
#define PROGRESS_NS	(5 * NSEC_PER_SEC)
#define GLANCE_US	1000U
#define GLANCES		200U		/* at most, for readers to see a map */
#define HASTE		4U		/* one in so many replacements waits for nobody */

__u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* xorshift64 */
static __u64 random_below(struct torture *torture, __u64 limit)
{
	__u64 x = torture->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	torture->random = x;
	return x % limit;
}

/* Each cut has a slice of its own, in which it lies anywhere. */
static void cut(struct torture *torture, struct memory *memory, unsigned int i)
{
	__u64 slice = memory->len / PAGE_SIZE / (memory->nr_cuts + 1);

	memory->cuts[i] = (i * slice + 1 + random_below(torture, slice)) * PAGE_SIZE;
}

static void cut_all(struct torture *torture, struct memory *memory, unsigned int max)
{
	memory->nr_cuts = 1 + random_below(torture, max);
	for (unsigned int i = 0; i < memory->nr_cuts; i++)
		cut(torture, memory, i);
}

static void cut_ram(struct torture *torture)
{
	struct space *space = &torture->vmm->space;
	struct memory *high = &space->ram_high;

	if (high->nr_cuts && random_below(torture, EVERYWHERE)) {
		cut(torture, high, random_below(torture, high->nr_cuts));
	} else {
		cut_all(torture, &space->ram_low, LOW_CUTS);
		cut_all(torture, high, HIGH_CUTS);
	}
}

static void replace(struct torture *torture)
{
	struct space *space = &torture->vmm->space;
	__u64 ns;

	space_begin(space);
	window_turn(&torture->window);
	if (torture->done >= torture->vmm->options.keep_ram)
		cut_ram(torture);
	ns = now_ns();
	space_commit(space);
	ns = now_ns() - ns;

	torture->done++;
	torture->regions += space->after.nr;
	torture->commit_ns += ns;
	if (ns > torture->worst_ns)
		torture->worst_ns = ns;
}

static bool all_have_seen(const struct torture *torture)
{
	const struct window *window = &torture->window;

	for (unsigned int i = 0; i < torture->vmm->options.nr_vcpus; i++)
		if (load(window->registers[WINDOW_READER(i, READER_NEWEST)]) < window->epoch)
			return false;
	return true;
}

/*
 * Where a replacement makes all memory fault anew, a guest that never gets further
 * would see nothing. Most maps stay until all have seen them, and a little longer.
 */
static void let_it_see(struct torture *torture)
{
	if (!random_below(torture, HASTE))
		return;
	for (unsigned int i = 0; i < GLANCES && !all_have_seen(torture); i++)
		usleep(GLANCE_US);
	usleep(random_below(torture, PAUSE_US));
}

static void replace_all(struct torture *torture)
{
	struct vmm *vmm = torture->vmm;
	__u64 told;

	torture->begin = now_ns();
	told = torture->begin;
	while (torture->done < vmm->options.replacements && !vmm_ended(vmm)) {
		replace(torture);
		let_it_see(torture);
		if (now_ns() - told >= PROGRESS_NS) {
			torture_progress(torture);
			told = now_ns();
		}
	}
	torture->end = now_ns();
}

static void *replacer_thread(void *data)
{
	struct torture *torture = data;
	struct vmm *vmm = torture->vmm;

	while (!window_ready(&torture->window) && !vmm_ended(vmm))
		usleep(PAUSE_US);
	if (!vmm->options.slots) {
		harvest_start(&torture->harvester, &vmm->space);
		torture->harvesting = true;
	}
	replace_all(torture);
	window_stop(&torture->window);
	return NULL;
}

struct torture *torture_create(struct vmm *vmm)
{
	struct torture *torture = calloc(1, sizeof(*torture));

	if (!torture)
		err(EXIT_USAGE, "no memory for the torture; free some");
	torture->vmm = vmm;
	torture->random = vmm->options.seed;
	window_init(&torture->window, vmm);
	return torture;
}

void torture_start(struct torture *torture)
{
	if (pthread_create(&torture->replacer, NULL, replacer_thread, torture))
		errx(EXIT_USAGE, "no thread that replaces the map; ulimit -u may help");
}

/* For how many seconds a guest that was at work has not been heard of. */
__u64 torture_silence(struct torture *torture)
{
	__u64 heard = load(torture->window.heard), now = now_ns();

	if (heard != torture->heard || !window_ready(&torture->window))
		torture->heard_at = now;
	torture->heard = heard;
	return (now - torture->heard_at) / NSEC_PER_SEC;
}

void torture_stop(struct torture *torture)
{
	pthread_join(torture->replacer, NULL);
	if (torture->harvesting)
		harvest_stop(&torture->harvester);
}
