// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// Answer is what an opening says of one item.
type Answer string

const (
	Found      Answer = "found"
	Unknown    Answer = "unknown"         // of nobody live: the person is erased, or the pseudonym was never issued
	NoIdentity Answer = "no-identity"     // a live person whose identity is not kept
	NotOpened  Answer = "not-opened"      // the seal does not open: another place, changed, or an older reveal key that is not in the file
	Destroyed  Answer = "epoch-destroyed" // nobody can tell
)

// Item is the answer to one pseudonym or sealed value. It is clear: WriteLines alone prints it.
type Item struct {
	Recipient, Pseudonym string
	Path                 string // of a sealed value
	State                Answer
	Who                  consent.Subject // of a pseudonym that was found
	Value                event.Clear     // of a sealed value that was found: a JSON scalar

	sealed *Sealed
	key    subject.Key
}

const hidden = "[clear]"

// Format hides the item, whatever the verb.
func (Item) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText keeps the item out of logs and JSON.
func (Item) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Result is what an opening found, in the order in which it was asked for; a span's pseudonyms are sorted.
type Result struct {
	Request   string
	Items     []Item
	OpensLeft int
}

// Format hides the result, whatever the verb.
func (Result) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// People lists those who were found, each identifier once: after an incident, those to be told.
func (r *Result) People() []consent.Subject {
	seen := map[subject.Key]bool{}
	var out []consent.Subject
	for i := range r.Items {
		if it := &r.Items[i]; it.State == Found && it.sealed == nil && !seen[it.key] {
			seen[it.key] = true
			out = append(out, it.Who)
		}
	}
	return out
}

// line is an item as WriteLines writes it.
type line struct {
	Recipient string           `json:"recipient"`
	Pseudonym string           `json:"pseudonym"`
	Answer    Answer           `json:"answer"`
	Subject   *consent.Subject `json:"subject,omitempty"`
	Path      string           `json:"path,omitempty"`
	Value     json.RawMessage  `json:"value,omitempty"`
}

// WriteLines writes one JSON object a line for each item, in clear.
func (r *Result) WriteLines(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range r.Items {
		it := &r.Items[i]
		l := line{it.Recipient, it.Pseudonym, it.State, nil, it.Path, json.RawMessage(it.Value)}
		if it.State == Found && it.sealed == nil {
			l.Subject = &it.Who
		}
		if err := enc.Encode(&l); err != nil {
			return fmt.Errorf("write what was revealed: %w", err)
		}
	}
	return nil
}
