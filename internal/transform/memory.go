// SPDX-License-Identifier: Apache-2.0

package transform

import "github.com/nymstream/nymstream/internal/keyring"

// memory is what a scope remembers of one identifier of the record: the subject's secret, and its pseudonym in the domain
// where it was last asked for. The actor of an event is asked for again and again: as subject, leaf, owner of seals and output key;
// with several recipients, everybody is.
type memory struct {
	record   uint64
	identity *Identity // nil: nothing is remembered
	secret   keyring.Secret
	domain   *keyring.Domain // of digest; nil: none yet
	digest   [16]byte
	length   int
	text     [64]byte
}

// holds tells whether the memory is of this value. It compares the text too: if a caller ever forgot NewRecord, one person
// must still not get the pseudonym of another.
func (m *memory) holds(id *Identity, v *Value, record uint64) bool {
	return m.identity == id && m.record == record && v.Place > 0 && string(m.text[:m.length]) == string(v.Text)
}

func (m *memory) forget() { m.identity, m.domain = nil, nil }

func (m *memory) keep(id *Identity, v *Value, record uint64) {
	if v.Place > 0 && len(v.Text) <= len(m.text) {
		m.identity, m.record, m.length = id, record, copy(m.text[:], v.Text)
	}
}

// memories has a slot for each of some places; the last one is of values that are not remembered.
type memories [17]memory

func (m *memories) of(place int32) *memory {
	const slots = uint32(len(memories{}) - 1)
	if place <= 0 {
		return &m[slots]
	}
	return &m[uint32(place)*0x9E3779B1>>16%slots]
}
