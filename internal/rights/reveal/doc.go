// SPDX-License-Identifier: Apache-2.0

// Package reveal tells who is behind a pseudonym, which nobody learns alone.
//
// An investigator asks, with a reason and a case; a privacy officer who is somebody else approves within seven days; whoever asked
// opens it within a day, as often as was approved, with the private reveal key. Each step, and each refusal, is an entry of the
// audit log that is written before the step counts. An opening answers live people only: there is nothing to be found of the
// erased. What it found is handed out and kept nowhere.
//
// Requests lie in the store's space Requests, sealed under the store key, so that nobody approves by writing rows. Whoever can put
// an old row back can repeat an opening that was approved; the audit log has both.
//
// Two names count as one person's where they differ by case, width or composition only; that people have one name each is for
// whoever signs them in.
package reveal
