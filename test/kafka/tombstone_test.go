// SPDX-License-Identifier: Apache-2.0

//go:build kafka

package kafka

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

const profilePack = `language: 1
pack: profile
version: 1
record: {key: account}
events:
  profile:
    when:
      $.id: {exists: true}
    subject: $.id
    fields:
      $.id: account
      $.followers: {plain: integer}
`

const compacted = `language: 1
controller: {name: Test, contact: test@example.org}
purposes:
  study: {basis: consent, description: Does a deletion arrive?}
sources:
  profiles: {topics: [PREFIX.profiles], pack: ./pack.yaml}
recipients:
  keyed:
    role: processor
    purpose: study
    topic: PREFIX.keyed
    key: source
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {profiles: {}}
    classes: {account: pseudonym, plain: keep}
  keyless:
    role: processor
    purpose: study
    topic: PREFIX.keyless
    key: none
    pseudonyms: {renew: 90d, overlap: 7d}
    retention: 30d
    minors: allow
    from: {profiles: {}}
    classes: {account: pseudonym, plain: keep}
`

// A tombstone deletes what its key names: it reaches a recipient under the pseudonym of that key, and nobody who cannot have the key.
func TestTombstoneKeepsItsMeaning(t *testing.T) {
	p := newPlace(t, compacted)
	if err := os.WriteFile(filepath.Join(p.setup.Dir, "pack.yaml"), []byte(profilePack), 0o600); err != nil {
		t.Fatal(err)
	}
	p.create(3, "profiles", "keyed", "keyless")
	p.create(1, "quarantine")
	p.keys()
	p.produce("profiles",
		&kgo.Record{Key: []byte("10001"), Value: []byte(`{"id":"10001","followers":3}`)},
		&kgo.Record{Key: []byte("10002"), Value: []byte(`{"id":"10002","followers":4}`)},
		&kgo.Record{Key: []byte("10001")},
	)
	p.run("profiles")

	byKey := map[string][]*kgo.Record{}
	for _, r := range p.read("keyed") {
		if !pseudonym.Match(r.Key) {
			t.Errorf("want a pseudonym as key, got %d bytes of another form", len(r.Key))
		}
		byKey[string(r.Key)] = append(byKey[string(r.Key)], r)
	}
	deleted := 0
	for _, records := range byKey {
		if len(records) == 2 && records[0].Value != nil && records[1].Value == nil && records[0].Partition == records[1].Partition {
			deleted++
		}
	}
	if len(byKey) != 2 || deleted != 1 {
		t.Errorf("want two keys, one of them deleted after its record; got %d keys, %d deleted", len(byKey), deleted)
	}
	if got := p.read("keyless"); len(got) != 2 || got[0].Value == nil || got[1].Value == nil {
		t.Errorf("want two records without a tombstone for the keyless recipient, got %d", len(got))
	}
	if got := p.read("quarantine"); len(got) != 0 {
		t.Errorf("want nothing quarantined, got %d", len(got))
	}
}
