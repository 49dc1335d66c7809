/* SPDX-License-Identifier: GPL-2.0-only */
/* What ACPI's tables say of ports, and power.c does. */
#ifndef _VMM_ACPI_H
#define _VMM_ACPI_H

#define ACPI_PM_EVENT	0x600		/* 4 bytes */
#define ACPI_PM_CONTROL	0x604		/* 2 bytes */
#define ACPI_PM_LEN	6
#define ACPI_SLEEP_OFF	5		/* the sleep type of \_S5_ */
#define ACPI_RESET	0x64

#endif /* _VMM_ACPI_H */
