/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How memory is mapped, where the processor can be asked.
 */
#ifndef XEN_GNTDEV_MEM_ATTR_H
#define XEN_GNTDEV_MEM_ATTR_H

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/types.h>

#ifdef CONFIG_ARM64
#include <asm/sysreg.h>

#define ATTR_FAULT	BIT_ULL(0)
#define ATTR_SHIFT	56
/* Outer write-back, be the memory tagged or not. */
#define ATTR_CACHED	0xf0

/* Is an address of user space, or of the kernel, mapped cached? */
static inline int mem_cached(unsigned long addr, bool user)
{
	unsigned long flags;
	u64 par;

	local_irq_save(flags);
	if (user)
		asm volatile("at s1e0r, %0" : : "r" (addr));
	else
		asm volatile("at s1e1r, %0" : : "r" (addr));
	isb();
	par = read_sysreg(par_el1);
	local_irq_restore(flags);
	if (par & ATTR_FAULT)
		return -EFAULT;
	return ((par >> ATTR_SHIFT) & ATTR_CACHED) == ATTR_CACHED;
}
#else
static inline int mem_cached(unsigned long addr, bool user)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* XEN_GNTDEV_MEM_ATTR_H */
