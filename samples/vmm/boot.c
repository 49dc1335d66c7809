// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts a bzImage, its initial file system and what Linux's 64-bit boot protocol wants
 * to be told into the guest's RAM, as a boot loader would, and vCPU 0 at its entry.
 */
#include <asm/bootparam.h>
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm.h"

/* The low pages, in use until Linux has tables of its own. */
#define GPA_PAGE_TABLES		0x9000ULL	/* 6 pages */
#define GPA_COMMAND_LINE	0x20000ULL
#define RAM_LOW_USABLE		0x9fc00ULL

#define PTE_PRESENT		0x1ULL
#define PTE_WRITE		0x2ULL
#define PTE_LARGE		0x80ULL
#define LARGE_PAGE		0x200000ULL
#define NR_PTES			512U
#define NR_GIBS			4U		/* that are mapped */

#define SETUP_HEADER		0x1f1
#define SECTOR			512ULL
#define MAGIC			0x53726448U	/* "HdrS" */
#define VERSION			0x020c		/* the first with xloadflags */
#define ENTRY_64		0x200
#define LOADER_UNKNOWN		0xff

#define E820_USABLE		1
#define E820_RESERVED		2

struct file {
	const char *name;
	const char *data;
	__u64 len;
};

static struct file map_file(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct file file = { .name = name };
	struct stat stat;
	void *data;

	if (fd < 0 || fstat(fd, &stat))
		err(EXIT_USAGE, "cannot read %s; see --help for what it should be", name);
	data = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		err(EXIT_USAGE, "cannot map %s; is it an empty file?", name);
	close(fd);
	file.data = data;
	file.len = stat.st_size;
	return file;
}

/* Returns the gpa of the entry. */
static __u64 load_kernel(struct vmm *vmm, struct boot_params *params)
{
	struct file file = map_file(vmm->options.kernel);
	struct setup_header *header = &params->hdr;
	__u64 setup, gpa;

	if (file.len < SETUP_HEADER + sizeof(*header))
		errx(EXIT_USAGE, "%s is too short for a kernel; give a bzImage", file.name);
	memcpy(header, file.data + SETUP_HEADER, sizeof(*header));
	if (header->header != MAGIC || header->version < VERSION ||
	    !(header->xloadflags & XLF_KERNEL_64))
		errx(EXIT_USAGE, "%s is no bzImage of 64 bits; give one", file.name);
	setup = (header->setup_sects + 1) * SECTOR;
	if (file.len <= setup)
		errx(EXIT_USAGE, "%s has no end; copy it once more", file.name);

	gpa = header->pref_address;
	space_ram(&vmm->space, gpa, header->init_size);
	memcpy(space_ram(&vmm->space, gpa, file.len - setup), file.data + setup,
	       file.len - setup);
	return gpa + ENTRY_64;
}

/* As high as it goes, so that the kernel has room below. */
static void load_initrd(struct vmm *vmm, struct boot_params *params)
{
	const struct setup_header *header = &params->hdr;
	__u64 kernel_end = header->pref_address + header->init_size;
	struct file file = map_file(vmm->options.initrd);
	__u64 top = vmm->options.memory, gpa;

	if (top > header->initrd_addr_max)
		top = header->initrd_addr_max;
	gpa = (top - file.len) & ~(PAGE_SIZE - 1);
	if (file.len > top || gpa < kernel_end)
		errx(EXIT_USAGE, "%s does not fit beside the kernel; give more with --memory",
		     file.name);
	memcpy(space_ram(&vmm->space, gpa, file.len), file.data, file.len);
	params->hdr.ramdisk_image = gpa;
	params->hdr.ramdisk_size = file.len;
}

static void load_command_line(struct vmm *vmm, struct boot_params *params)
{
	const char *line = vmm->options.cmdline;
	size_t len = strlen(line) + 1;

	if (len > params->hdr.cmdline_size)
		errx(EXIT_USAGE, "the kernel takes a command line of %u characters; shorten it",
		     params->hdr.cmdline_size);
	memcpy(space_ram(&vmm->space, GPA_COMMAND_LINE, len), line, len);
	params->hdr.cmd_line_ptr = GPA_COMMAND_LINE;
}

static void add_e820(struct boot_params *params, __u64 from, __u64 to, __u32 type)
{
	params->e820_table[params->e820_entries++] =
		(struct boot_e820_entry) { from, to - from, type };
}

/* The first 4 GiB, gva = gpa, in large pages: one root, one directory of directories. */
static void write_page_tables(struct vmm *vmm)
{
	__u64 *table = (__u64 *)space_ram(&vmm->space, GPA_PAGE_TABLES,
					  (2 + NR_GIBS) * PAGE_SIZE);
	__u64 *directories = table + NR_PTES, *large = directories + NR_PTES;

	table[0] = (GPA_PAGE_TABLES + PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
	for (__u64 i = 0; i < NR_GIBS; i++)
		directories[i] = (GPA_PAGE_TABLES + (2 + i) * PAGE_SIZE) |
				 PTE_PRESENT | PTE_WRITE;
	for (__u64 i = 0; i < NR_GIBS * NR_PTES; i++)
		large[i] = i * LARGE_PAGE | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

void boot_load(struct vmm *vmm)
{
	struct boot_params *params = (void *)space_ram(&vmm->space, GPA_ZERO_PAGE,
						       sizeof(*params));
	__u64 entry = load_kernel(vmm, params);

	params->hdr.type_of_loader = LOADER_UNKNOWN;
	load_command_line(vmm, params);
	if (vmm->options.initrd)
		load_initrd(vmm, params);
	add_e820(params, 0, RAM_LOW_USABLE, E820_USABLE);
	add_e820(params, GPA_BIOS, GPA_RAM_HIGH, E820_RESERVED);
	add_e820(params, GPA_RAM_HIGH, vmm->options.memory, E820_USABLE);
	acpi_write_tables(vmm->space.bios.hva, vmm->options.nr_vcpus);
	write_page_tables(vmm);
	vcpu_enter_at(&vmm->vcpus[0], entry, GPA_PAGE_TABLES);
}
