// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a BPF program costs, as the kernel's run-time statistics tell it. A library for the benchmark's Python, so that
 * nothing but the system call lies between two test runs.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

/* Switches the statistics on for as long as the returned descriptor is open; negative errno where they are refused. */
int statistics_on(void)
{
	return bpf_enable_stats(BPF_STATS_RUN_TIME);
}

static int run_time(int program, __u64 *ns, __u64 *count)
{
	struct bpf_prog_info info;
	__u32 size = sizeof(info);
	int error;

	memset(&info, 0, sizeof(info));
	error = bpf_obj_get_info_by_fd(program, &info, &size);
	if (error)
		return error;
	*ns = info.run_time_ns;
	*count = info.run_cnt;
	return 0;
}

/*
 * Makes `runs` test runs of a program, with each of `frame_count` frames of `frame_len` bytes in turn. In each the program
 * has the frame `repeat` times, as it left it itself. `context` is its __sk_buff, or NULL. Returns the mean nanoseconds
 * that it takes, or a negative errno.
 */
double test_runs(int program, const void *frames, __u32 frame_len, __u32 frame_count, const void *context,
		 __u32 context_len, __u32 runs, __u32 repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_size_in = frame_len, .ctx_in = context, .ctx_size_in = context_len,
		    .repeat = repeat);
	__u64 ns_before, ns, count_before, count;
	int error;

	error = run_time(program, &ns_before, &count_before);
	for (__u32 i = 0; i < runs && !error; i++) {
		run.data_in = (const char *)frames + (size_t)(i % frame_count) * frame_len;
		error = bpf_prog_test_run_opts(program, &run);
	}
	if (!error)
		error = run_time(program, &ns, &count);
	if (error)
		return error;
	return count == count_before ? -ENODATA : (double)(ns - ns_before) / (count - count_before);
}
