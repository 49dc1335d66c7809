// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a guest turns itself off, or on again: ACPI's power management registers, as
 * acpi.c tells of them, and the reset line of the keyboard controller.
 */
#include <string.h>
#include "acpi.h"
#include "vmm.h"

#define SCI_ENABLED	0x1
#define SLEEP_TYPE(v)	((v) >> 10 & 7)
#define SLEEP_ENABLE	0x2000

#define KEYBOARD_RESET	0xfe

/* Registers of 16 bits, by their offset; the first is the status, which is 0. */
#define PM_ENABLE	2
#define PM_CONTROL	(ACPI_PM_CONTROL - ACPI_PM_EVENT)

/* No event ever happens, and the machine is in ACPI's mode from the beginning. */
static void pm_read(void *data, __u64 offset, void *to, unsigned int len)
{
	struct vmm *vmm = data;
	__u16 value = 0;

	if (offset == PM_ENABLE)
		value = load(vmm->pm_enable);
	if (offset == PM_CONTROL)
		value = SCI_ENABLED;
	if (len == sizeof(value))
		memcpy(to, &value, len);
}

static void pm_write(void *data, __u64 offset, const void *from, unsigned int len)
{
	struct vmm *vmm = data;
	__u16 value;

	if (len != sizeof(value))
		return;
	memcpy(&value, from, len);
	if (offset == PM_ENABLE)
		store(vmm->pm_enable, value);
	if (offset == PM_CONTROL && value & SLEEP_ENABLE && SLEEP_TYPE(value) == ACPI_SLEEP_OFF)
		vmm_end(vmm, ENDING_POWER_OFF, "it powered itself off", 0);
}

/* Status: there is nothing to read, and it is ready for a command. */
static void keyboard_read(void *data, __u64 offset, void *to, unsigned int len)
{
	(void)data;
	(void)offset;
	memset(to, 0, len);
}

static void keyboard_write(void *data, __u64 offset, const void *from, unsigned int len)
{
	(void)offset;
	(void)len;
	if (*(const __u8 *)from == KEYBOARD_RESET)
		vmm_end(data, ENDING_RESET, "it reset itself", 0);
}

static const struct bus_ops pm_ops = { pm_read, pm_write };
static const struct bus_ops keyboard_ops = { keyboard_read, keyboard_write };

void power_init(struct vmm *vmm)
{
	bus_add(&vmm->ports, ACPI_PM_EVENT, ACPI_PM_LEN, &pm_ops, vmm);
	bus_add(&vmm->ports, ACPI_RESET, 1, &keyboard_ops, vmm);
}
