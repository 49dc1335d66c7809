// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the guest: a thread on every vCPU reads all pages of the window, round and
 * round. Each page says of which map it is, and maps only become newer: a page older
 * than one that the same thread read before belongs to a map that was gone.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>
#include "device.h"
#include "window.h"

#define PAGE_SIZE	4096
#define PAGE_WORDS	(PAGE_SIZE / sizeof(__u64))
#define ROUNDS		256		/* between two reports */
#define MAX_CPUS	16
#define NICE		5		/* the guest has work to do */

static __u64 *window;
static __u64 *registers;

static void look_at(__u64 *told, __u64 epoch)
{
	told[READER_READS]++;
	if (epoch == NO_MEMORY) {
		told[READER_HOLES]++;
	} else if (epoch < told[READER_NEWEST]) {
		told[READER_TORN]++;
	} else if (epoch > told[READER_NEWEST]) {
		told[READER_EPOCHS]++;
		told[READER_NEWEST] = epoch;
	}
}

/* Every round reads another word of the pages. */
static void read_rounds(__u64 *told, __u64 *rounds)
{
	for (unsigned int i = 0; i < ROUNDS; i++, ++*rounds)
		for (unsigned int page = 0; page < WINDOW_PAGES; page++)
			look_at(told, load(window[page * PAGE_WORDS + *rounds % PAGE_WORDS]));
}

static void *reader(void *data)
{
	__u64 told[READER_NR] = { 0 }, rounds = 0;
	unsigned int cpu = (uintptr_t)data;
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here))
		err(2, "there is no CPU %u", cpu);
	while (!load(registers[WINDOW_STOP])) {
		read_rounds(told, &rounds);
		for (unsigned int what = 0; what < READER_NR; what++)
			store(registers[WINDOW_READER(cpu, what)], told[what]);
	}
	return NULL;
}

int main(void)
{
	unsigned int nr = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[MAX_CPUS];

	if (nice(NICE) != NICE)
		err(2, "cannot give way to others");
	if (nr > MAX_CPUS)
		errx(2, "there are more than %u CPUs; boot with fewer", MAX_CPUS);
	window = device_map(DEVICE_WINDOW, 0, WINDOW_PAGES * PAGE_SIZE);
	registers = device_map(DEVICE_WINDOW, 1, WINDOW_REGISTERS);
	for (unsigned int i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, reader, (void *)(uintptr_t)i))
			errx(2, "no thread for CPU %u; give the guest more memory", i);
	store(registers[WINDOW_READY], 1);
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
