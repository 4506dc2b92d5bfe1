// SPDX-License-Identifier: Apache-2.0

// Package detect finds personal data in free text: in one pass that raises triggers, a validator for each of them, and a
// resolution of overlaps.
package detect

import (
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// Options say what a Detector looks for. The zero value looks for all kinds but names in running text.
type Options struct {
	Kinds    []span.Kind // empty: all
	Field    bool        // texts are bare values of fields: what validates is accepted without a cue word
	MinScore float32     // what is less sure is dropped; 0 is .5
	Allow    []string    // words and phrases that are never found; case and accents do not matter
	Deny     []Listed    // words and phrases that are always found
	Names    Names       // finds persons; nil: nobody does
}

// Listed is a word or phrase of a policy and what it is.
type Listed struct {
	Text string
	Kind span.Kind
}

// Names finds names of persons in a whole text. It is shared by all Scanners.
type Names interface {
	Find(dst []span.Found, t *span.Text) []span.Found
}

// Detector is what Options say, compiled. It never changes and may be shared.
type Detector struct {
	kinds    kindSet
	field    bool
	minScore float32
	names    Names
	lists    lists
}

// kindSet has a bit for each kind.
type kindSet uint32

func (s kindSet) has(k span.Kind) bool { return s>>k&1 != 0 }

// New compiles options; an error names the entry that cannot be used, never its text.
func New(o Options) (*Detector, error) {
	d := &Detector{field: o.Field, minScore: o.MinScore, names: o.Names, kinds: 1<<span.Kinds - 1}
	if len(o.Kinds) > 0 {
		d.kinds = 0
	}
	for i, k := range o.Kinds {
		if k == 0 || k >= span.Kinds {
			return nil, fmt.Errorf("kinds[%d]: no such kind", i)
		}
		d.kinds |= 1 << k
	}
	switch {
	case o.MinScore < 0 || o.MinScore > 1:
		return nil, errors.New("minimal score: want 0 to 1")
	case o.MinScore == 0:
		d.minScore = .5
	}
	var err error
	d.lists, err = newLists(o.Allow, o.Deny)
	return d, err
}

// Scanner gives the state that one worker needs; it is not for concurrent use.
func (d *Detector) Scanner() *Scanner { return &Scanner{d: d} }

// Finding is a span of the original text.
type Finding struct {
	span.Found
	Ref int // the index of the identity that it is; -1 for none
}

// Identity is a name, handle, e-mail address or telephone number of the event itself.
type Identity struct {
	Text []byte
	Ref  int // given back in findings
}

// Piece is a range of the original text, in bytes.
type Piece struct{ Start, End int }

// Find gives what is found, ordered and not overlapping, with offsets in the original text. The result is valid until the next
// call. Text need not be valid UTF-8.
func (s *Scanner) Find(text []byte, m Markup) []Finding { return s.FindWith(text, m, nil) }
