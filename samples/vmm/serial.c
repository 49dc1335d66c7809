// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 16550 at port 0x3f8 with interrupt 4. Its line is infinitely fast: what the
 * guest sends is out at once. The interrupt is level-triggered, and its level is
 * computed anew after each access.
 */
#include <linux/kvm.h>
#include <linux/serial_reg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "serial.h"

#define PORT	0x3f8
#define IRQ	4

/* What the interrupt is for, the most urgent first. */
static __u8 cause(const struct serial *serial)
{
	if (serial->ier & UART_IER_RDI && serial->nr)
		return UART_IIR_RDI;
	if (serial->ier & UART_IER_THRI && serial->sent)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_interrupt(struct serial *serial)
{
	bool level = cause(serial) != UART_IIR_NO_INT;
	struct kvm_irq_level irq = { .irq = IRQ, .level = level };

	if (level == serial->level)
		return;
	serial->level = level;
	ioctl(serial->vm, KVM_IRQ_LINE, &irq);
}

static __u8 receive(struct serial *serial)
{
	__u8 byte = serial->fifo[0];

	if (!serial->nr)
		return 0;
	memmove(serial->fifo, serial->fifo + 1, --serial->nr);
	pthread_cond_signal(&serial->room);
	return byte;
}

static __u8 identify(struct serial *serial)
{
	__u8 iir = cause(serial);

	if (iir == UART_IIR_THRI)
		serial->sent = false;
	return iir | (serial->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
}

static __u8 read_register(struct serial *serial, __u64 reg)
{
	bool divisor = serial->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return divisor ? serial->dll : receive(serial);
	case UART_IER:
		return divisor ? serial->dlm : serial->ier;
	case UART_IIR:
		return identify(serial);
	case UART_LCR:
		return serial->lcr;
	case UART_MCR:
		return serial->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE | (serial->nr ? UART_LSR_DR : 0);
	case UART_MSR:
		return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
	default:
		return serial->scratch;
	}
}

static void send(struct serial *serial, __u8 byte)
{
	putchar(byte);
	serial->sent = true;
}

static void enable_interrupts(struct serial *serial, __u8 ier)
{
	if (ier & ~serial->ier & UART_IER_THRI)
		serial->sent = true;
	serial->ier = ier & 0xf;
}

static void write_register(struct serial *serial, __u64 reg, __u8 value)
{
	bool divisor = serial->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (divisor)
			serial->dll = value;
		else
			send(serial, value);
		break;
	case UART_IER:
		if (divisor)
			serial->dlm = value;
		else
			enable_interrupts(serial, value);
		break;
	case UART_FCR:
		serial->fcr = value;
		if (value & UART_FCR_CLEAR_RCVR) {
			serial->nr = 0;
			pthread_cond_signal(&serial->room);
		}
		break;
	case UART_LCR:
		serial->lcr = value;
		break;
	case UART_MCR:
		serial->mcr = value;
		break;
	case UART_SCR:
		serial->scratch = value;
		break;
	}
}

static void serial_read(void *data, __u64 offset, void *to, unsigned int len)
{
	struct serial *serial = data;

	if (len != 1)
		return;
	pthread_mutex_lock(&serial->lock);
	*(__u8 *)to = read_register(serial, offset);
	update_interrupt(serial);
	pthread_mutex_unlock(&serial->lock);
}

static void serial_write(void *data, __u64 offset, const void *from, unsigned int len)
{
	struct serial *serial = data;

	if (len != 1)
		return;
	pthread_mutex_lock(&serial->lock);
	write_register(serial, offset, *(const __u8 *)from);
	update_interrupt(serial);
	pthread_mutex_unlock(&serial->lock);
}

/* A byte for the guest; waits while the guest has not read those before. */
void serial_input(struct serial *serial, __u8 byte)
{
	pthread_mutex_lock(&serial->lock);
	while (serial->nr == SERIAL_FIFO)
		pthread_cond_wait(&serial->room, &serial->lock);
	serial->fifo[serial->nr++] = byte;
	update_interrupt(serial);
	pthread_mutex_unlock(&serial->lock);
}

static const struct bus_ops serial_ops = { serial_read, serial_write };

void serial_init(struct serial *serial, int vm, struct bus *ports)
{
	pthread_mutex_init(&serial->lock, NULL);
	pthread_cond_init(&serial->room, NULL);
	serial->vm = vm;
	bus_add(ports, PORT, 8, &serial_ops, serial);
}
