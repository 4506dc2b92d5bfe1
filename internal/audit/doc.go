// SPDX-License-Identifier: Apache-2.0

// Package audit keeps an append-only log of what was done, whose tampering is detected.
//
// A log is a directory with one writer. Its entries are the leaves of a Merkle tree (RFC 6962), stored as tiles
// (https://c2sp.org/tlog-tiles) by Tessera's POSIX driver:
//
//	tile/entries/000        256 entries, each after its length (two bytes, big endian); 000.p/7 holds the first seven
//	tile/0/000, tile/1/…    hashes of the tree, 256 a file; 000.p/7 likewise
//	checkpoint              the tree's size and root, signed (https://c2sp.org/tlog-checkpoint); the signer's name is the
//	                        log's origin, <tenant>/<instance>
//	checkpoints.log         every checkpoint ever signed, one JSON object a line, each with the hash of the line before
//	lock, .state/           scratch: they prove nothing and are made anew at the next start
//
// The writer trusts none of these files while it runs: it computes the tree of what it appends itself and signs nothing else.
// At start it goes on from the newest signed checkpoint, and drops what lies beyond; no such entry was ever acknowledged.
//
// A log that is cut back to an earlier state whole, checkpoints.log too, is consistent in itself. Only a checkpoint that is kept
// elsewhere shows that (VerifyOptions.Since). Whoever holds the signing key can write any log; the same applies to him.
package audit
