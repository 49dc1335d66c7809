// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demo: commits whole maps in a loop while a thread of the owner, a process
 * of another user and a thread of the kernel read and write the guest's memory,
 * and gives an account of what they saw.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "demo.h"

struct shared *shared;

__u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Notes an attempt that must fail with the errno that is expected. */
void refused(const char *what, int expected, long ret)
{
	struct refusal *r = &shared->refusals[shared->nr_refusals++];

	r->got = ret < 0 ? errno : 0;
	r->expected = expected;
	snprintf(r->what, sizeof(r->what), "%s", what);
}

static int open_sample(void)
{
	int file = open("/dev/virt_as_sample", O_RDWR | O_CLOEXEC);

	if (file < 0)
		err(1, "cannot open /dev/virt_as_sample; is virt_as_sample.ko loaded?");
	return file;
}

/* Gives the kernel's sample an address space; stamps lie all over the RAM. */
static long run_sample(const struct demo *d, int file, int fd)
{
	struct virt_as_sample_run run = {
		.fd = fd,
		.stride = d->nr_pages / VIRT_AS_SAMPLE_STAMPS * PAGE_SIZE,
		.request = GPA_MAILBOX + offsetof(struct mailbox, request),
		.reply = GPA_OF(REGION_REPLY) + offsetof(struct page_head, reply),
		.stamps = GPA_RAM,
	};

	return ioctl(file, VIRT_AS_SAMPLE_RUN, &run);
}

static void refuse_sample(const struct demo *d, const char *what, int expected, int fd)
{
	int file = open_sample();

	refused(what, expected, run_sample(d, file, fd));
	close(file);
}

static void start_sample(struct demo *d)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	refuse_sample(d, "gives the kernel's sample a file that is not open", EBADF, -1);
	refuse_sample(d, "gives the kernel's sample /dev/null", EBADFD, null);
	refuse_sample(d, "gives the kernel's sample a file without BIND", EPERM, d->fd_write);
	close(null);

	fd = guest_restrict(d->guest.fd, VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE |
					 VIRT_AS_RIGHT_BIND);
	d->sample = open_sample();
	if (fd < 0 || run_sample(d, d->sample, fd))
		err(1, "the kernel's sample did not take the address space");
	close(fd);
}

/* Asks the kernel's thread one last question, and stops it. */
static void stop_sample(struct demo *d)
{
	struct page_head *page = guest_page(&d->guest, REGION_REPLY);
	__u64 request = load(d->guest.mailbox->request);
	__u64 patience = now_ns() + 10 * NSEC_PER_SEC;

	do {
		usleep(1000);
		d->answered = load(page->reply.answer) == request + 1;
	} while (!d->answered && now_ns() < patience);
	close(d->sample);
	guest_collect_reply(&d->guest, page);
}

static void *own_thread(void *data)
{
	struct demo *d = data;

	read_and_write(WHO_OWN, d->fd_read, d->fd_write, d->nr_pages);
	return NULL;
}

static bool above_floors(const struct demo *d)
{
	const struct guest *g = &d->guest;
	bool enough = g->commits >= FLOOR_COMMITS;

	for (int who = 0; who < NR_WHO; who++)
		enough &= load(shared->readers[who].generations) >= FLOOR_GENERATIONS &&
			  load(shared->readers[who].overlapped) >= FLOOR_OVERLAPPED &&
			  g->returns[who].maps >= FLOOR_WRITTEN_MAPS;
	if (d->module)
		enough &= g->replies.maps >= FLOOR_GENERATIONS &&
			  g->reply.overlapped >= FLOOR_OVERLAPPED;
	return enough;
}

/* Something that no longer run can put right. */
static bool gone_wrong(const struct demo *d)
{
	const struct guest *g = &d->guest;
	__u64 bad = g->replies.late + g->replies.wrong + g->reply.torn + g->reply.failed;

	for (int who = 0; who < NR_WHO; who++) {
		const struct reader *r = &shared->readers[who];

		bad += load(r->torn) + load(r->misplaced) + load(r->stale) +
		       load(r->unread) + load(r->error) +
		       g->returns[who].late + g->returns[who].wrong;
	}
	return bad;
}

/* What a line of progress is about: the time since the one before. */
struct moment {
	__u64 ns;
	__u64 commits;
	__u64 sections[NR_WHO];
	__u64 replies;
};

static void progress(const struct demo *d, struct moment *last)
{
	const struct guest *g = &d->guest;
	struct moment now = { now_ns(), g->commits, { }, g->reply.sections };
	__u64 torn = g->reply.torn, ns = now.ns - last->ns;

	printf("%4llu s  %6s commits, %3s/s", (now.ns - d->begin) / NSEC_PER_SEC,
	       num(now.commits), num(per_second(now.commits - last->commits, ns)));
	for (int who = 0; who < NR_WHO; who++) {
		const struct reader *r = &shared->readers[who];

		now.sections[who] = load(r->sections);
		torn += load(r->torn);
		printf(" | %s %3s MB/s, %s maps", who == WHO_OWN ? "own" : "foreign",
		       num(per_second((now.sections[who] - last->sections[who]) *
				      WINDOW * PAGE_SIZE, ns) / 1000000),
		       num(load(r->generations)));
	}
	if (d->module)
		printf(" | kernel %s sections/s, %s maps",
		       num(per_second(now.replies - last->replies, ns)),
		       num(g->replies.maps));
	printf(" | torn %s\n", num(torn));
	*last = now;
}

/* The demo itself: until time is up and enough has been seen. */
static void replace_maps(struct demo *d)
{
	__u64 limit = d->seconds * 4 > 240 ? d->seconds * 4 : 240;
	struct moment last = { };
	__u64 elapsed = 0;

	d->begin = now_ns();
	last.ns = d->begin;
	do {
		guest_replace(&d->guest);
		if (now_ns() - last.ns >= NSEC_PER_SEC)
			progress(d, &last);
		elapsed = (now_ns() - d->begin) / NSEC_PER_SEC;
	} while (elapsed < d->seconds ||
		 (elapsed < limit && !above_floors(d) && !gone_wrong(d)));
	d->end = now_ns();
}

static unsigned long parse(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (!*text || *end || n < min || n > max)
		errx(2, "%s is not from %lu to %lu", text, min, max);
	return n;
}

static void usage(void)
{
	printf("Usage: demo [option]...\n"
	       "Replaces the memory map of a guest all the time while others use it.\n"
	       "\n"
	       "  --seconds N   how long at least (default 25); it goes on until enough has\n"
	       "                been seen, at most four times that or four minutes\n"
	       "  --regions N   regions of RAM, a power of two from 512 to 16384 (default 2048)\n"
	       "  --no-module   without /dev/virt_as_sample\n"
	       "  --help        this text\n"
	       "\n"
	       "To be run by root. Exits with 0 when all was right and enough was seen, with 1\n"
	       "when not, with 2 when it was called wrongly.\n");
}

static void parse_all(struct demo *d, int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "regions", required_argument, NULL, 'r' },
		{ "no-module", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			d->seconds = parse(optarg, 1, 86400);
			break;
		case 'r':
			d->nr_pages = parse(optarg, 512, 16384);
			break;
		case 'n':
			d->module = false;
			break;
		case 'h':
			usage();
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc)
		errx(2, "%s: not understood; see --help", argv[optind]);
	if (d->nr_pages & (d->nr_pages - 1))
		errx(2, "%u is not a power of two", d->nr_pages);
	if (sysconf(_SC_PAGESIZE) != PAGE_SIZE)
		errx(2, "the demo was written for pages of 4 KiB");
}

int main(int argc, char **argv)
{
	struct demo d = { .seconds = 25, .nr_pages = 2048, .module = true };
	pthread_t thread;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse_all(&d, argc, argv);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "no memory for the counters");

	foreign_fork(&d.foreign, d.nr_pages);
	guest_create(&d.guest, d.nr_pages);
	guest_replace(&d.guest);
	d.fd_read = guest_restrict(d.guest.fd, VIRT_AS_RIGHT_READ);
	d.fd_write = guest_restrict(d.guest.fd, VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE);
	if (d.fd_read < 0 || d.fd_write < 0)
		err(1, "cannot make files with fewer rights");

	introduce(&d);
	foreign_start(&d.foreign, &d.guest);
	if (d.module)
		start_sample(&d);
	status = pthread_create(&thread, NULL, own_thread, &d);
	if (status)
		errx(1, "cannot make a thread: %s", strerror(status));

	replace_maps(&d);
	if (d.module)
		stop_sample(&d);
	store(shared->stop, 1);
	pthread_join(thread, NULL);
	status = foreign_wait(&d.foreign);
	return account(&d, status) ? 0 : 1;
}
