// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for KCOV, for kernels that were built without: the file
 * gntdev-coverage in debugfs is used in the same way as KCOV's own, but knows
 * of this driver only. Reading it gives the addresses that no task with a file
 * of its own ran: those of workers and of interrupts.
 *
 * Each open file has an area. A task writes to the one that it is entered in,
 * and nobody else does. Areas are never freed while the driver is loaded, so
 * nothing has to wait for a task in the middle of the driver.
 */

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/kcov.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "gntdev-coverage.h"

#define AREAS		16
#define AREA_BYTES	SZ_128K
#define AREA_WORDS	(AREA_BYTES / sizeof(unsigned long))

#define OTHERS_BITS	13
#define OTHERS		BIT(OTHERS_BITS)

/**
 * struct gntdev_coverage_area - where a task leaves its addresses
 * @open: set while a file owns it
 * @task: who writes to it; only compared
 * @words: how many there are, then the addresses, as KCOV has it
 */
struct gntdev_coverage_area {
	unsigned long open;
	struct task_struct *task;
	unsigned long *words;
};

static struct gntdev_coverage_area areas[AREAS];

/* A hash table of the addresses that the others ran. */
static unsigned long others[OTHERS];

static struct dentry *coverage_dentry;

static notrace void trace_area(unsigned long *words, unsigned long ip)
{
	unsigned long pos = READ_ONCE(words[0]) + 1;

	if (pos >= AREA_WORDS)
		return;
	WRITE_ONCE(words[pos], ip);
	WRITE_ONCE(words[0], pos);
}

static notrace void trace_others(unsigned long ip)
{
	unsigned int i, at = hash_long(ip, OTHERS_BITS);
	unsigned long old;

	for (i = 0; i < 16; i++) {
		unsigned long *slot = &others[(at + i) % OTHERS];

		old = READ_ONCE(*slot);
		if (!old)
			old = cmpxchg(slot, 0, ip);
		if (!old || old == ip)
			return;
	}
}

/**
 * __sanitizer_cov_trace_pc - note that a block of the driver runs
 */
void notrace __sanitizer_cov_trace_pc(void)
{
	unsigned long ip = _RET_IP_;
	unsigned int i;

	for (i = 0; i < AREAS && in_task(); i++) {
		if (READ_ONCE(areas[i].task) == current) {
			trace_area(areas[i].words, ip);
			return;
		}
	}
	if (!in_task() || current->flags & PF_KTHREAD)
		trace_others(ip);
}

static int coverage_open(struct inode *inode, struct file *filp)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		if (!test_and_set_bit(0, &areas[i].open)) {
			filp->private_data = &areas[i];
			return nonseekable_open(inode, filp);
		}
	}
	return -EBUSY;
}

static int coverage_release(struct inode *inode, struct file *filp)
{
	struct gntdev_coverage_area *area = filp->private_data;

	WRITE_ONCE(area->task, NULL);
	clear_bit_unlock(0, &area->open);
	return 0;
}

static ssize_t coverage_read(struct file *filp, char __user *buffer,
			     size_t count, loff_t *ppos)
{
	return simple_read_from_buffer(buffer, count, ppos, others,
				       sizeof(others));
}

static int coverage_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct gntdev_coverage_area *area = filp->private_data;

	return remap_vmalloc_range(vma, area->words, vma->vm_pgoff);
}

static long coverage_ioctl(struct file *filp, unsigned int cmd,
			   unsigned long arg)
{
	struct gntdev_coverage_area *area = filp->private_data;

	switch (cmd) {
	case KCOV_INIT_TRACE:
		return arg <= AREA_WORDS ? 0 : -EINVAL;
	case KCOV_ENABLE:
		if (arg != KCOV_TRACE_PC)
			return -EINVAL;
		WRITE_ONCE(area->task, current);
		return 0;
	case KCOV_DISABLE:
		WRITE_ONCE(area->task, NULL);
		return 0;
	}
	return -ENOTTY;
}

static const struct file_operations coverage_fops = {
	.owner = THIS_MODULE,
	.open = coverage_open,
	.release = coverage_release,
	.read = coverage_read,
	.mmap = coverage_mmap,
	.unlocked_ioctl = coverage_ioctl,
};

static void free_areas(void)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++)
		vfree(areas[i].words);
}

/**
 * gntdev_coverage_init - get the areas and make the file
 *
 * Return: 0 or a negative errno.
 */
int gntdev_coverage_init(void)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		areas[i].words = vmalloc_user(AREA_BYTES);
		if (!areas[i].words) {
			free_areas();
			return -ENOMEM;
		}
	}
	coverage_dentry = debugfs_create_file_unsafe("gntdev-coverage", 0600,
						     NULL, NULL,
						     &coverage_fops);
	return 0;
}

/**
 * gntdev_coverage_exit - undo gntdev_coverage_init()
 *
 * The driver's own code must not run after this.
 */
void gntdev_coverage_exit(void)
{
	debugfs_remove(coverage_dentry);
	free_areas();
}
