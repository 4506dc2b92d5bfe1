// SPDX-License-Identifier: Apache-2.0

package attacks

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // the attacker's choice
	"crypto/sha1" //nolint:gosec // the attacker's choice
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/subject"
)

// A copy of the store, and a backup, from before an erasure: once the store epoch of then was destroyed, no secret in them opens, with
// every key that is left. A copy of the keyring of then does not open either, once the key above it was rotated.
func TestStolenStoreAfterItsEpoch(t *testing.T) {
	keys, dir := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	all := issue(t, h, "1001", "1002")
	rows := h.rows()
	var backup bytes.Buffer
	_, err := h.directory.Backup(t.Context(), &backup)
	must(t, err)
	oldKeyring, err := os.ReadFile(filepath.Join(dir, "keyring.json"))
	must(t, err)
	h.erase("1001")
	_, err = h.directory.Erase(t.Context(), h.key(policy.Email, "1001@example.org"), h.now.UnixMilli())
	must(t, err)
	if ways := (&thief{t: t, keys: keys, rows: rows}).links(all["1001"]); len(ways) == 0 {
		t.Fatal("before its epoch ends the copy shows nothing: neither does the attack")
	}

	h.now = h.now.Add(7 * day)
	must(t, keys.NewStoreEpoch(h.now))
	h.now = h.now.Add(keyring.Notice)
	must(t, keys.Extend(h.now))
	_, err = h.directory.Rewrap(t.Context(), nil)
	must(t, err)
	h.now = h.now.Add(keyring.Notice)
	must(t, keys.DestroyStoreEpoch(1, h.now))
	must(t, keys.RotateKEK(nil))

	left, err := keyring.Open(dir, keyring.OpenOptions{})
	must(t, err)
	for id, of := range all {
		for _, way := range (&thief{t: t, keys: left, rows: rows}).links(of) {
			t.Errorf("the stolen copy: person %s, and %s", id, way)
		}
	}
	if ways := (&thief{t: t, keys: left, rows: h.rows()}).links(all["1002"]); len(ways) == 0 {
		t.Error("whoever was not erased is lost")
	}
	if _, err := subject.VerifyBackup(t.Context(), &backup, left); !errors.Is(err, keyring.ErrDestroyed) {
		t.Errorf("the backup of then: %v, want that its epoch is destroyed", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "keyring.json"), oldKeyring, 0o600))
	if _, err := keyring.Open(dir, keyring.OpenOptions{}); err == nil {
		t.Error("the keyring of then opens with the key that is above it now")
	}
}

// Without the keyring the store tells neither secrets nor identifiers, in no spelling, and its keys are no hash of anything.
func TestStolenStoreWithoutKeys(t *testing.T) {
	keys, _ := keysOnDisk(t, "left", "right")
	h := newHouse(t, keys, sealing)
	ids := []string{"100000001", "100000002", "100000003"}
	issue(t, h, ids...)
	h.erase("100000003")
	rows := h.rows()
	var store []byte
	for _, of := range rows {
		for _, r := range of {
			store = append(append(store, r.Key[:]...), r.Body...)
		}
	}
	hashes := map[subject.Key]string{}
	for _, id := range ids {
		texts := spellings(id)
		if p := h.person(policy.Account, id); p.HasSecret {
			texts["secret"] = p.Secret[:]
			texts["half of a secret"] = p.Secret[:16]
			texts["secret in hexadecimal"] = hex.AppendEncode(nil, p.Secret[:])
		}
		for spelling, text := range texts {
			if bytes.Contains(store, text) {
				t.Errorf("the store has the %s of somebody in clear", spelling)
			}
		}
		for _, name := range namesWithoutKeys(id) {
			for how, sum := range unkeyed(name) {
				hashes[subject.Key(sum[:16])] = how
			}
		}
	}
	for space, of := range rows {
		for _, r := range of {
			if how, is := hashes[r.Key]; is {
				t.Errorf("a row's key in space %d is %s of an identifier", space, how)
			}
		}
	}
	if len(rows[subject.People]) < 6 || len(rows[subject.DataKeys]) == 0 || len(hashes) < 100 {
		t.Error("too little is looked at to show anything")
	}
}

// spellings are the ways in which bytes may tell an identifier.
func spellings(id string) map[string][]byte {
	reversed := []byte(id)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return map[string][]byte{
		"identifier": []byte(id), "reversed identifier": reversed, "hexadecimal": hex.AppendEncode(nil, []byte(id)),
		"base64": []byte(base64.RawStdEncoding.EncodeToString([]byte(id))),
	}
}

// namesWithoutKeys is all that somebody without keys can make of an identifier: labels are public.
func namesWithoutKeys(id string) (all [][]byte) {
	for _, text := range []string{id, id + "@example.org"} {
		all = append(all, []byte(text))
		for _, kind := range []string{"subject", "object"} {
			for _, where := range []string{instance, ""} {
				for _, typ := range thiefTypes {
					all = append(all, append(keyring.AppendLabel(nil, kind, "test", where, typ, "1"), text...))
				}
			}
		}
	}
	return all
}

// unkeyed gives hashes of all kinds that need no key, or an obvious one.
func unkeyed(name []byte) map[string][]byte {
	all := map[string][]byte{}
	for _, h := range []struct {
		how string
		sum func([]byte) []byte
	}{
		{"MD5", func(b []byte) []byte { s := md5.Sum(b); return s[:] }},    //nolint:gosec // the attacker's choice
		{"SHA-1", func(b []byte) []byte { s := sha1.Sum(b); return s[:] }}, //nolint:gosec // the attacker's choice
		{"SHA-256", func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
		{"SHA-224", func(b []byte) []byte { s := sha256.Sum224(b); return s[:] }},
		{"SHA-512", func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }},
		{"SHA-512/256", func(b []byte) []byte { s := sha512.Sum512_256(b); return s[:] }},
	} {
		sum := h.sum(name)
		all[h.how], all["twice "+h.how], all["the end of "+h.how] = sum, h.sum(sum), sum[len(sum)-16:]
	}
	for how, key := range obviousKeys() {
		all["HMAC with "+how] = hmacOf(key, name)
		all["CMAC with "+how] = cmacOf(key, name)
	}
	return all
}
