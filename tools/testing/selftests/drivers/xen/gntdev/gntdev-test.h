/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the gntdev tests have in common. Most of them need no other domain:
 * gntalloc grants pages of this domain to itself and gntdev maps them.
 * Functions return 0 or a positive result, or a negative errno.
 */
#ifndef XEN_GNTDEV_TEST_H
#define XEN_GNTDEV_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dumb.h"
#include "grants.h"
#include "pattern.h"
#include "task.h"

/* The domain that the tests run in: dom0. */
#define SELF			0
/* Emulated machines are slow; a test that hangs still has to end. */
#define TEST_SECONDS		120
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	TEST_SECONDS
#define DEADLINE_MS		20000
/* No domain has that many grant table entries. */
#define REF_BEYOND_TABLE	0x7fffff00u
#define FIRST_RESERVED_DOMID	0x7ff0u

#define ARRAY_SIZE_OF(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * One page, odd, a power of two, 1920x1080x32 and 3840x2160x32; each rounded up
 * to pages of the kernel.
 */
extern uint32_t buffer_sizes[5];

/* Elsewhere, mapped grants are pages as any others. */
bool pv_domain(void);

#define NOT_PV			"only in a PV domain"

/**
 * loopback_works() - may this domain map its own grants?
 *
 * An auto-translated domain on x86 that does so loses the granted page.
 */
bool loopback_works(void);

#define NO_READ_ONLY	"gntalloc grants only a part of each page here"
#define NO_LOOPBACK		"this domain cannot map its own grants"

/* Grants that make @pages pages of the kernel, which alone can be cut. */
uint32_t cut(uint32_t pages);

size_t bytes_of(uint32_t pages);
void *page_of(void *mem, uint32_t page);

/* Ask the kernel to touch a byte: a fault is an answer, not a signal. */
bool can_read(const void *addr);
bool can_write(void *addr);

/**
 * revoke_pages() - take a grant back and keep nothing of it but its number
 * @pages:	a set of pages; its references stay readable
 */
int revoke_pages(struct gnt_pages *pages);

/**
 * live_grants() - count references that can still be mapped
 * @domid:	the domain that granted them
 * @refs:	the references
 * @count:	how many; of a large set some hundred are tried
 *
 * After revoke_pages() the granting kernel waits for whoever maps a page, so
 * a reference that still works tells of a mapping that was left behind.
 */
uint32_t live_grants(uint16_t domid, const uint32_t *refs, uint32_t count);

/**
 * gone_soon() - wait until references of this domain are dead
 * @refs:	the references
 * @count:	how many
 *
 * An import that is released while the peer maps it ends in the background.
 */
bool gone_soon(const uint32_t *refs, uint32_t count);

/**
 * released() - wait until an exported buffer is no more
 * @fd:		open file of gntdev
 * @number:	of the buffer's descriptor, closed by now
 *
 * The last user may have left the rest to the background, so the first
 * answer is 0 or ENOENT; after that it is ENOENT.
 */
bool released(int fd, int number);

unsigned int count_open_fds(void);
uint64_t meminfo_kb(const char *field);
/* Also what a processor has put aside, which MemFree does not count. */
uint64_t free_kb(void);
int read_number(const char *path, unsigned long *value);
int write_text(const char *path, const char *text);
unsigned long gntdev_limit(void);

/**
 * balloon_is_sane() - may the balloon be moved?
 *
 * In 6.12, the balloon driver of an auto-translated domain with large pages
 * takes Xen's count of 4 KiB frames for pages, sees four times the memory, and
 * gives away all that there is on its way to any target below that.
 */
bool balloon_is_sane(void);

#define BAD_BALLOON		"this kernel's balloon takes frames for pages"

/**
 * wait_until() - poll a condition
 * @condition:	returns true when the wait is over
 * @arg:	passed to @condition
 * @ms:		how long to try
 *
 * Return: whether the condition came true.
 */
bool wait_until(bool (*condition)(void *arg), void *arg, unsigned int ms);

/*
 * Who looks by mapping at whether grants have ended keeps them from it. Their
 * owner tries again each second, so this is how far apart the looks have to be.
 */
void leave_grants_alone(void);

/* A driver that is part of the kernel has no count of users. */
bool module_is_counted(void);

/*
 * How many users the module has: open files, mappings, exports and imports. Of
 * one that is not counted there are none.
 */
int module_users(unsigned long *users);

/* For wait_until(): whether it has as many as at @users. */
bool module_has_users(void *users);

/* A clock that nobody sets. */
uint64_t now_ms(void);

/**
 * kernel_has() - was the kernel built with an option?
 * @option:	its name, without CONFIG_
 *
 * Only debug kernels of the rig tell; of others the answer is no.
 */
bool kernel_has(const char *option);

void *map_dmabuf(int dmabuf, uint32_t pages, int prot);
int sync_dmabuf(int dmabuf, uint64_t flags);

/* Fill, or check, a mapped dma-buf as DMA_BUF_IOCTL_SYNC asks for. */
int fill_dmabuf(int dmabuf, uint32_t pages, uint64_t seed);
int check_dmabuf(int dmabuf, uint32_t pages, uint64_t seed);

/**
 * export_pages() - export all pages of a set
 * @fd:		open file of gntdev
 * @pages:	granted to this domain
 * @flags:	GNTDEV_DMA_FLAG_*
 *
 * Return: the dma-buf's descriptor.
 */
int export_pages(int fd, const struct gnt_pages *pages, uint32_t flags);

/**
 * repeat_refs() - make a long list of references from a short one
 * @refs:	the list
 * @count:	its length
 * @total:	length of the new list, freed by the caller
 */
uint32_t *repeat_refs(const uint32_t *refs, uint32_t count, uint32_t total);

#endif /* XEN_GNTDEV_TEST_H */
