// SPDX-License-Identifier: Apache-2.0

// Package keyring keeps every key in Tink keysets, wrapped by a KEK, and lends derived keys to those who need them.
//
// A keyring is a directory with two files. `kek` holds the key-encryption key: a Tink keyset in clear that only its owner
// may read, or the same encrypted with a passphrase (age). `keyring.json` holds everything else, wrapped:
//
//	KEK ─┬─ stateless          AES-CMAC-PRF: subjects' secrets where there is no store
//	     ├─ lookup             AES-CMAC-PRF: where a subject's row lies in the store
//	     ├─ control            AES-CMAC: messages between instances
//	     ├─ certificate, audit Ed25519: signatures; the public keys of all that ever signed stay, in clear
//	     ├─ epoch KEK ─┬─ domain   HKDF-PRF: one PRF for each identity type, for pseudonyms
//	     │  (recipient │─ field    HKDF-PRF: one AES-256-GCM key for each subject, for seals
//	     │   × epoch)  └─ seal     AES-SIV: deterministic seals
//	     ├─ store epoch KEK ── store   AES-256-GCM: what rows of the store keep secret
//	     └─ day KEK ────────── quarantine AES-256-GCM: quarantined records of one day
//
// Beside it, or far away, lies the private half of the reveal key: `reveal.json`, wrapped by a KEK of its own, `reveal.kek`.
// The keyring has its public half in clear: whoever processes records can write what re-identifies a person, and cannot read it.
//
// Every wrapped keyset is bound to its place: the associated data names tenant, role, recipient and epoch, so that none can
// be moved to another. A last entry authenticates the whole file, dates and names included.
//
// Instead of the file, a key of AWS KMS, of Google Cloud KMS or of the transit engine of OpenBao and Vault can wrap the KEKs of
// epochs and days, and one KEK for all the rest, which lies in keyring.json then: to open a keyring takes one call for each of
// them, sixteen at a time. In memory there is no difference.
//
// Epochs and days have a KEK of their own because they must be destroyable one by one: without its KEK an epoch's keysets
// are noise. Destroying takes the KEK and all it wraps out of keyring.json, and leaves a tombstone. Copies and backups of the
// file still have it until the KEK above is rotated and what it was before is destroyed: old copies of the kek file, which nobody
// can confirm, or the old versions of the KMS's key, which the KMS confirms.
package keyring
