// SPDX-License-Identifier: Apache-2.0

// Package iab reads what other people's consent tools say and gives it as our signals: the strings of IAB Europe's Transparency
// and Consent Framework 2.2 and 2.3, of IAB Tech Lab's Global Privacy Platform and US Privacy, the Sec-GPC header, and the consent
// objects of Segment, RudderStack, Google and OneTrust.
//
// Reading is strict: a string that is cut, padded with anything but zeros, of a version or section nobody here knows, or with a
// value its standard leaves undefined is an error, and Read makes of an error every denial the form could have spoken against.
// No error repeats any part of what was read.
package iab
