// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <xen/io/xenbus.h>

#include "bus.h"

#define ROOT	"backend/vdispl"
#define TOKEN	"vdispl"
#define MAX_REPORTS	8	/* lines about one device */
/* Version 2 has data_ofs, and EDIDs, which are optional and not for us. */
#define VERSIONS	"1" XENDISPL_LIST_SEPARATOR "2"

/* A node below a path, or NULL; to be freed. */
static char *read_node(struct bus *bus, const char *dir, const char *node)
{
	unsigned int len;
	char *path;
	char *value;

	if (asprintf(&path, "%s/%s", dir, node) < 0)
		return NULL;
	value = xs_read(bus->xs, XBT_NULL, path, &len);
	free(path);
	return value;
}

/* The domain that a node belongs to, or -1. */
static long owner_of(struct bus *bus, const char *dir, const char *node)
{
	struct xs_permissions *perms;
	unsigned int count;
	char *path;
	long owner = -1;

	if (asprintf(&path, "%s/%s", dir, node) < 0)
		return -1;
	perms = xs_get_permissions(bus->xs, XBT_NULL, path, &count);
	if (perms && count)
		owner = perms[0].id;
	free(perms);
	free(path);
	return owner;
}

/*
 * A node that the tool stack has written below the guest's path, or NULL. It
 * belongs to this domain, as do those of the backend's path. The directory is
 * the guest's, who can have removed the node and made one of its own.
 */
static char *read_given(struct bus *bus, const struct device *device,
			const char *node)
{
	char *value = read_node(bus, device->frontend, node);
	long owner = owner_of(bus, device->frontend, node);

	/* The owner is asked for last: nobody but us can change a node of ours. */
	if (value && owner >= 0 &&
	    owner == owner_of(bus, device->backend, "frontend"))
		return value;
	free(value);
	return NULL;
}

/* Takes the value, which may be NULL. */
static int parse_number(char *value, uint32_t *number)
{
	char *end;
	int ret = 0;

	if (!value)
		return -ENOENT;
	errno = 0;
	*number = (uint32_t)strtoul(value, &end, 10);
	if (errno || end == value || *end)
		ret = -EINVAL;
	free(value);
	return ret;
}

static int read_number(struct bus *bus, const char *dir, const char *node,
		       uint32_t *number)
{
	return parse_number(read_node(bus, dir, node), number);
}

/* Whether the tool stack still has a device, within a transaction. */
static bool exists(struct bus *bus, xs_transaction_t t, const char *backend)
{
	unsigned int len;
	char *path, *value;

	if (asprintf(&path, "%s/frontend", backend) < 0)
		return false;
	value = xs_read(bus->xs, t, path, &len);
	free(path);
	free(value);
	return value;
}

/* A device that has gone meanwhile is not brought back by this. */
static void write_node(struct bus *bus, const char *backend, const char *node,
		       const char *value)
{
	bool there, written = false, done = false;
	char *path;

	if (asprintf(&path, "%s/%s", backend, node) < 0)
		return;
	do {
		xs_transaction_t t = xs_transaction_start(bus->xs);

		if (t == XBT_NULL)
			break;
		there = exists(bus, t, backend);
		written = !there ||
			  xs_write(bus->xs, t, path, value, strlen(value));
		done = xs_transaction_end(bus->xs, t, !there || !written);
	} while (!done && errno == EAGAIN);
	if (!written || !done)
		fprintf(stderr, "vdispl: cannot write %s\n", path);
	free(path);
}

static void set_state(struct bus *bus, struct device *device,
		      enum xenbus_state state)
{
	char value[12];

	snprintf(value, sizeof(value), "%d", state);
	write_node(bus, device->backend, "state", value);
}

static uint32_t state_of(struct bus *bus, const char *dir)
{
	uint32_t state;

	return read_number(bus, dir, "state", &state) ? XenbusStateUnknown :
							state;
}

/* Where the guest says that a connector's rings are. */
static int read_address(struct bus *bus, const struct device *device,
			unsigned int index, struct ring_address *at)
{
	char *dir;
	int ret;

	if (asprintf(&dir, "%s/%u", device->frontend, index) < 0)
		return -ENOMEM;
	at->domid = device->domid;
	ret = read_number(bus, dir, XENDISPL_FIELD_REQ_RING_REF, &at->req_ref) ?:
	      read_number(bus, dir, XENDISPL_FIELD_REQ_CHANNEL, &at->req_port) ?:
	      read_number(bus, dir, XENDISPL_FIELD_EVT_RING_REF, &at->evt_ref) ?:
	      read_number(bus, dir, XENDISPL_FIELD_EVT_CHANNEL, &at->evt_port);
	free(dir);
	return ret;
}

/* What the tool stack says of a connector. Return: -ENOENT if there is none. */
static int read_connector(struct bus *bus, const struct device *device,
			  unsigned int index, struct connector_config *config)
{
	char node[32];
	char *size;
	int ret = 0;

	snprintf(node, sizeof(node), "%u/" XENDISPL_FIELD_RESOLUTION, index);
	size = read_given(bus, device, node);
	if (!size)
		return -ENOENT;
	if (sscanf(size, "%" SCNu32 "x%" SCNu32, &config->width,
		   &config->height) != 2)
		ret = -EINVAL;
	free(size);
	snprintf(node, sizeof(node), "%u/" XENDISPL_FIELD_UNIQUE_ID, index);
	config->name = read_given(bus, device, node);
	return ret || config->name ? ret : -EACCES;
}

static int read_configs(struct bus *bus, const struct device *device,
			struct connector_config *config, unsigned int *count)
{
	while (*count < MAX_CONNECTORS) {
		int ret = read_connector(bus, device, *count, &config[*count]);

		if (ret)
			return ret == -ENOENT && *count ? 0 : ret;
		ret = read_address(bus, device, *count, &config[*count].address);
		++*count;
		if (ret)
			return ret;
	}
	return 0;
}

/* Old drivers do not say which version they speak: it is the first. */
static int check_version(struct bus *bus, const struct device *device)
{
	uint32_t version = 1;
	int ret = read_number(bus, device->frontend, XENDISPL_FIELD_FE_VERSION,
			      &version);

	if (ret && ret != -ENOENT)
		return ret;
	return version == 1 || version == 2 ? 0 : -EPROTONOSUPPORT;
}

static int connect_device(struct bus *bus, struct device *device)
{
	struct connector_config config[MAX_CONNECTORS] = { 0 };
	unsigned int count = 0;
	uint32_t alloc;
	int ret = check_version(bus, device);

	if (ret)
		return ret;
	device->store.alloc = !parse_number(read_given(bus, device,
						       XENDISPL_FIELD_BE_ALLOC),
					    &alloc) && alloc == 1;
	ret = read_configs(bus, device, config, &count);
	if (!ret)
		ret = device_connect(device, config, count);
	for (unsigned int i = 0; i < MAX_CONNECTORS; i++)
		free((char *)config[i].name);
	return ret;
}

/* A guest that reads Closed takes its pages for its own again. */
static void become_closed(struct bus *bus, struct device *device)
{
	device->leaving = device->closing;
	if (!device->closing &&
	    state_of(bus, device->backend) != XenbusStateClosed)
		set_state(bus, device, XenbusStateClosed);
}

void bus_expel(struct bus *bus, struct device *device, int error)
{
	/* It may come back and do so again, and must not fill the log. */
	if (device->expelled++ < MAX_REPORTS)
		fprintf(stderr, "vdispl: domain %u device %u is cut off: %s\n",
			device->domid, device->devid, strerror(-error));
	device_disconnect(device);
	become_closed(bus, device);
}

/*
 * Ready for a guest, also for one that comes back. One that has seen InitWait
 * may be publishing its rings already, and would begin anew if told again.
 */
static void await_guest(struct bus *bus, struct device *device)
{
	if (state_of(bus, device->backend) == XenbusStateInitWait)
		return;
	write_node(bus, device->backend, XENDISPL_FIELD_BE_VERSIONS, VERSIONS);
	set_state(bus, device, XenbusStateInitWait);
}

/* The tool stack says so before it removes a device. */
static bool is_wanted(struct bus *bus, struct device *device)
{
	uint32_t online;

	return read_number(bus, device->backend, "online", &online) || online;
}

/* The tool stack removes the device: whatever the guest does, it is closed. */
static void retire(struct bus *bus, struct device *device)
{
	device_disconnect(device);
	become_closed(bus, device);
}

static void follow_frontend(struct bus *bus, struct device *device)
{
	int ret;

	if (!is_wanted(bus, device)) {
		retire(bus, device);
		return;
	}
	switch (state_of(bus, device->frontend)) {
	case XenbusStateInitialising:
	case XenbusStateClosing:
	case XenbusStateClosed:
		device_disconnect(device);
		/* It may not come before the last time has come to its end. */
		if (device->closing)
			device->changed = true;
		else
			await_guest(bus, device);
		break;
	case XenbusStateInitialised:
		if (device->connected)
			break;
		ret = connect_device(bus, device);
		if (ret)
			bus_expel(bus, device, ret);
		else
			set_state(bus, device, XenbusStateConnected);
		break;
	case XenbusStateConnected:
		break;
	default:
		device_disconnect(device);
	}
}

static void follow_toolstack(struct bus *bus, struct device *device)
{
	if (state_of(bus, device->backend) == XenbusStateClosing &&
	    !is_wanted(bus, device))
		retire(bus, device);
}

static void free_device(struct bus *bus, struct device *device)
{
	char *path;

	device_disconnect(device);
	store_close(&device->store);
	if (device->frontend && asprintf(&path, "%s/state",
					 device->frontend) >= 0) {
		xs_unwatch(bus->xs, path, TOKEN);
		free(path);
	}
	free(device->frontend);
	free(device->backend);
	free(device);
}

/* The watch fires at once, so the first look at the frontend comes by it. */
static int watch_frontend(struct bus *bus, struct device *device)
{
	char *path;
	int ret;

	device->frontend = read_node(bus, device->backend, "frontend");
	if (!device->frontend)
		return -ENOENT;
	if (asprintf(&path, "%s/state", device->frontend) < 0)
		return -ENOMEM;
	ret = xs_watch(bus->xs, path, TOKEN) ? 0 : -errno;
	free(path);
	return ret;
}

static struct device *add_device(struct bus *bus, uint32_t domid,
				 uint32_t devid)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->domid = domid;
	device->devid = devid;
	device->store = (struct store){
		.display = bus->display,
		.xen = bus->xen,
		.domid = domid,
		.copy = bus->copy,
	};
	device->stats = bus->stats;
	if (asprintf(&device->backend, ROOT "/%u/%u", domid, devid) < 0)
		device->backend = NULL;
	if (!device->backend || watch_frontend(bus, device)) {
		free_device(bus, device);
		return NULL;
	}
	device->next = bus->devices;
	bus->devices = device;
	await_guest(bus, device);
	return device;
}

static void see_device(struct bus *bus, uint32_t domid, uint32_t devid)
{
	struct device *device = bus->devices;

	/*
	 * A domain that has ended is gone, whatever xenstore still lists. To
	 * add its device would change a node, which is a reason to look again.
	 */
	if (!xs_is_domain_introduced(bus->xs, domid))
		return;
	while (device && (device->domid != domid || device->devid != devid))
		device = device->next;
	if (!device)
		device = add_device(bus, domid, devid);
	if (device)
		device->seen = true;
}

static void see_domain(struct bus *bus, const char *domid)
{
	unsigned int count;
	char **devices;
	char *path;

	if (asprintf(&path, ROOT "/%s", domid) < 0)
		return;
	devices = xs_directory(bus->xs, XBT_NULL, path, &count);
	for (unsigned int i = 0; devices && i < count; i++)
		see_device(bus, (uint32_t)strtoul(domid, NULL, 10),
			   (uint32_t)strtoul(devices[i], NULL, 10));
	free(devices);
	free(path);
}

static void remove_unseen(struct bus *bus)
{
	struct device **link = &bus->devices;

	while (*link) {
		struct device *device = *link;

		if (device->seen) {
			follow_toolstack(bus, device);
			link = &device->next;
			continue;
		}
		device_disconnect(device);
		if (device->closing) {
			link = &device->next;
			continue;
		}
		*link = device->next;
		free_device(bus, device);
	}
}

static void scan(struct bus *bus)
{
	unsigned int count;
	char **domains = xs_directory(bus->xs, XBT_NULL, ROOT, &count);

	/* Not to be told is not to be told that there is none. */
	if (!domains && errno != ENOENT)
		return;
	for (struct device *d = bus->devices; d; d = d->next)
		d->seen = false;
	for (unsigned int i = 0; domains && i < count; i++)
		see_domain(bus, domains[i]);
	free(domains);
	remove_unseen(bus);
}

static void note_event(struct bus *bus, const char *path)
{
	for (struct device *d = bus->devices; d; d = d->next) {
		size_t len = strlen(d->frontend);

		if (strncmp(path, d->frontend, len) || path[len] != '/')
			continue;
		d->changed = true;
		return;
	}
	bus->rescan = true;
}

int bus_open(struct bus *bus)
{
	bus->xs = xs_open(0);
	if (!bus->xs)
		return -errno;
	if (!xs_watch(bus->xs, ROOT, TOKEN) ||
	    !xs_watch(bus->xs, "@releaseDomain", TOKEN))
		return -errno;
	return 0;
}

int bus_fd(const struct bus *bus)
{
	return xs_fileno(bus->xs);
}

/*
 * Events are noted first, which asks nobody for anything, and each device is
 * looked at once: a guest may write its state faster than this side follows.
 */
void bus_dispatch(struct bus *bus)
{
	char **event;

	while ((event = xs_check_watch(bus->xs))) {
		note_event(bus, event[XS_WATCH_PATH]);
		free(event);
	}
}

static void settle(struct bus *bus)
{
	for (struct device *d = bus->devices; d; d = d->next) {
		if (!d->closing || !device_settle(d))
			continue;
		if (d->leaving)
			become_closed(bus, d);
		/* The device may have gone meanwhile. */
		bus->rescan = true;
	}
}

void bus_follow(struct bus *bus)
{
	settle(bus);
	if (bus->rescan) {
		bus->rescan = false;
		scan(bus);
	}
	for (struct device *d = bus->devices; d; d = d->next) {
		/* What its guest has done meanwhile is for afterwards. */
		if (!d->changed || d->closing)
			continue;
		d->changed = false;
		follow_frontend(bus, d);
	}
}

void bus_close(struct bus *bus)
{
	while (bus->devices) {
		struct device *device = bus->devices;

		bus->devices = device->next;
		device_disconnect(device);
		device_settle_now(device);
		set_state(bus, device, XenbusStateClosed);
		free_device(bus, device);
	}
	if (bus->xs)
		xs_close(bus->xs);
}
