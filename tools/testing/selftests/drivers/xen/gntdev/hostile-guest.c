// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole guest (x86, PV) that keeps no rule of the grant table: what no
 * operating system does to order. It has no devices and no memory to speak of,
 * so that hundreds of them can live and die while others test.
 */
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/sched.h>

#include "hostile-guest.h"

#define PAGE_BYTES	4096
/* Present, writable, for all, accessed, dirty. */
#define PTE_FLAGS	0x67ul
#define STACK_BYTES	16384

struct page {
	_Alignas(PAGE_BYTES) uint64_t words[PAGE_BYTES / 8];
};

/* Addresses are those of memory: page N is the Nth of this domain. */
static struct page table_page, shared_page, area_page;
static struct page pages[HOSTILE_PAGES], windows[HOSTILE_PAGES];
static grant_handle_t handles[HOSTILE_PAGES];
static uint32_t mapped;
static const unsigned long *frames;

char stack[STACK_BYTES];
/* Filled in by Xen. */
struct page hypercall_page;

__asm__(".section .note.Xen, \"a\", @note\n"
	".macro note type, value:vararg\n"
	".long 4, 2f - 1f, \\type\n"
	".asciz \"Xen\"\n"
	"1: \\value\n"
	"2: .balign 4\n"
	".endm\n"
	"note 6, .asciz \"hostile\"\n"
	"note 5, .asciz \"xen-3.0\"\n"
	"note 8, .asciz \"generic\"\n"
	"note 3, .quad 0\n"
	"note 4, .quad 0\n"
	"note 1, .quad _start\n"
	"note 2, .quad hypercall_page\n"
	".text\n"
	".globl _start\n"
	"_start:\n"
	"	lea stack + 16384(%rip), %rsp\n"
	"	mov %rsi, %rdi\n"
	"	call guest_main\n");

static inline long hypercall(unsigned int number, unsigned long a,
			     unsigned long b, unsigned long c)
{
	const uint64_t *entry = hypercall_page.words + number * 4;
	long ret;

	__asm__ volatile("call *%[entry]"
			 : "=a"(ret), "+D"(a), "+S"(b), "+d"(c)
			 : [entry] "r"(entry)
			 : "rcx", "r8", "r9", "r10", "r11", "memory");
	return ret;
}

static uint32_t frame_of(const void *address)
{
	return (uint32_t)frames[(uintptr_t)address / PAGE_BYTES];
}

static void map_machine(void *where, unsigned long address)
{
	hypercall(__HYPERVISOR_update_va_mapping, (uintptr_t)where,
		  address | PTE_FLAGS, UVMF_INVLPG);
}

static void crash(void)
{
	struct sched_shutdown how = { .reason = SHUTDOWN_crash };

	for (;;)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
			  (uintptr_t)&how, 0);
}

static void set_entry(uint32_t ref, uint32_t flags, uint32_t domid,
		      uint32_t frame)
{
	grant_entry_v1_t *entry = (grant_entry_v1_t *)&table_page + ref;

	__atomic_store_n(&entry->flags, 0, __ATOMIC_SEQ_CST);
	entry->domid = (domid_t)domid;
	entry->frame = frame;
	__atomic_store_n(&entry->flags, (uint16_t)flags, __ATOMIC_SEQ_CST);
}

static void set_up_table(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table setup = {
		.dom = DOMID_SELF,
		.nr_frames = 1,
	};

	set_xen_guest_handle(setup.frame_list, &frame);
	if (hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
		      (uintptr_t)&setup, 1) || setup.status != GNTST_okay)
		crash();
	map_machine(&table_page, frame * PAGE_BYTES);
	for (uint32_t i = 0; i < HOSTILE_PAGES; i++)
		set_entry(HOSTILE_FIRST + i, HOSTILE_PERMIT, 0,
			  frame_of(&pages[i]));
}

static uint32_t map_refs(struct hostile_area *area)
{
	uint32_t failed = 0;

	for (mapped = 0; mapped < area->count; mapped++) {
		struct gnttab_map_grant_ref op = {
			.host_addr = (uintptr_t)&windows[mapped],
			.flags = GNTMAP_host_map,
			.ref = area->refs[mapped],
		};

		hypercall(__HYPERVISOR_grant_table_op,
			  GNTTABOP_map_grant_ref, (uintptr_t)&op, 1);
		handles[mapped] = op.handle;
		if (op.status != GNTST_okay)
			failed++;
		else
			windows[mapped].words[0] = HOSTILE_MARK;
	}
	return failed;
}

static uint32_t unmap_refs(void)
{
	uint32_t failed = 0;

	while (mapped) {
		struct gnttab_unmap_grant_ref op = {
			.host_addr = (uintptr_t)&windows[--mapped],
			.handle = handles[mapped],
		};

		hypercall(__HYPERVISOR_grant_table_op,
			  GNTTABOP_unmap_grant_ref, (uintptr_t)&op, 1);
		failed += op.status != GNTST_okay;
	}
	return failed;
}

static void set_entries(struct hostile_area *area)
{
	for (uint32_t i = 0; i < area->count; i++)
		set_entry(area->first + i, area->flags, area->domid,
			  area->frame ? area->frame : frame_of(&pages[i]));
}

static void obey(struct hostile_area *area)
{
	switch (area->op) {
	case HOSTILE_SET:
		set_entries(area);
		break;
	case HOSTILE_MAP:
		area->failed = map_refs(area);
		break;
	case HOSTILE_UNMAP:
		area->failed = unmap_refs();
		break;
	case HOSTILE_CRASH:
		crash();
	}
}

static void wait_for_event(evtchn_port_t port)
{
	shared_info_t *shared = (shared_info_t *)&shared_page;
	struct sched_poll poll = { .nr_ports = 1 };

	set_xen_guest_handle(poll.ports, &port);
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&poll, 0);
	__atomic_and_fetch(&shared->evtchn_pending[port / 64],
			   ~(1ul << port % 64), __ATOMIC_SEQ_CST);
}

_Noreturn void guest_main(const struct start_info *info);

void guest_main(const struct start_info *info)
{
	struct hostile_area *area = (void *)&area_page;
	struct evtchn_alloc_unbound channel = { .dom = DOMID_SELF };
	uint32_t asked;

	frames = (const unsigned long *)info->mfn_list;
	map_machine(&shared_page, info->shared_info);
	set_up_table();
	if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
		      (uintptr_t)&channel, 0))
		crash();
	area->port = channel.port;
	__atomic_store_n(&area->magic, HOSTILE_MAGIC, __ATOMIC_RELEASE);
	set_entry(HOSTILE_AREA, HOSTILE_PERMIT, 0, frame_of(&area_page));
	for (;;) {
		asked = __atomic_load_n(&area->asked, __ATOMIC_ACQUIRE);
		if (asked != area->answered) {
			obey(area);
			__atomic_store_n(&area->answered, asked,
					 __ATOMIC_RELEASE);
		}
		wait_for_event(channel.port);
	}
}
