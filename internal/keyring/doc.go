// SPDX-License-Identifier: Apache-2.0

// Package keyring keeps every key in Tink keysets, wrapped by a KEK, and lends derived keys to those who need them.
//
// A keyring is a directory with two files. `kek` holds the key-encryption key: a Tink keyset in clear that only its owner
// may read, or the same encrypted with a passphrase (age). `keyring.json` holds everything else, wrapped:
//
//	kek file ─┬─ stateless        AES-CMAC-PRF: subjects' secrets where there is no store
//	          ├─ epoch KEK ─┬─ domain   HKDF-PRF: one PRF for each identity type, for pseudonyms
//	          │  (recipient │─ field    HKDF-PRF: one AES-256-GCM key for each subject, for seals
//	          │   × epoch)  └─ seal     AES-SIV: deterministic seals
//	          └─ day KEK ──── quarantine AES-256-GCM: quarantined records of one day
//
// Every wrapped keyset is bound to its place: the associated data names tenant, role, recipient and epoch, so that none can
// be moved to another. A last entry authenticates the whole file, dates and names included.
//
// Epochs and days have a KEK of their own because they must be destroyable one by one: without its KEK an epoch's keysets
// are noise in every copy and backup of keyring.json. With a KMS that KEK is a key of the KMS, and the KMS confirms that it
// is gone. With the kek file it is wrapped in keyring.json, so destruction is complete only once the kek file has been
// rotated too and its old copies are gone.
package keyring
