// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables that Linux needs to find its CPUs, its interrupt controllers, its
 * PCI bus and the way to turn the machine off. They lie in the BIOS, where a kernel
 * searches for the first of them.
 */
#include <stddef.h>
#include <string.h>
#include "acpi.h"
#include "vmm.h"

#pragma pack(push, 1)

struct rsdp {
	char signature[8];
	__u8 checksum;
	char oem[6];
	__u8 revision;
	__u32 rsdt;
	__u32 length;
	__u64 xsdt;
	__u8 extended_checksum;
	__u8 reserved[3];
};

struct header {
	char signature[4];
	__u32 length;
	__u8 revision;
	__u8 checksum;
	char oem[6];
	char oem_table[8];
	__u32 oem_revision;
	__u32 creator;
	__u32 creator_revision;
};

struct address {
	__u8 space;			/* 1: ports */
	__u8 bits;
	__u8 offset;
	__u8 access;			/* 1: a byte */
	__u64 address;
};

struct xsdt {
	struct header header;
	__u64 tables[2];
};

/* Revision 5; what is not named is 0. */
struct fadt {
	struct header header;
	__u32 facs;
	__u32 dsdt;
	__u8 reserved1[2];
	__u16 sci_irq;
	__u8 reserved2[8];
	__u32 pm1a_event;
	__u32 pm1b_event;
	__u32 pm1a_control;
	__u8 reserved3[20];
	__u8 pm1_event_len;
	__u8 pm1_control_len;
	__u8 reserved4[19];
	__u16 boot_flags;
	__u8 reserved5;
	__u32 flags;
	struct address reset;
	__u8 reset_value;
	__u8 reserved6[139];
};

#define FADT_NO_VGA		0x04	/* boot_flags */
#define FADT_NO_RTC		0x20
#define FADT_WBINVD		0x001	/* flags */
#define FADT_NO_POWER_BUTTON	0x010
#define FADT_NO_SLEEP_BUTTON	0x020
#define FADT_RESET		0x400

struct madt_lapic {
	__u8 type, length;
	__u8 processor, id;
	__u32 flags;
};

struct madt_ioapic {
	__u8 type, length;
	__u8 id, reserved;
	__u32 address;
	__u32 first;
};

struct madt_override {
	__u8 type, length;
	__u8 bus, irq;
	__u32 gsi;
	__u16 flags;
};

struct madt {
	struct header header;
	__u32 lapic_address;
	__u32 flags;
	struct madt_ioapic ioapic;
	struct madt_override timer;
	struct madt_override sci;
	struct madt_lapic lapics[MAX_VCPUS];
};

#pragma pack(pop)

#define SCI_IRQ		9
#define LEVEL_HIGH	0xd
#define IOAPIC_ID	0xff

/*
 * The only code of ACPI, compiled by hand. The lengths count themselves and all
 * that follows of what they belong to; those above 63 have two bytes.
 */
static const __u8 dsdt[] = {
	/* Name (\_S5, Package () { 5, 5, 0, 0 }) */
	0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, ACPI_SLEEP_OFF, 0x0a, ACPI_SLEEP_OFF,
	0x00, 0x00,
	/* Scope (\_SB) { Device (PCI0) { */
	0x10, 0x46, 0x05, '\\', '_', 'S', 'B', '_',
	0x5b, 0x82, 0x4d, 0x04, 'P', 'C', 'I', '0',
	/* Name (_HID, EisaId ("PNP0A03")) */
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0a, 0x03,
	/* Name (_CRS, ResourceTemplate () { */
	0x08, '_', 'C', 'R', 'S', 0x11, 0x37, 0x0a, 0x34,
	/* WordBusNumber (,,,, 0, 0, 0, 0, 1) */
	0x88, 0x0d, 0x00, 0x02, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00,
	/* IO (Decode16, 0xcf8, 0xcf8, 1, 8) */
	0x47, 0x01, 0xf8, 0x0c, 0xf8, 0x0c, 0x01, 0x08,
	/* DWordMemory (,,,, NonCacheable, ReadWrite, 0, GPA_PCI, GPA_PCI_END - 1, 0, ...) */
	0x87, 0x17, 0x00, 0x00, 0x0c, 0x01, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, GPA_PCI >> 24, 0xff, 0xff, 0xff, (GPA_PCI_END - 1) >> 24,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, (GPA_PCI_END - GPA_PCI) >> 24,
	/* }) } } */
	0x79, 0x00,
};

/* Where the tables lie in the BIOS. */
#define AT_RSDP		0x0000
#define AT_XSDT		0x0100
#define AT_FADT		0x0200
#define AT_MADT		0x0400
#define AT_DSDT		0x0800

static __u8 checksum(const void *data, size_t len)
{
	const __u8 *bytes = data;
	__u8 sum = 0;

	while (len--)
		sum += *bytes++;
	return -sum;
}

static void finish(struct header *header, const char *signature, __u8 revision, __u32 length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	memcpy(header->oem, "VIRTAS", sizeof(header->oem));
	memcpy(header->oem_table, "SAMPLE  ", sizeof(header->oem_table));
	memcpy(&header->creator, "VMM ", sizeof(header->creator));
	header->length = length;
	header->revision = revision;
	header->checksum = checksum(header, length);
}

static void write_roots(char *bios)
{
	struct rsdp *rsdp = (void *)(bios + AT_RSDP);
	struct xsdt *xsdt = (void *)(bios + AT_XSDT);

	*xsdt = (struct xsdt) { .tables = { GPA_BIOS + AT_FADT, GPA_BIOS + AT_MADT } };
	finish(&xsdt->header, "XSDT", 1, sizeof(*xsdt));
	*rsdp = (struct rsdp) {
		.revision = 2,
		.length = sizeof(*rsdp),
		.xsdt = GPA_BIOS + AT_XSDT,
	};
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem, "VIRTAS", sizeof(rsdp->oem));
	rsdp->checksum = checksum(rsdp, offsetof(struct rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

static void write_fadt(char *bios)
{
	struct fadt *fadt = (void *)(bios + AT_FADT);

	*fadt = (struct fadt) {
		.dsdt = GPA_BIOS + AT_DSDT,
		.sci_irq = SCI_IRQ,
		.pm1a_event = ACPI_PM_EVENT,
		.pm1a_control = ACPI_PM_CONTROL,
		.pm1_event_len = ACPI_PM_CONTROL - ACPI_PM_EVENT,
		.pm1_control_len = ACPI_PM_LEN - (ACPI_PM_CONTROL - ACPI_PM_EVENT),
		.boot_flags = FADT_NO_VGA | FADT_NO_RTC,
		.flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON | FADT_RESET,
		.reset = { .space = 1, .bits = 8, .access = 1, .address = ACPI_RESET },
		.reset_value = 0xfe,
	};
	finish(&fadt->header, "FACP", 5, sizeof(*fadt));
}

static void write_madt(char *bios, unsigned int nr_vcpus)
{
	struct madt *madt = (void *)(bios + AT_MADT);

	*madt = (struct madt) {
		.lapic_address = GPA_LAPIC,
		.flags = 1,			/* there are two 8259s as well */
		.ioapic = { 1, sizeof(madt->ioapic), IOAPIC_ID, 0, GPA_IOAPIC, 0 },
		.timer = { 2, sizeof(madt->timer), 0, 0, 2, 0 },
		.sci = { 2, sizeof(madt->sci), 0, SCI_IRQ, SCI_IRQ, LEVEL_HIGH },
	};
	for (unsigned int i = 0; i < nr_vcpus; i++)
		madt->lapics[i] = (struct madt_lapic) { 0, sizeof(madt->lapics[i]), i, i, 1 };
	finish(&madt->header, "APIC", 3,
	       offsetof(struct madt, lapics) + nr_vcpus * sizeof(madt->lapics[0]));
}

void acpi_write_tables(char *bios, unsigned int nr_vcpus)
{
	struct header *header = (void *)(bios + AT_DSDT);

	memcpy(header + 1, dsdt, sizeof(dsdt));
	finish(header, "DSDT", 2, sizeof(*header) + sizeof(dsdt));
	write_roots(bios);
	write_fadt(bios);
	write_madt(bios, nr_vcpus);
}
