// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gntdev-test.h"
#include "ops.h"

/*
 * The errors are those that the interface documents for the command; EBADF is
 * that of a descriptor that is none, ENOTTY that of one of something else.
 */
const struct op_info op_table[] = {
	{ "open", op_open, 8, { 0 }, { "map", "export", "map" }, { EMFILE } },
	{ "close", op_close, 4, { 16, 3 }, { "open", "wait", "mmap" },
	  { EBADF } },
	{ "dup", op_dup, 2, { 16 }, { "close", "map" }, { EBADF } },
	{ "map", op_map, 14, { 16, 60, 18, MEM_RANGE },
	  { "mmap", "mmap", "map", "notify" },
	  { EINVAL, EFAULT, EBADF, ENOTTY, ENOMEM, EOPNOTSUPP, ENOSPC } },
	{ "unmap", op_unmap, 8, { 16, 4, 0, MEM_RANGE }, { "mmap", "map" },
	  { ENOENT, EFAULT, EBADF, ENOTTY, EINVAL } },
	{ "mmap", op_mmap, 14, { 16, 8, 6 },
	  { "read", "write", "munmap", "mremap" },
	  { EINVAL, EBADF, ENODEV, EACCES, EBUSY, ENOENT, EPERM, ENOMEM,
	    ENOSPC, EAGAIN } },
	{ "offset", op_get_offset, 3, { 16, 16, 10, MEM_RANGE }, { "unmap" },
	  { EINVAL, EFAULT, EBADF, ENOTTY } },
	{ "notify", op_notify, 4, { 16, 5, 12, MEM_RANGE },
	  { "mmap", "unmap", "close" },
	  { EINVAL, ENOENT, EFAULT, EBADF, ENOTTY } },
	{ "copy", op_copy, 6, { 16, 60, 24, MEM_RANGE }, { "copy" },
	  { EINVAL, EFAULT, EBADF, ENOTTY, ENOMEM } },
	{ "raw", op_raw, 3, { 16, 40, 256, MEM_RANGE }, { 0 }, { ANY_ERRNO } },
	{ "munmap", op_munmap, 8, { 16, 4 }, { "unmap", "mmap", "revoke" },
	  { ANY_ERRNO } },
	{ "mprotect", op_mprotect, 5, { 16, 4, 4 }, { "write", "read" },
	  { ANY_ERRNO } },
	{ "mremap", op_mremap, 5, { 16, 4 }, { "read", "munmap" },
	  { ANY_ERRNO } },
	{ "madvise", op_madvise, 4, { 16, 8, 4 }, { "read", "fork" },
	  { ANY_ERRNO } },
	{ "read", op_read, 6, { 16, 20 }, { 0 }, { ANY_ERRNO } },
	{ "write", op_write, 4, { 16, 20 }, { 0 }, { ANY_ERRNO } },
	{ "fork", op_fork, 2, { 4 }, { "read", "munmap" }, { ANY_ERRNO } },
	/* Only where two operations are to meet, never by chance. */
	{ "meet", op_meet, 0, { 0 }, { 0 }, { ANY_ERRNO } },
	{ "kill", op_kill, 1, { 0 }, { 0 }, { ANY_ERRNO } },
	{ "closenumbers", op_close_numbers, 1, { 8 }, { "open" },
	  { ANY_ERRNO } },
	{ "export", op_export, 14, { 16, 60, 18, 36 },
	  { "bufmmap", "bufclose", "access", "wait" },
	  { EINVAL, EFAULT, EBADF, ENOTTY, ENOMEM, EOPNOTSUPP, EACCES, ENOSPC,
	    EMFILE } },
	{ "wait", op_wait, 5, { 16, 16, 4, MEM_RANGE }, { "close" },
	  { ENOENT, ETIMEDOUT, EFAULT, EBADF, ENOTTY, EINTR } },
	{ "import", op_import, 12, { 16, 16, 5, 24 },
	  { "release", "map", "guestmap", "bufclose" },
	  { EINVAL, EFAULT, EBADF, ENOTTY, ENOMEM, EOPNOTSUPP, EACCES, ENOSPC,
	    EIO } },
	{ "release", op_release, 7, { 16, 16, 0, MEM_RANGE },
	  { "import", "bufclose" }, { ENOENT, EFAULT, EBADF, ENOTTY } },
	{ "buffer", op_buffer, 8, { 4, 18, 12 },
	  { "import", "import", "bufmmap" }, { ANY_ERRNO } },
	{ "bufclose", op_buffer_close, 6, { 16, 2 },
	  { "wait", "release", "wait" }, { ANY_ERRNO } },
	{ "bufmmap", op_buffer_mmap, 7, { 16, 4, 4 },
	  { "read", "write", "munmap", "bufclose" },
	  { EINVAL, EBADF, ENODEV, EACCES, EBUSY, EPERM, ENOMEM, ENOSPC } },
	{ "bufsync", op_buffer_sync, 3, { 16, 8 }, { "bufsync" },
	  { ANY_ERRNO } },
	{ "access", op_buffer_access, 5, { 16, 2, 2 }, { "bufclose" },
	  { ANY_ERRNO } },
	{ "hexport", op_export_handle, 12, { 16, 60, 18, 1680 },
	  { "bufmmap", "bufclose", "query", "hwait" },
	  { EINVAL, E2BIG, EFAULT, EBADF, ENOTTY, ENOMEM, EOPNOTSUPP, EACCES,
	    ENOSPC, EMFILE } },
	{ "himport", op_import_handle, 12, { 16, 16, 20, 540 },
	  { "hrelease", "map", "guestmap", "query" },
	  { EINVAL, E2BIG, EFAULT, EBADF, ENOTTY, ENOMEM, EOPNOTSUPP, EACCES,
	    ENOSPC, EIO } },
	{ "hrelease", op_release_handle, 9, { 16, 16, 3, 30 },
	  { "hrelease", "eventfd", "hwait", "bufclose" },
	  { ENOENT, EBUSY, EINVAL, E2BIG, EFAULT, EBADF, ENOTTY } },
	{ "hwait", op_wait_handle, 5, { 16, 16, 6, 30 },
	  { "close", "eventfd", "query" },
	  { ENOENT, ETIMEDOUT, EINTR, EINVAL, E2BIG, EFAULT, EBADF,
	    ENOTTY } },
	{ "query", op_query, 5, { 16, 16, 3, 30 }, { "hwait", "hrelease" },
	  { ENOENT, EINVAL, E2BIG, EFAULT, EBADF, ENOTTY } },
	{ "fdinfo", op_fdinfo, 2, { 16 }, { 0 }, { ANY_ERRNO } },
	{ "eventfd", op_eventfd, 2, { 16 }, { "query", "hrelease" },
	  { ANY_ERRNO } },
	{ "grant", op_grant, 6, { 8, 3 }, { "map", "export" }, { ANY_ERRNO } },
	{ "revoke", op_revoke, 4, { 16 }, { "mmap", "map", "munmap" },
	  { ANY_ERRNO } },
	{ "guestgrant", op_guest_grant, 3, { 16, 3, 3 }, { "map", "export" },
	  { ANY_ERRNO } },
	{ "guestrevoke", op_guest_revoke, 2, { 16 }, { "munmap", "mmap" },
	  { ANY_ERRNO } },
	{ "guestmap", op_guest_map, 3, { 16, 3 },
	  { "release", "guestfill", "close" }, { ANY_ERRNO } },
	{ "guestfill", op_guest_fill, 1, { 16 }, { "release", "read" },
	  { ANY_ERRNO } },
	{ "guestrelease", op_guest_release, 2, { 16 }, { "release", "wait" },
	  { ANY_ERRNO } },
};

const uint32_t op_count = ARRAY_SIZE_OF(op_table);

int op_find(const char *name)
{
	for (uint32_t i = 0; i < op_count; i++) {
		if (!strcmp(op_table[i].name, name))
			return (int)i;
	}
	return -1;
}

static bool may_fail_with(const struct op_info *info, int errnum)
{
	for (uint32_t i = 0; i < OP_ERRNOS && info->errnos[i]; i++) {
		if (info->errnos[i] == errnum || info->errnos[i] == ANY_ERRNO)
			return true;
	}
	return false;
}

static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

static bool makes_buffer(const struct op_info *info)
{
	return info->run == op_export || info->run == op_import ||
	       info->run == op_export_handle || info->run == op_import_handle;
}

/* Exports and imports of the file that an operation uses; 0 if that is none. */
static uint64_t buffers_of(struct thread *thread, const struct op *op)
{
	struct gntdev_query query = { .size = sizeof(query) };
	struct object file;

	if (thread->state->racing || !makes_buffer(&op_table[op->kind]) ||
	    !object_pick(thread, OBJECT_FILE, op->arg[0], &file) ||
	    ioctl(file.fd, IOCTL_GNTDEV_QUERY, &query))
		return 0;
	return query.exports + query.imports;
}

/* A failed operation leaves no descriptor that nobody knows, and no buffer. */
void op_run(struct thread *thread, const struct op *op)
{
	const struct op_info *info = &op_table[op->kind];
	struct report *report = thread->state->report;
	bool racing = thread->state->racing;
	uint64_t buffers = buffers_of(thread, op);
	int before = racing ? 0 : lowest_fd();
	int ret = info->run(thread, op->arg);

	atomic_fetch_add(&report->ops, 1);
	if (ret >= 0) {
		atomic_fetch_add(&report->good, 1);
		return;
	}
	if (!may_fail_with(info, -ret))
		finding(thread, "%s fails with %s", info->name,
			strerrorname_np(-ret));
	if (!racing && lowest_fd() > before)
		finding(thread, "%s fails with %s and leaves a descriptor",
			info->name, strerrorname_np(-ret));
	if (buffers_of(thread, op) > buffers)
		finding(thread, "%s fails with %s and leaves a buffer",
			info->name, strerrorname_np(-ret));
}
