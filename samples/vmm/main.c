// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine monitor that boots Linux on an address space: options, the
 * machine's life from its first to its last moment, and the terminal.
 */
#include <argp.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "torture.h"
#include "vmm.h"

#define MIB		0x100000ULL
#define ESCAPE		1		/* Ctrl-A, and then x, ends the machine */

enum {
	OPTION_MAP = 256,
	OPTION_REPLACE,
	OPTION_KEEP_RAM,
	OPTION_SEED,
	OPTION_PATIENCE,
};

static const struct argp_option known[] = {
	{ "kernel", 'k', "FILE", 0, "the bzImage to boot", 1 },
	{ "initrd", 'i', "FILE", 0, "its initial file system", 1 },
	{ "append", 'a', "TEXT", 0, "its command line (default: console=ttyS0)", 1 },
	{ "memory", 'm', "MIB", 0, "the guest's RAM, from 64 to 3072 (default: 256)", 2 },
	{ "vcpus", 'c', "N", 0, "from 1 to 16 (default: 2)", 2 },
	{ "memory-map", OPTION_MAP, "HOW", 0,
	  "virt_as: KVM is bound to an address space (default); slots: it is told slot by slot",
	  3 },
	{ "replace", OPTION_REPLACE, "N", 0,
	  "replace the map N times while the guest works, and give an account", 4 },
	{ "keep-ram", OPTION_KEEP_RAM, "N", 0,
	  "the first N replacements leave the RAM as it is (default: 0)", 4 },
	{ "seed", OPTION_SEED, "N", 0, "of what is random in the maps (default: 1)", 4 },
	{ "patience", OPTION_PATIENCE, "SECONDS", 0,
	  "a guest that is silent for so long has died (default: 120)", 4 },
	{ }
};

#define ABOUT	"Boots Linux in a virtual machine whose memory is a virtual address space."

static const char more[] =
	"Standard input and output are the machine's console; Ctrl-A x ends it.\n"
	"Exit status: 0 if the guest powered itself off and, with --replace, all was\n"
	"right; 1 if not; 2 if it could not be run.";

static __u64 number(struct argp_state *state, const char *text, __u64 min, __u64 max)
{
	char *end;
	__u64 n = strtoull(text, &end, 0);

	if (!*text || *text == '-' || *end || n < min || n > max)
		argp_error(state, "%s is not from %llu to %llu", text, min, max);
	return n;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'k':
		options->kernel = text;
		break;
	case 'i':
		options->initrd = text;
		break;
	case 'a':
		options->cmdline = text;
		break;
	case 'm':
		options->memory = number(state, text, 64, GPA_PCI / MIB) * MIB;
		break;
	case 'c':
		options->nr_vcpus = number(state, text, 1, MAX_VCPUS);
		break;
	case OPTION_MAP:
		options->slots = !strcmp(text, "slots");
		if (!options->slots && strcmp(text, "virt_as"))
			argp_error(state, "--memory-map is virt_as or slots, not %s", text);
		break;
	case OPTION_REPLACE:
		options->replacements = number(state, text, 1, 1000000);
		break;
	case OPTION_KEEP_RAM:
		options->keep_ram = number(state, text, 0, 1000000);
		break;
	case OPTION_SEED:
		options->seed = number(state, text, 1, ~0ULL);
		break;
	case OPTION_PATIENCE:
		options->patience = number(state, text, 1, 86400);
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "%s is not understood", text);
		break;
	case ARGP_KEY_END:
		if (!options->kernel)
			argp_error(state, "a kernel is needed; give it with --kernel");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* What comes after the options. */
static char *help(int key, const char *text, void *input)
{
	(void)input;
	return key == ARGP_KEY_HELP_POST_DOC ? strdup(more) : (char *)text;
}

void vmm_end(struct vmm *vmm, enum ending ending, const char *why, __u64 detail)
{
	pthread_mutex_lock(&vmm->lock);
	if (vmm->ending == ENDING_NONE) {
		vmm->why = why;
		vmm->detail = detail;
		store(vmm->ending, ending);
		pthread_cond_broadcast(&vmm->ended);
	}
	pthread_mutex_unlock(&vmm->lock);
}

bool vmm_ended(struct vmm *vmm)
{
	return load(vmm->ending) != ENDING_NONE;
}

/* After the end, and by one thread. */
const char *vmm_why(const struct vmm *vmm)
{
	static char text[128];

	snprintf(text, sizeof(text), vmm->detail ? "%s (%llu)" : "%s", vmm->why, vmm->detail);
	return text;
}

/* Returns after at most a second. */
static void wait_a_moment(struct vmm *vmm)
{
	struct timespec moment;

	clock_gettime(CLOCK_REALTIME, &moment);
	moment.tv_sec++;
	pthread_mutex_lock(&vmm->lock);
	if (vmm->ending == ENDING_NONE)
		pthread_cond_timedwait(&vmm->ended, &vmm->lock, &moment);
	pthread_mutex_unlock(&vmm->lock);
}

static void wait_for_end(struct vmm *vmm)
{
	while (!vmm_ended(vmm)) {
		wait_a_moment(vmm);
		if (vmm->torture && torture_silence(vmm->torture) >= vmm->options.patience)
			vmm_end(vmm, ENDING_DIED, "it is silent, by seconds",
				vmm->options.patience);
	}
}

static struct termios terminal;

static void restore_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

/* What is typed goes to the guest as it is; the guest echoes it. */
static void use_terminal(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal))
		return;
	raw = terminal;
	raw.c_iflag &= ~ICRNL;
	raw.c_lflag &= ~(ICANON | ECHO | ISIG);
	atexit(restore_terminal);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

/* Standard input becomes the guest's console, until it ends. */
static void *input_thread(void *data)
{
	struct vmm *vmm = data;
	bool escaped = false;
	__u8 byte;

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		if (escaped && byte == 'x')
			vmm_end(vmm, ENDING_ASKED, "it was ended at the terminal", 0);
		if (!escaped && byte == ESCAPE && isatty(STDIN_FILENO)) {
			escaped = true;
			continue;
		}
		escaped = false;
		serial_input(&vmm->serial, byte);
	}
	return NULL;
}

static void make_machine(struct vmm *vmm)
{
	const struct options *options = &vmm->options;

	pthread_mutex_init(&vmm->lock, NULL);
	pthread_cond_init(&vmm->ended, NULL);
	bus_init(&vmm->ports);
	bus_init(&vmm->mmio);
	vm_create(vmm);
	space_init(&vmm->space, options->memory, options->slots);
	serial_init(&vmm->serial, vmm->vm, &vmm->ports);
	power_init(vmm);
	pci_init(&vmm->pci, &vmm->space, &vmm->ports, &vmm->mmio);
	framebuffer_init(vmm);
	if (options->replacements)
		vmm->torture = torture_create(vmm);
	space_start(&vmm->space, vmm->vm);
	for (unsigned int i = 0; i < options->nr_vcpus; i++)
		vcpu_create(vmm, i);
	boot_load(vmm);
}

static int end_machine(struct vmm *vmm)
{
	bool right = vmm->ending == ENDING_POWER_OFF;

	fflush(stdout);
	if (vmm->torture)
		right = torture_account(vmm->torture) && right;
	else if (!right)
		warnx("the guest's end: %s", vmm_why(vmm));
	return right ? EXIT_RIGHT : EXIT_WRONG;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = known, .parser = parse, .doc = ABOUT, .help_filter = help,
	};
	static struct vmm vmm = {
		.options = {
			.cmdline = "console=ttyS0",
			.memory = 256 * MIB,
			.nr_vcpus = 2,
			.seed = 1,
			.patience = 120,
		},
	};
	pthread_t input;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &vmm.options);
	setvbuf(stdout, NULL, isatty(STDOUT_FILENO) ? _IONBF : _IOLBF, 0);
	make_machine(&vmm);
	use_terminal();
	if (pthread_create(&input, NULL, input_thread, &vmm))
		errx(EXIT_USAGE, "no thread for the console; ulimit -u may help");
	if (vmm.torture)
		torture_start(vmm.torture);
	vcpus_start(&vmm);
	wait_for_end(&vmm);
	if (vmm.torture)
		torture_stop(vmm.torture);
	vcpus_stop(&vmm);
	return end_machine(&vmm);
}
