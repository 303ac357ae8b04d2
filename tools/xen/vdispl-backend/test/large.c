// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's screen that is too large for the stock driver, which has up to 2047
 * rows: draws seeded frames and flips, by a frontend of its own, which speaks
 * version 2 of the protocol. Where the device has be-alloc=1, the frames are in
 * memory of the backend, mapped by the grant device, which needs an
 * auto-translated guest. What to do comes by xenstore, see job.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "front.h"
#include "job.h"

#define PAGE_BYTES	XENDISPL_EVENT_PAGE_SIZE
#define PER_PAGE	((PAGE_BYTES - \
			  offsetof(struct xendispl_page_directory, gref)) / \
			 sizeof(grant_ref_t))

/*
 * Where the pixels begin in memory of the guest. Only on small screens: vkms,
 * which shows the large ones, adds the offset of a framebuffer twice (6.12).
 */
#define DATA_OFFSET	(PAGE_BYTES - 64u)
#define LARGE_ROWS	1080u

/* Cookies of a buffer and of its framebuffer are its index and one. */
struct picture_buffer {
	struct xendispl_page_directory *directory;
	uint32_t *directory_refs;
	uint32_t directory_pages;
	uint32_t pages;
	uint32_t *refs;
	void *memory;
	void *pixels;
	bool foreign;
};

static struct front front;
static xengnttab_handle *gnttab;

static struct xendispl_page_directory *
directory_page(struct picture_buffer *buf, uint32_t index)
{
	return (void *)((char *)buf->directory + (size_t)index * PAGE_BYTES);
}

static void make_directory(struct picture_buffer *buf)
{
	buf->directory_pages = (buf->pages + (uint32_t)PER_PAGE - 1) /
			       (uint32_t)PER_PAGE;
	buf->directory_refs = calloc(buf->directory_pages, sizeof(uint32_t));
	buf->refs = calloc(buf->pages, sizeof(uint32_t));
	if (!buf->directory_refs || !buf->refs)
		front_give_up(&front, "no memory");
	buf->directory = front_share(&front, buf->directory_pages,
				     buf->directory_refs);
	for (uint32_t i = 0; i + 1 < buf->directory_pages; i++)
		directory_page(buf, i)->gref_dir_next_page =
			buf->directory_refs[i + 1];
}

/* Between the list of references and the directory, in one direction. */
static void copy_refs(struct picture_buffer *buf, bool to_directory)
{
	for (uint32_t i = 0; i < buf->pages; i++) {
		grant_ref_t *ref = &directory_page(buf, i / PER_PAGE)
					   ->gref[i % PER_PAGE];

		if (to_directory)
			*ref = buf->refs[i];
		else
			buf->refs[i] = *ref;
	}
}

static void map_foreign(struct picture_buffer *buf)
{
	copy_refs(buf, false);
	buf->memory = xengnttab_map_domain_grant_refs(gnttab, buf->pages, 0,
						      buf->refs, PROT_READ |
						      PROT_WRITE);
	if (!buf->memory)
		front_give_up(&front, "mapping: %s", strerror(errno));
}

static void create(struct picture_buffer *buf, const struct job *job,
		   uint64_t cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_DBUF_CREATE };
	uint32_t offset = 0;

	if (!buf->foreign && job->height < LARGE_ROWS)
		offset = DATA_OFFSET;
	buf->pages = (offset + job->width * job->height * 4 + PAGE_BYTES - 1) /
		     PAGE_BYTES;
	make_directory(buf);
	if (!buf->foreign) {
		buf->memory = front_share(&front, buf->pages, buf->refs);
		copy_refs(buf, true);
	}
	req.op.dbuf_create.dbuf_cookie = cookie;
	/* The stock driver tells an offset of imports only, and no geometry. */
	if (!offset || cookie == 1) {
		req.op.dbuf_create.width = job->width;
		req.op.dbuf_create.height = job->height;
		req.op.dbuf_create.bpp = 32;
	}
	req.op.dbuf_create.buffer_sz = buf->pages * PAGE_BYTES;
	req.op.dbuf_create.flags = buf->foreign ? XENDISPL_DBUF_FLG_REQ_ALLOC :
						  0;
	req.op.dbuf_create.gref_directory = buf->directory_refs[0];
	req.op.dbuf_create.data_ofs = offset;
	front_expect(&front, "creating a buffer", &req, 0);
	if (buf->foreign)
		map_foreign(buf);
	buf->pixels = (char *)buf->memory + offset;
}

static void attach(const struct job *job, uint64_t cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_FB_ATTACH };

	req.op.fb_attach.dbuf_cookie = cookie;
	req.op.fb_attach.fb_cookie = cookie;
	req.op.fb_attach.width = job->width;
	req.op.fb_attach.height = job->height;
	req.op.fb_attach.pixel_format = DRM_FORMAT_XRGB8888;
	front_expect(&front, "attaching a framebuffer", &req, 0);
}

static void destroy(struct picture_buffer *buf, uint64_t cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_FB_DETACH };

	req.op.fb_detach.fb_cookie = cookie;
	front_expect(&front, "detaching a framebuffer", &req, 0);
	if (buf->foreign)
		xengnttab_unmap(gnttab, buf->memory, buf->pages);
	req = (struct xendispl_req){ .operation = XENDISPL_OP_DBUF_DESTROY };
	req.op.dbuf_destroy.dbuf_cookie = cookie;
	front_expect(&front, "destroying a buffer", &req, 0);
	if (!buf->foreign)
		xengntshr_unshare(front.share, buf->memory, buf->pages);
	xengntshr_unshare(front.share, buf->directory, buf->directory_pages);
	free(buf->directory_refs);
	free(buf->refs);
}

static void configure(const struct job *job, uint64_t fb_cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_SET_CONFIG };

	req.op.set_config.fb_cookie = fb_cookie;
	if (fb_cookie) {
		req.op.set_config.width = job->width;
		req.op.set_config.height = job->height;
		req.op.set_config.bpp = 32;
	}
	front_expect(&front, "setting the mode", &req, 0);
}

static void show(const struct job *job, uint32_t frame, uint64_t fb_cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_PG_FLIP };

	if (!frame) {
		configure(job, fb_cookie);
		return;
	}
	req.op.pg_flip.fb_cookie = fb_cookie;
	front_expect(&front, "flipping", &req, 0);
	front_await_flip(&front, fb_cookie);
}

static bool device_allocates(void)
{
	unsigned int len;
	char *value = xs_read(front.xs, XBT_NULL,
			      FRONT_PATH "/" XENDISPL_FIELD_BE_ALLOC, &len);
	bool yes = value && *value == '1';

	free(value);
	return yes;
}

static int run_job(struct xs_handle *xs, const struct job *job)
{
	struct frame_geometry geo = {
		.width = job->width,
		.height = job->height,
		.pitch = job->width * 4,
	};
	struct picture_buffer bufs[MAX_BUFFERS] = { 0 };

	for (uint32_t i = 0; i < job->buffers; i++) {
		bufs[i].foreign = device_allocates();
		create(&bufs[i], job, i + 1);
		attach(job, i + 1);
	}
	for (uint32_t frame = 0; job_has(job, frame); frame++) {
		uint32_t i = frame % job->buffers;
		struct picture picture = {
			.pixels = bufs[i].pixels,
			.geo = &geo,
		};

		frame_draw(bufs[i].pixels, &geo, frame, job->seed);
		show(job, frame, i + 1);
		job_shown(xs, job, frame, &picture, 1);
	}
	configure(job, 0);
	for (uint32_t i = 0; i < job->buffers; i++)
		destroy(&bufs[i], i + 1);
	return 0;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	front_open(&front);
	gnttab = xengnttab_open(NULL, 0);
	if (!gnttab)
		front_give_up(&front, "cannot open the grant device");
	front_put(&front, XENDISPL_FIELD_FE_VERSION, 2);
	front_connect(&front);
	xs_write(front.xs, XBT_NULL, "data/display", "up", 2);
	return job_loop(run_job);
}
