/* SPDX-License-Identifier: GPL-2.0-only */
/* ECN through a tunnel, RFC 6040: section 4.1 for encapsulation, figure 4 for decapsulation. */
#ifndef ECN_H
#define ECN_H

#include "ipv4.h"
#include "layout.h"

enum ecn {
	ECN_NOT_ECT = 0,
	ECN_ECT_1 = 1,
	ECN_ECT_0 = 2,
	ECN_CE = 3,
};

/* The outer header's ECN bits. */
static __always_inline __u8 ecn_encapsulate(__u8 inner_tos, enum ecn_mode mode)
{
	return mode == ECN_COMPATIBILITY ? ECN_NOT_ECT : inner_tos & ECN_MASK;
}

/* True if the packet must be dropped: congestion was met, and its sender would not understand. */
static __always_inline bool ecn_drops(__u8 outer_tos, __u8 inner_tos)
{
	return (outer_tos & ECN_MASK) == ECN_CE && (inner_tos & ECN_MASK) == ECN_NOT_ECT;
}

/* True for what RFC 6040 4.2 marks (!!!) and lets pass: an alarm is due, since no sound sender or router makes it. */
static __always_inline bool ecn_is_alarming(__u8 outer_tos, __u8 inner_tos)
{
	__u8 outer = outer_tos & ECN_MASK;
	__u8 inner = inner_tos & ECN_MASK;

	return (inner == ECN_NOT_ECT && outer != ECN_NOT_ECT) || (inner == ECN_CE && outer == ECN_ECT_1);
}

/* The inner header's TOS after decapsulation of a packet that ecn_drops() let through. */
static __always_inline __u8 ecn_decapsulate(__u8 outer_tos, __u8 inner_tos)
{
	__u8 outer = outer_tos & ECN_MASK;

	if (outer == ECN_CE)
		return inner_tos | ECN_CE;
	if (outer == ECN_ECT_1 && (inner_tos & ECN_MASK) == ECN_ECT_0)
		return (inner_tos & ~ECN_MASK) | ECN_ECT_1;
	return inner_tos;
}

#endif
