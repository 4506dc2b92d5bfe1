// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
)

// planFormat begins what is hashed: another format of the plan has other hashes.
const planFormat = "nymstream plan 6\n"

// digest hashes a plan piece by piece, one JSON text a line: a plan on many platforms as one text takes more memory than
// the plan. Lists are preceded by their length, so that no two plans make the same lines. Leaves and decisions, of which
// there are tens of thousands, are encodings instead.
type digest struct {
	sum   hash.Hash
	lines *json.Encoder
}

func newDigest() *digest {
	d := &digest{sum: sha256.New()}
	d.sum.Write([]byte(planFormat))
	d.lines = json.NewEncoder(d.sum)
	return d
}

func (d *digest) add(pieces ...any) {
	for _, p := range pieces {
		if err := d.lines.Encode(p); err != nil {
			panic(err) // a plan is strings, numbers and lists
		}
	}
}

func (d *digest) String() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// sum is the digest of a leaf or decision. Each is encoded once, though it counts in several hashes.
type sum [sha256.Size]byte

// sums are those of a plan.
type sums struct {
	text   encoding        // of the piece at hand
	cases  map[clauses]sum // many leaves share them
	leaves [][][]sum       // by source, event and leaf
	rules  [][][]sum       // of decisions, by flow, event and leaf
}

// clauses tells one list of clauses from another by where it stands.
type clauses struct {
	first *Clause
	count int
}

func (s *sums) leaf(l *Leaf) sum {
	var cases sum
	if len(l.Case) > 0 {
		cases = s.clauses(l.Case)
	}
	s.text = s.text[:0].leaf(l, cases)
	return sha256.Sum256(s.text)
}

func (s *sums) clauses(all []Clause) sum {
	key := clauses{&all[0], len(all)}
	known, ok := s.cases[key]
	if !ok {
		known = sha256.Sum256(encoding(nil).clauses(all))
		s.cases[key] = known
	}
	return known
}

func (s *sums) decision(x *Decision) sum {
	s.text = s.text[:0].decision(x)
	return sha256.Sum256(s.text)
}

func (p *Plan) sums() *sums {
	s := &sums{cases: map[clauses]sum{}}
	for i := range p.Sources {
		var events [][]sum
		for j := range p.Sources[i].Events {
			leaves := p.Sources[i].Events[j].Leaves
			all := make([]sum, len(leaves))
			for k := range leaves {
				all[k] = s.leaf(&leaves[k])
			}
			events = append(events, all)
		}
		s.leaves = append(s.leaves, events)
	}
	for i := range p.Flows {
		var events [][]sum
		for j := range p.Flows[i].Events {
			decisions := p.Flows[i].Events[j].Decisions
			all := make([]sum, len(decisions))
			for k := range decisions {
				all[k] = s.decision(&decisions[k])
			}
			events = append(events, all)
		}
		s.rules = append(s.rules, events)
	}
	return s
}

// setHashes sets the plan's hashes. File positions, the order of keys in the files and everything written for people do not count.
func (p *Plan) setHashes() {
	for i := range p.Recipients {
		p.Recipients[i].Hash = ""
	}
	s := p.sums()
	d := newDigest()
	d.add(p.Controller, p.Ages, p.Purposes, p.Recipients, len(p.Sources))
	for i := range p.Sources {
		d.source(&p.Sources[i], s, s.leaves[i])
	}
	d.add(len(p.Flows))
	for i := range p.Flows {
		d.flow(&p.Flows[i], s, s.rules[i])
	}
	whole := d.String()
	parts := make([]string, len(p.Recipients))
	for i := range p.Recipients {
		d := newDigest()
		d.share(p, i, s)
		parts[i] = d.String()
	}
	p.Hash = whole
	for i := range p.Recipients {
		p.Recipients[i].Hash = parts[i]
	}
}

func (d *digest) sums(all []sum) {
	for i := range all {
		d.sum.Write(all[i][:])
	}
}

func (d *digest) source(source *Source, s *sums, leaves [][]sum) {
	bare := *source
	bare.Key.Rule, bare.Headers, bare.Events = "", nil, nil
	d.add(bare, len(source.Headers))
	for i := range source.Headers {
		d.add(source.Headers[i].Name)
		d.sums([]sum{s.leaf(&source.Headers[i].Leaf)})
	}
	d.add(len(source.Events))
	for i := range source.Events {
		d.event(&source.Events[i])
		d.add(len(leaves[i]))
		d.sums(leaves[i])
	}
}

// event adds all of an event but its leaves.
func (d *digest) event(e *Event) {
	bare := *e
	bare.Leaves, bare.Key.Rule = nil, ""
	d.add(bare)
}

func (d *digest) flow(f *Flow, s *sums, rules [][]sum) {
	d.add(f.Source, f.Recipient, len(f.Headers))
	for i := range f.Headers {
		d.sums([]sum{s.decision(&f.Headers[i])})
	}
	d.add(len(f.Events))
	for i := range f.Events {
		e := f.Events[i]
		e.Decisions = nil
		d.add(e, len(rules[i]))
		d.sums(rules[i])
	}
}

// share adds what concerns one recipient: who it is, why it gets data, and every field that leaves.
func (d *digest) share(p *Plan, recipient int, s *sums) {
	r := p.Recipients[recipient]
	purpose := p.Purposes[r.Purpose]
	r.Purpose = 0
	d.add(r, purpose, p.Ages.UnknownIsAdult, p.Ages.MinorBelow)
	for i := range p.Flows {
		f := &p.Flows[i]
		if f.Recipient != recipient {
			continue
		}
		source := &p.Sources[f.Source]
		d.add(source.Instance, source.Topics, source.Format, source.Consents, len(f.Headers))
		for j := range f.Headers {
			d.sums([]sum{s.leaf(&source.Headers[j].Leaf), s.decision(&f.Headers[j])})
		}
		d.add(len(f.Events))
		for j := range f.Events {
			d.event(&source.Events[j])
			d.add(f.Events[j].Only, f.Events[j].KeyFrom)
			leaves, rules, decisions := s.leaves[f.Source][j], s.rules[i][j], f.Events[j].Decisions
			for k := range decisions {
				if name := decisions[k].Technique.Name; name != "" && name != Drop {
					d.sum.Write(leaves[k][:])
					d.sum.Write(rules[k][:])
				}
			}
			d.add("end")
		}
	}
}
