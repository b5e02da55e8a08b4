/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `check`: what stands in the way of the tunnels, and what mends it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "commands.h"
#include "fail.h"
#include "objects.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct check_request {
	const char *device; /* NULL: all that are attached */
	bool fix;
};

struct check {
	const char *name;
	int (*run)(struct checking *checking);
};

static const struct check machine_checks[] = {
	{ "kernel", check_kernel },
	{ "jit", check_jit },
	{ "tunl0", check_tunl0 },
};

/* Left out where a device is named. */
static const struct check pin_checks[] = {
	{ "pins", check_pins },
};

static const struct check device_checks[] = {
	{ "device", check_link },
	{ "attach", check_attach },
	{ "xdp", check_xdp },
	{ "offloads", check_offloads },
};

/* Of an attachment whose device is there, under its name. */
static const struct check attachment_checks[] = {
	{ "local", check_local },
	{ "remote", check_remotes },
	{ "prefix", check_prefixes },
	{ "outside", check_outside },
	{ "forwarding", check_forwarding },
	{ "rp_filter", check_rp_filter },
	{ "accept_local", check_accept_local },
	{ "firewall", check_firewall },
	{ "masquerade", check_masquerade },
};

static const struct check missing_checks[] = {
	{ "attachment", check_missing },
};

static int run(struct checking *checking, const struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		checking->findings.check = checks[i].name;
		if (checks[i].run(checking))
			return FAILED;
	}
	return DONE;
}

static int run_on_attachment(struct checking *checking)
{
	const struct report *report = &checking->report;
	bool there = report->present && !strcmp(report->link.name, checking->device);

	if (!checking->ruleset && ruleset_read(&checking->ruleset))
		return FAILED;
	if (there && run(checking, device_checks, COUNT(device_checks)))
		return FAILED;
	if (run(checking, missing_checks, COUNT(missing_checks)))
		return FAILED;
	return there ? run(checking, attachment_checks, COUNT(attachment_checks)) : DONE;
}

static int look_at(struct checking *checking, const struct attachment *attachment)
{
	int result;

	if (report_read(checking->session, attachment, &checking->report))
		return FAILED;
	result = run_on_attachment(checking);
	report_free(&checking->report);
	checking->report = (struct report){ 0 };
	return result;
}

/* After it was attached again: its maps may be others. */
static int look_again(struct checking *checking, const char *folder)
{
	struct attachments all;
	int result = DONE;

	if (attachments_open(checking->session, false, &all))
		return FAILED;
	for (size_t i = 0; i < all.count && !result; i++) {
		if (!strcmp(all.list[i].folder, folder))
			result = look_at(checking, &all.list[i]);
	}
	attachments_close(&all);
	return result;
}

/* What is left is looked for anew, so that nothing is called mended that is still there. */
static int check_attachment(struct checking *checking, const struct attachment *attachment)
{
	static const struct attach_request nothing;
	size_t first = checking->findings.count;

	checking->device = checking->findings.device = attachment->name.device;
	checking->refused = false;
	if (look_at(checking, attachment))
		return FAILED;
	/* If it is not attached after all it has said why, and what was found stands. */
	if (!checking->fix || checking->refused || !findings_want_attach(&checking->findings, first) ||
	    attach_device(checking->session, checking->device, &nothing))
		return DONE;
	findings_attached(&checking->findings, first);
	return look_again(checking, attachment->folder);
}

static int check_all(struct checking *checking)
{
	struct attachments all;
	int result;

	if (attachments_open(checking->session, false, &all))
		return FAILED;
	checking->try_programs = !all.count;
	result = run(checking, machine_checks, COUNT(machine_checks)) || run(checking, pin_checks, COUNT(pin_checks))
			 ? FAILED
			 : DONE;
	for (size_t i = 0; i < all.count && !result; i++)
		result = check_attachment(checking, &all.list[i]);
	attachments_close(&all);
	return result;
}

/* A device that nothing is attached to: whether it could be. */
static int check_unattached(struct checking *checking)
{
	int error = link_find(checking->session->netlink, checking->device, &checking->report.link);

	checking->report.present = !error;
	return run(checking, device_checks, COUNT(device_checks));
}

/* If it is not attached, check_attach loads the programs for it. */
static int check_one(struct checking *checking, const char *device)
{
	struct attachment attachment;
	enum folder_state state;
	char line[512];
	int result;

	if (run(checking, machine_checks, COUNT(machine_checks)))
		return FAILED;
	checking->device = checking->findings.device = device;
	fail_keep(line, sizeof(line));
	result = attachment_open(checking->session, device, &attachment, &state);
	fail_keep(NULL, 0);
	if (result) {
		checking->findings.check = "pins";
		findings_add(&checking->findings, SEVERITY_ERROR, "%s", line);
		return DONE;
	}
	if (state == FOLDER_ATTACHED)
		result = check_attachment(checking, &attachment);
	else
		result = check_unattached(checking);
	attachment_close(&attachment);
	return result;
}

static int print(const struct checking *checking)
{
	if (checking->findings.failed)
		return fail("out of memory");
	return checking->session->json ? findings_print_json(&checking->findings)
				       : findings_print_text(&checking->findings);
}

static void say_where(struct checking *checking)
{
	const char *netns = checking->session->netns;

	strcpy(checking->ip, "ip");
	if (!netns)
		return;
	snprintf(checking->ip, sizeof(checking->ip), "ip -n %s", netns);
	snprintf(checking->inside, sizeof(checking->inside), "ip netns exec %s ", netns);
}

static int check(struct checking *checking, const char *device)
{
	enum severity worst;
	int result = FAILED;

	objects_keep_messages();
	say_where(checking);
	if (!host_addresses_read(checking->session->netlink, &checking->addresses) &&
	    !(device ? check_one(checking, device) : check_all(checking)))
		result = print(checking);
	worst = findings_worst(&checking->findings);
	findings_free(&checking->findings);
	ruleset_free(checking->ruleset);
	host_addresses_free(&checking->addresses);
	if (result)
		return FAILED;
	return worst == SEVERITY_ERROR ? FOUND_ERRORS : worst == SEVERITY_WARNING ? FOUND_WARNINGS : DONE;
}

static int parse(struct words *words, struct check_request *request)
{
	while (*words->next) {
		if (words_skip(words, "--fix"))
			request->fix = true;
		else if (**words->next == '-')
			return wrong("unknown option '%s': allowed is --fix", *words->next);
		else if (request->device)
			return words_end(words);
		else if (words_device(words, &request->device))
			return WRONG_WORDS;
	}
	return DONE;
}

int check_run(struct session *session, struct words *words)
{
	struct checking checking = { .session = session };
	struct check_request request = { 0 };
	int result = parse(words, &request);

	if (result)
		return result;
	checking.fix = request.fix;
	check_open_jit(&checking);
	result = session_open(session, request.fix ? SESSION_CHANGE : SESSION_SHOW);
	if (!result) {
		result = check(&checking, request.device);
		session_close(session);
	}
	if (checking.jit >= 0)
		close(checking.jit);
	/* Status 1 would say that there are warnings only. */
	return result == FAILED ? FOUND_ERRORS : result;
}
