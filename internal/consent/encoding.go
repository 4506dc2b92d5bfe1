// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// The form of a Standing, for rows that last: numbers are minimal unsigned varints, times milliseconds since the Unix epoch.
//
//	format 1 ‖ number of marks; if not 0: number of texts ‖ length ‖ text … in the order of their first use ‖ marks by kind and purpose:
//	kind ‖ flags ‖ purpose ‖ allowed ‖ allowed−since ‖ allowed−lapsed ‖ expires ‖ denied ‖ source ‖ notice ‖ refusal
//
// Purpose, source, notice and refusal are numbers of texts from 1, purpose 0 for every purpose. Flags tell which of the eight
// behind the purpose are there, in that order from the lowest bit. One Standing has one form; all else is refused.
const standingFormat = 1

const (
	hasAllowed = 1 << iota
	hasSince
	hasLapsed
	hasExpires
	hasDenied
	hasSource
	hasNotice
	hasRefusal
)

var errStanding = errors.New("a person's standing is of an unknown format or damaged: restore the row, or run the release that wrote it")

// AppendBinary appends its form, which Parse reads for ever.
func (s Standing) AppendBinary(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, standingFormat), uint64(len(s.marks)))
	if len(s.marks) == 0 {
		return dst
	}
	var room [16]name
	texts := s.texts(room[:0])
	dst = binary.AppendUvarint(dst, uint64(len(texts)))
	for _, text := range texts {
		dst = append(binary.AppendUvarint(dst, uint64(len(text.String()))), text.String()...)
	}
	for i := range s.marks {
		dst = s.marks[i].append(dst, texts)
	}
	return dst
}

// texts lists those of all marks, each once.
func (s Standing) texts(texts []name) []name {
	for i := range s.marks {
		m := &s.marks[i]
		for _, text := range [...]name{m.purpose.name, m.source, m.notice, m.refusal} {
			if text != (name{}) && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

func (m *mark) append(dst []byte, texts []name) []byte {
	number := func(text name) uint64 { return uint64(slices.Index(texts, text) + 1) }
	parts := [8]uint64{uint64(m.allowed), 0, 0, uint64(m.expires), uint64(m.denied), number(m.source), number(m.notice), number(m.refusal)}
	if m.since != 0 {
		parts[1] = uint64(m.allowed - m.since)
	}
	if m.lapsed != 0 {
		parts[2] = uint64(m.allowed - m.lapsed)
	}
	var flags byte
	for i, part := range parts {
		if part != 0 {
			flags |= 1 << i
		}
	}
	dst = binary.AppendUvarint(append(dst, byte(m.kind), flags), number(m.purpose.name))
	for _, part := range parts {
		if part != 0 {
			dst = binary.AppendUvarint(dst, part)
		}
	}
	return dst
}

// ParseStanding reads what AppendBinary wrote and returns the bytes behind it. After an error nothing is known of the person, and
// nothing may be forwarded. That of an empty Standing does not allocate.
func ParseStanding(data []byte) (s Standing, rest []byte, err error) {
	if len(data) >= 2 && data[0] == standingFormat && data[1] == 0 {
		return Standing{}, data[2:], nil
	}
	r := standingReader{rest: data}
	if r.byte() != standingFormat {
		return Standing{}, nil, errStanding
	}
	count := r.count(3)
	texts := r.texts()
	marks := make([]mark, count)
	for i := range marks {
		marks[i] = r.mark(texts)
		if i > 0 && compareMarks(marks[i-1], marks[i]) >= 0 {
			r.damaged = true
		}
	}
	if r.damaged {
		return Standing{}, nil, errStanding
	}
	var room [512]byte
	s, consumed := Standing{marks}, data[:len(data)-len(r.rest)]
	if !bytes.Equal(s.AppendBinary(room[:0]), consumed) {
		return Standing{}, nil, errStanding
	}
	return s, r.rest, nil
}

// standingReader yields zeros once something was damaged.
type standingReader struct {
	rest    []byte
	damaged bool
}

func (r *standingReader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *standingReader) take(n int) []byte {
	if r.damaged || n > len(r.rest) {
		r.damaged = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *standingReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > math.MaxInt64 {
		r.damaged = true
		return 0
	}
	r.take(n)
	return v
}

// count reads the number of things that take at least so many bytes each.
func (r *standingReader) count(size int) int {
	n := r.number()
	if n > uint64(len(r.rest)/size) {
		r.damaged = true
		return 0
	}
	return int(n)
}

func (r *standingReader) texts() []name {
	texts := make([]name, r.count(2))
	for i := range texts {
		texts[i] = intern(string(r.take(r.count(1))))
	}
	return texts
}

func (r *standingReader) mark(texts []name) mark {
	kind, flags := Kind(r.byte()), r.byte()
	purpose := r.text(texts)
	part := func(flag byte) int64 {
		if flags&flag == 0 {
			return 0
		}
		return int64(r.number())
	}
	named := func(flag byte) name {
		if flags&flag == 0 {
			return name{}
		}
		return r.text(texts)
	}
	m := mark{kind: kind, purpose: Purpose{purpose}, allowed: part(hasAllowed)}
	since, lapsed := part(hasSince), part(hasLapsed)
	m.expires, m.denied = part(hasExpires), part(hasDenied)
	m.source, m.notice, m.refusal = named(hasSource), named(hasNotice), named(hasRefusal)
	if m.allowed > m.denied {
		m.since = m.allowed - since
	}
	if flags&hasLapsed != 0 {
		m.lapsed = m.allowed - lapsed
	}
	if !m.sound() {
		r.damaged = true
	}
	return m
}

func (r *standingReader) text(texts []name) name {
	n := r.number()
	if n == 0 {
		return name{}
	}
	if n > uint64(len(texts)) {
		r.damaged = true
		return name{}
	}
	return texts[n-1]
}

// sound holds a mark against what it says of itself.
func (m *mark) sound() bool {
	if m.kind == 0 || m.kind >= kinds || m.purpose != (Purpose{}) && !m.kind.byPurpose() {
		return false
	}
	if m.allowed == 0 && (m.denied == 0 || m.expires != 0 || m.source != name{} || m.notice != name{}) || m.denied == 0 && m.refusal != (name{}) {
		return false
	}
	if m.allowed <= m.denied {
		return m.since == 0 && m.lapsed == 0
	}
	return m.denied < m.since && m.lapsed < m.since && m.since <= m.allowed && (m.lapsed == 0 || m.lapsed > m.denied)
}
