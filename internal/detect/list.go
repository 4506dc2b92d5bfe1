// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// lists are what a policy says of words: never, or always.
type lists struct {
	allow map[string]struct{} // folded
	deny  phrases
}

func newLists(allow []string, deny []Listed) (lists, error) {
	l := lists{allow: make(map[string]struct{}, len(allow))}
	for i, text := range allow {
		folded := appendPhrase(nil, []byte(text))
		if len(folded) == 0 {
			return l, fmt.Errorf("allow[%d]: want a word", i)
		}
		l.allow[string(folded)] = struct{}{}
	}
	for i, d := range deny {
		from := l.deny.begin()
		l.deny.text([]byte(d.Text))
		folded := string(l.deny.room[from:])
		switch _, both := l.allow[folded]; {
		case d.Kind == 0 || d.Kind >= span.Kinds:
			return l, fmt.Errorf("deny[%d]: no such kind", i)
		case len(folded) < 2:
			return l, fmt.Errorf("deny[%d]: want at least two letters", i)
		case both:
			return l, fmt.Errorf("deny[%d]: it is allowed, too", i)
		}
		l.deny.end(from, phrase{ref: -1, kind: d.Kind})
	}
	return l, nil
}

// listed drops what the policy allows and finds what it denies.
func (s *Scanner) listed() {
	s.words(&s.d.lists.deny, span.Listed)
	if len(s.d.lists.allow) == 0 {
		return
	}
	kept := s.found[:0]
	for _, f := range s.found {
		if !s.allowed(f) {
			kept = append(kept, f)
		}
	}
	s.found = kept
}

// maxAllowed is how long a finding is compared with the list of the policy, in bytes.
const maxAllowed = 256

func (s *Scanner) allowed(f span.Found) bool {
	if f.End-f.Start > maxAllowed {
		return false
	}
	s.folded = appendPhrase(s.folded[:0], s.text.Bytes[f.Start:f.End])
	_, ok := s.d.lists.allow[string(s.folded)]
	return ok
}
