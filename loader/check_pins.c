/* SPDX-License-Identifier: GPL-2.0-only */
/* Folders in the bpffs that no living attachment belongs to. */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fail.h"
#include "layouts.h"
#include "netns.h"
#include "ownership.h"
#include "pins.h"

/* Whether a program is pinned there by a link whose device is gone, as when its namespace is. */
static bool is_dead(const char *folder)
{
	static const char *const links[] = { "link_encap", "link_decap", "link_xdp" };
	bool found = false, alive = false;

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		__u32 ifindex;
		int link = pinned_link_open(folder, links[i], &ifindex);

		if (link < 0)
			continue;
		close(link);
		found = true;
		alive |= ifindex != 0;
	}
	return found && !alive;
}

static void mend(struct checking *checking, const char *folder)
{
	if (checking->fix && !pins_remove_folder(&checking->session->bpffs, folder))
		findings_fixed(&checking->findings);
}

static void judge_empty(struct checking *checking, const char *folder)
{
	findings_add(&checking->findings, SEVERITY_WARNING, "%s is empty", folder);
	findings_why(&checking->findings, "an attach that was killed left it");
	findings_command(&checking->findings, "rmdir '%s'", folder);
	mend(checking, folder);
}

static void judge_strange(struct checking *checking, const char *folder)
{
	findings_add(&checking->findings, SEVERITY_WARNING, "%s is not ours: it has no 'meta' of an attachment",
		     folder);
	findings_why(&checking->findings, "a device of that name cannot be attached");
	findings_command(&checking->findings, "rm -r '%s'", folder);
}

/* Pins of another namespace: they are orphans if that is gone. A living one may have lost its name, and has its device. */
static void judge_foreign(struct checking *checking, const char *folder, const struct folder_name *name)
{
	struct findings *findings = &checking->findings;
	bool dead = is_dead(folder);

	if (!dead && (!*name->netns || netns_exists(name->netns)))
		return;
	findings_add(findings, SEVERITY_WARNING, "%s belongs to a network namespace that is gone", folder);
	findings_why(findings, "it keeps its maps in memory, and its place from a namespace of the same name");
	if (*name->netns && !netns_exists(name->netns))
		findings_command(findings, "ipipbpf -n %s detach %s", name->netns, name->device);
	else
		findings_command(findings, "rm -r '%s'", folder);
	if (dead)
		mend(checking, folder);
}

static void judge_layout(struct checking *checking, const char *folder, const struct meta *meta)
{
	findings_add(&checking->findings, SEVERITY_ERROR, "%s has layout %u and this version knows up to %d", folder,
		     meta->layout, LAYOUT);
	findings_why(&checking->findings, "only the version that attached it can change it");
}

static void judge_attached(struct checking *checking, const char *folder)
{
	struct folder_name name;
	struct meta meta;

	if (folder_name_parse(folder, &name) || attachment_peek(folder, &meta)) {
		judge_strange(checking, folder);
		return;
	}
	if (meta.netns_cookie != checking->session->netns_cookie)
		judge_foreign(checking, folder, &name);
	else if (!layout_is_known(meta.layout))
		judge_layout(checking, folder, &meta);
}

static int judge(const char *folder, void *argument)
{
	struct checking *checking = argument;
	enum folder_state state;

	if (bpffs_folder_state(folder, &state))
		return FAILED;
	if (state == FOLDER_EMPTY)
		judge_empty(checking, folder);
	else if (state == FOLDER_STRANGE)
		judge_strange(checking, folder);
	else if (state == FOLDER_ATTACHED)
		judge_attached(checking, folder);
	return DONE;
}

int check_pins(struct checking *checking)
{
	size_t before = checking->findings.count;

	if (bpffs_each_folder(&checking->session->bpffs, judge, checking))
		return FAILED;
	if (checking->findings.count == before)
		findings_ok(&checking->findings, "none is orphaned");
	return DONE;
}
