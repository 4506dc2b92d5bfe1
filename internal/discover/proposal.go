// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// Proposal is what a format seems to be. It holds no value of the samples but words of the format itself (see Field.Words), and no name of a member that is data.
type Proposal struct {
	Name    string        `json:"name"`
	Samples uint64        `json:"samples"`
	Refused uint64        `json:"refused"` // samples that are no JSON
	Unread  uint64        `json:"unread"`  // values at places beyond the bounds of Options
	Fields  []Field       `json:"fields"`
	Maps    []Map         `json:"maps,omitempty"`    // objects whose member names are data
	Strings []Coded       `json:"strings,omitempty"` // strings that hold documents
	Nested  []Nesting     `json:"nested,omitempty"`  // objects that stand inside their like
	Event   Discriminator `json:"event"`
	Subject []string      `json:"subject,omitempty"` // paths of the acting person, the best first
	Times   []string      `json:"times,omitempty"`   // paths of the event's time, the best first

	in     *inference
	shapes *shapes
}

// Field is one leaf.
type Field struct {
	Path       string       `json:"path"`
	Class      policy.Class `json:"class"`
	Confidence float64      `json:"confidence"` // 0 to 1
	Evidence   []string     `json:"evidence"`   // in words, without values
	Owner      string       `json:"owner,omitempty"`
	Same       string       `json:"same,omitempty"`     // another spelling of the same identifier
	Template   string       `json:"template,omitempty"` // of a composite value
	Words      []string     `json:"words,omitempty"`    // frequent constants of a plain field

	node *node
}

// Map is an object whose member names are data.
type Map struct {
	Path       string       `json:"path"`
	Class      policy.Class `json:"class"` // of the names
	Confidence float64      `json:"confidence"`
	Evidence   []string     `json:"evidence"`

	node *node
}

// Coded is a string that holds a document.
type Coded struct {
	Path   string  `json:"path"`
	Coding string  `json:"coding"` // json, base64, form
	Share  float64 `json:"share"`  // of the strings at this path
}

// Nesting is an object inside its like.
type Nesting struct {
	Outer string `json:"outer"`
	Inner string `json:"inner"`
	Depth int    `json:"depth"` // seen
}

// Personal tells whether a class says that a leaf may tell about a person: all but plain, times and positions.
func Personal(c policy.Class) bool {
	return c != "" && c != policy.Plain && c != policy.Times && c != policy.Offset
}

// Proposal says what the samples so far seem to be. More may be added afterwards.
func (d *Discoverer) Proposal() *Proposal {
	d.settle()
	in := d.infer()
	p := &Proposal{Name: d.o.Name, Samples: d.samples, Refused: d.refused, Unread: d.unread, in: in}
	for _, n := range in.leaves {
		p.Fields = append(p.Fields, in.field(n))
	}
	slices.SortFunc(p.Fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	p.shapes = in.shapes()
	p.Maps, p.Nested, p.Strings = in.maps(), in.nestings(p.shapes), in.coded()
	p.Event, p.Subject, p.Times = in.discriminator(), in.subjects(), in.times()
	return p
}

// Credentials lists the paths that must never leave.
func (p *Proposal) Credentials() []string {
	var out []string
	for _, f := range p.Fields {
		if f.Class == policy.Credential {
			out = append(out, f.Path)
		}
	}
	return out
}

// coded lists the strings that hold documents.
func (in *inference) coded() []Coded {
	var out []Coded
	for _, n := range in.leaves {
		for _, coding := range slices.Sorted(maps.Keys(n.inner)) {
			out = append(out, Coded{n.spelled(), coding, math.Round(100*float64(n.inner[coding].seen)/float64(max(1, n.leaf.present()))) / 100})
		}
	}
	return out
}

func (in *inference) field(n *node) Field {
	v := in.verdicts[n]
	f := Field{Path: n.spelled(), Class: v.class, Confidence: math.Round(100*v.confidence) / 100, Evidence: in.evidence(n, v), node: n}
	if v.class.Identifier() {
		f.Template, f.Same = in.template(n), in.sameAs(n)
	}
	if owner := (&packWriter{in: in}).ownerOf(n); owner != nil {
		f.Owner = owner.String()
	}
	if v.class == policy.Plain && isVocabulary(n) && n.leaf.strings > n.leaf.empty && n.leaf.constants() && len(n.leaf.words) <= fewWords {
		f.Words = frequentWords(n.leaf)
	}
	return f
}

// evidence says in words what a verdict rests on.
func (in *inference) evidence(n *node, v verdict) []string {
	s := n.leaf
	out := []string{v.because}
	if s.present() > 0 && s.bools < s.present() {
		f, share := s.format()
		if share >= 0.05 && !strings.Contains(v.because, formatNames[f]) {
			out = append(out, percent(share)+" "+formatNames[f])
		}
		distinct := fmt.Sprintf("%d distinct", int(s.values.size()))
		if s.values.full() {
			distinct = fmt.Sprintf("about %d distinct", int(s.values.size()))
		}
		if d := s.values.size(); d > 1 && d >= float64(s.present()) {
			distinct = "all distinct"
		}
		out = append(out, distinct)
		if s.longest > 0 && v.class != policy.Credential {
			if s.shortest == s.longest {
				out = append(out, fmt.Sprintf("%d bytes", s.longest))
			} else {
				out = append(out, fmt.Sprintf("%d–%d bytes", s.shortest, s.longest))
			}
		}
	}
	out = append(out, in.kinship(n)...)
	if in.d.samples > 0 {
		out = append(out, fmt.Sprintf("%d times in %d samples", s.present(), in.d.samples))
	}
	return out
}

// kinship tells which better known places a value is made of, or equals.
func (in *inference) kinship(n *node) []string {
	var out []string
	for _, rel := range []struct {
		words string
		with  map[*node]uint64
	}{{"equals ", n.leaf.equal}, {"holds the value of ", n.leaf.held}} {
		var best *node
		var most uint64
		for other, count := range rel.with {
			other = other.live()
			if _, known := in.verdicts[other]; known && in.lendsPart(other) && (count > most || count == most && (best == nil || other.number < best.number)) {
				best, most = other, count
			}
		}
		if best != nil && most*10 >= n.leaf.present()*3 {
			text := rel.words + best.spelled() + " in " + percent(min(1, float64(most)/float64(min(n.leaf.present(), uint64(in.d.o.MaxCompare)))))
			if !slices.ContainsFunc(out, func(s string) bool { return strings.HasSuffix(s, text) }) {
				out = append(out, text)
			}
		}
	}
	return out
}

// Find gives the field that covers a path of the payload, past documents in strings.
func (p *Proposal) Find(path event.Path) (Field, bool) {
	at := p.in.d.root
	for _, seg := range path {
		switch {
		case at == nil:
			return Field{}, false
		case seg.Kind == event.Name:
			if next := at.members[seg.Name]; next != nil {
				at = next
			} else {
				at = at.values
			}
		case seg.Kind == event.Each || seg.Kind == event.Index:
			at = at.each
		case seg.Kind == event.Members:
			at = at.values
		}
	}
	if at == nil || at.leaf == nil {
		return Field{}, false
	}
	return p.in.field(at), true
}
