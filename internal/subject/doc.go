// SPDX-License-Identifier: Apache-2.0

// Package subject keeps what the house must know of people: a secret each, their standing, and that they were erased. Rows lie in a
// Store under a lookup key; a Directory holds those in use in memory.
//
// For a record the Directory is asked by Find only. Whoever is not at hand is brought by Load, a whole batch in one round trip, and
// whoever may be forwarded and has no secret gets one by Create, durably. All else changes rows by compare and swap. What changes a
// person's answers evicts them here, and the caller announces the key, so that all other processes evict them too: Apply (signals),
// EraseWith and Expire. Touch, Link and Rewrap change nothing that others must know at once.
//
//	none ─ Create, Apply ─▶ live ◀─ a newer consent ─ erased      erased and expired rows have no secret, identity or links
//	                        live ── EraseWith ──────▶ erased      each of the two begins a generation
//	                        live ── Expire ─▶ expired ─ Create ─▶ live
//
// A person in memory takes about 240 bytes, a million 240 MB, half of it the clear name and what finds it; a standing with marks
// comes on top. Names longer than 70 bytes take as much more. A typical row's body has 163 bytes.
//
// Secret and identity are sealed and bound to the row: key ‖ generation. Whoever can write to the store can put an older row of the
// same generation back, and can hide or repeat tombstones: the ledger, not the store, proves an erasure.
package subject
