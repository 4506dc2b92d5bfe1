// SPDX-License-Identifier: Apache-2.0

// Package control keeps the instances of a deployment in step. A Follower reads one log that all of them write to: who is
// alive and how far it has read, whose row has changed, which plan is at work. It proves, by reading back its own beats,
// that what this instance knows is not out of date. A Lease gives one of them at a time the right to a piece of work.
package control
