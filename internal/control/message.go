// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/nymstream/nymstream/internal/subject"
)

// A message is a record's value; the record's key is null. Integers without a size are unsigned varints, texts and lists
// come after their length.
//
//	"nymc" · format, 1 byte · origin, 8 bytes · tag, a text · body
//
// The origin tells which deployment wrote it: the first bytes of SHA-256 of the tenant and the keyring's id. The tag
// authenticates a label of both in full, the format and the body, so that a reader of any format can tell whether a
// message is genuine. In format 1 the body is a kind, 1 byte, the session that wrote it, 8 bytes, and
//
//	hello    instance, a text
//	beat     instance, a text · number · born · applied + 1 · reads · store, 8 bytes · plan, 32 bytes
//	changed  tightened, 1 byte · keys, 16 bytes each
//	plan     hash, 32 bytes
//	bye      nothing
//	merged   offset + 1
const (
	magic  = "nymc"
	format = 1

	kindHello   = 1
	kindBeat    = 2
	kindChanged = 3
	kindPlan    = 4
	kindBye     = 5
	kindMerged  = 6
)

// mostKeys is how many keys one message of kindChanged holds.
const mostKeys = 10_000

// mostText bounds an instance's name and a tag.
const mostText = 255

// Key is where a person's row lies.
type Key = subject.Key

type (
	session [8]byte
	origin  [8]byte
)

// message is any of the kinds; its fields are those of its kind.
type message struct {
	kind    byte
	session session

	instance  string
	number    uint64
	born      int64 // offset of the session's hello
	applied   int64 // offset up to which nothing in hand was decided without; -1: none
	reads     int   // newest format of the store's rows that the session reads; 0: from before it was told, the first
	store     origin
	plan      [32]byte
	tightened bool
	keys      []Key
	asOf      int64 // of a claim
}

var (
	errFrame   = errors.New("not a control message")
	errOrigin  = errors.New("message of another tenant or keyring")
	errForged  = errors.New("message with a wrong authentication code")
	errBody    = errors.New("malformed message")
	errNoKey   = errors.New("no key to authenticate messages")
	errUnknown = errors.New("message of an unknown format")
)

// codec writes and reads the messages of one deployment.
type codec struct {
	label  []byte // what every tag begins with
	origin origin
	mac    func() MAC
}

func newCodec(tenant, keyring string, mac func() MAC) codec {
	label := appendText(appendText(appendText(nil, "nymstream control"), tenant), keyring)
	return codec{label: label, origin: fingerprint(label), mac: mac}
}

// fingerprint tells ids apart in few bytes.
func fingerprint(id []byte) origin {
	sum := sha256.Sum256(id)
	return origin(sum[:8])
}

func (c *codec) seal(m *message) ([]byte, error) { return c.sealAs(format, m.append(nil)) }

func (c *codec) sealAs(format byte, body []byte) ([]byte, error) {
	mac := c.mac()
	if mac == nil {
		return nil, errNoKey
	}
	out := append([]byte(magic), format)
	out = append(out, c.origin[:]...)
	out = appendText(out, string(mac.Sum(nil, c.signed(format, body))))
	return append(out, body...), nil
}

func (c *codec) signed(format byte, body []byte) []byte {
	return append(append(slices.Clone(c.label), format), body...)
}

// open gives errFrame, errOrigin or errForged for what no instance of this deployment wrote, errUnknown or errBody for
// what one wrote that this release cannot read, and errNoKey when nothing can be known.
func (c *codec) open(value []byte) (*message, error) {
	r := reader{rest: value}
	if string(r.take(len(magic))) != magic {
		return nil, errFrame
	}
	version, from, tag := r.byte(), origin(r.fixed(8)), r.text()
	if r.bad {
		return nil, errFrame
	}
	if from != c.origin {
		return nil, errOrigin
	}
	mac := c.mac()
	if mac == nil {
		return nil, errNoKey
	}
	if mac.Verify(tag, c.signed(version, r.rest)) != nil {
		return nil, errForged
	}
	if version != format {
		return nil, errUnknown
	}
	m := &message{}
	if !m.read(&r) {
		return nil, errBody
	}
	return m, nil
}

func (m *message) append(out []byte) []byte {
	out = append(out, m.kind)
	out = append(out, m.session[:]...)
	switch m.kind {
	case kindHello:
		out = appendText(out, m.instance)
	case kindBeat:
		out = appendText(out, m.instance)
		for _, n := range []uint64{m.number, uint64(m.born), uint64(m.applied + 1), uint64(m.reads)} {
			out = binary.AppendUvarint(out, n)
		}
		out = append(append(out, m.store[:]...), m.plan[:]...)
	case kindChanged:
		tightened := byte(0)
		if m.tightened {
			tightened = 1
		}
		out = binary.AppendUvarint(append(out, tightened), uint64(len(m.keys)))
		for _, k := range m.keys {
			out = append(out, k[:]...)
		}
	case kindPlan:
		out = append(out, m.plan[:]...)
	case kindMerged:
		out = binary.AppendUvarint(out, uint64(m.asOf+1))
	}
	return out
}

func (m *message) read(r *reader) bool {
	m.kind, m.session = r.byte(), session(r.fixed(8))
	switch m.kind {
	case kindHello:
		m.instance = string(r.text())
	case kindBeat:
		m.instance = string(r.text())
		m.number, m.born, m.applied, m.reads = r.uint(), int64(r.uint()), int64(r.uint())-1, int(r.uint())
		m.store, m.plan = origin(r.fixed(8)), [32]byte(r.fixed(32))
	case kindChanged:
		m.tightened = r.byte() != 0
		n := r.uint()
		if n > uint64(len(r.rest)/len(Key{})) {
			return false
		}
		m.keys = make([]Key, n)
		for i := range m.keys {
			m.keys[i] = Key(r.fixed(len(Key{})))
		}
	case kindPlan:
		m.plan = [32]byte(r.fixed(32))
	case kindMerged:
		m.asOf = int64(r.uint()) - 1
	case kindBye:
	default:
		return false
	}
	return !r.bad && len(r.rest) == 0 && m.born >= 0 && m.applied >= -1 && m.asOf >= -1 && m.reads >= 0
}

func appendText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

// reader takes fields off a message; after the first fault everything reads as zeros.
type reader struct {
	rest []byte
	bad  bool
}

// take gives the next n bytes, or none.
func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	return v
}

// fixed gives n bytes whatever happens.
func (r *reader) fixed(n int) []byte {
	if v := r.take(n); v != nil {
		return v
	}
	return make([]byte, n)
}

func (r *reader) byte() byte { return r.fixed(1)[0] }

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.take(len(r.rest) + 1)
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) text() []byte {
	n := r.uint()
	if n > mostText {
		r.take(len(r.rest) + 1)
		return nil
	}
	return bytes.Clone(r.take(int(n)))
}
