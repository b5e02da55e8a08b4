/* SPDX-License-Identifier: GPL-2.0-only */
/* Of attaching.h, what changes the system: all of it is done, or taken back. */
#include <net/if_arp.h>
#include <string.h>

#include "address.h"
#include "attach_warnings.h"
#include "attaching.h"
#include "cpus.h"
#include "devices.h"
#include "fail.h"
#include "forwarding.h"
#include "migration.h"
#include "neighbour.h"
#include "pins.h"
#include "prefix_cache.h"
#include "sharing.h"

/* The neighbour that is there without being ours belongs to somebody whose traffic would go astray. */
static int make_neighbour(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;
	const __u8 next_hop[] = NEXT_HOP;
	char address[ADDRESS_TEXT];
	bool present, right;
	int error;

	if (attaching->link.type != ARPHRD_ETHER)
		return DONE;
	error = neighbour_find(attaching->session->netlink, attaching->link.ifindex, &present, &right);
	if (!error && present && right)
		return DONE;
	if (!error && present && !(attachment->meta.made & MADE_NEIGHBOUR))
		return fail("%s has a neighbour %s, which the tunnel needs for itself: 'ip neighbour del %s dev %s'",
			    attaching->link.name, address_format(next_hop, address), address, attaching->link.name);
	attachment->meta.made |= MADE_NEIGHBOUR;
	if (!error && attachment_write_meta(attachment))
		return FAILED;
	if (!error)
		error = neighbour_make(attaching->session->netlink, attaching->link.ifindex);
	return error ? fail("cannot make the neighbour of %s: %s", attaching->link.name, strerror(-error)) : DONE;
}

/* `meta` is written and pinned before all else is made. */
static int pin(const struct attaching *attaching)
{
	const struct attachment *attachment = &attaching->attachment;

	if (attaching->is_new && bpffs_make_folder(&attaching->session->bpffs, attachment->folder))
		return FAILED;
	if (attachment_write_meta(attachment))
		return FAILED;
	return pins_pin_maps(attachment->folder, &attachment->maps) || sharing_apply(attachment->folder) ? FAILED
													 : DONE;
}

static int make(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;

	if (attaching->device_is_new && programs_detach(0, attachment->folder, &attachment->maps, &attachment->meta))
		return FAILED;
	if (make_neighbour(attaching) || forwarding_take(attaching->session, attachment) ||
	    change_apply(&attaching->change))
		return FAILED;
	if (attaching->programs && programs_attach(attaching->programs, &attaching->link, attachment->folder,
						   &attachment->maps, attaching->mode, &attachment->meta))
		return FAILED;
	return devices_write(attaching->session, attachment, &attaching->link) || cpus_write(attachment) ? FAILED
													 : DONE;
}

/* What it brings along: all that is there, of a device that is. */
static int migrate(struct attaching *attaching, __u32 layout)
{
	struct attachment *attachment = &attaching->attachment;
	const struct migration migration = {
		.folder = attachment->folder,
		.maps = &attachment->maps,
		.meta = &attaching->before,
		.link = attaching->device_is_new ? NULL : &attaching->link,
	};

	if (attaching->is_new)
		return DONE;
	if (migration_run(&migration, layout))
		return FAILED;
	if (attaching->device_is_new)
		return DONE;
	attachment->meta.made |= attaching->before.made;
	attachment->meta.mode_used = attaching->before.mode_used;
	attachment->meta.hook = attaching->before.hook;
	return DONE;
}

/* Takes back what this run made, and only that. */
static void unmake(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;
	__u8 made = attachment->meta.made & (__u8)~attaching->made;

	change_undo(&attaching->change);
	if (made & MADE_NEIGHBOUR)
		neighbour_delete(attaching->session->netlink, attaching->link.ifindex);
	if (made & MADE_LO_FORWARDING)
		forwarding_release(attaching->session, attachment);
	if (attaching->is_new) {
		pins_remove_folder(&attaching->session->bpffs, attachment->folder);
		return;
	}
	attachment->meta = attaching->before;
	attachment_write_meta(attachment);
	migrate(attaching, attaching->layout);
}

static int load(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;
	struct maps *maps = &attachment->maps;
	bool fits = prefix_cache_fits(maps, &attachment->meta);

	if (!fits && prefix_cache_make(maps, &attachment->meta))
		return FAILED;
	if (programs_load(&attaching->link, maps, &attaching->programs))
		return FAILED;
	return fits ? DONE : pins_remove_pin(attachment->folder, "prefix_cache");
}

int attaching_load(struct attaching *attaching)
{
	if (migrate(attaching, LAYOUT))
		return FAILED;
	if (!load(attaching) && !change_read_records(&attaching->change))
		return DONE;
	migrate(attaching, attaching->layout);
	return FAILED;
}

int attaching_carry_out(struct attaching *attaching)
{
	struct meta *meta = &attaching->attachment.meta;

	if (pins_make_maps(&attaching->attachment.maps))
		return FAILED;
	/* Who finds the mode changed can trust that the programs are where it wants them. */
	attaching->mode = meta->mode;
	if (!attaching->is_new)
		meta->mode = attaching->before.mode;
	if (pin(attaching) || make(attaching)) {
		unmake(attaching);
		return FAILED;
	}
	change_keep(&attaching->change);
	attach_warn(attaching);
	return DONE;
}
