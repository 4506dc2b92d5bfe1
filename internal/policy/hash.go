// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
)

// planFormat begins what is hashed: another format of the plan has other hashes.
const planFormat = "nymstream plan 3\n"

// digest hashes a plan piece by piece, one JSON text a line: a plan on many platforms as one text takes more memory than
// the plan. Lists are preceded by their length, so that no two plans make the same lines.
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
	text   bytes.Buffer
	coder  *json.Encoder
	cases  map[clauses]sum // many leaves share them
	leaves [][][]sum       // by source, event and leaf
	rules  [][][]sum       // of decisions, by flow, event and leaf
}

// clauses tells one list of clauses from another by where it stands.
type clauses struct {
	first *Clause
	count int
}

func (s *sums) of(x any) sum {
	s.text.Reset()
	if err := s.coder.Encode(x); err != nil {
		panic(err) // a plan is strings, numbers and lists
	}
	return sha256.Sum256(s.text.Bytes())
}

func (s *sums) leaf(l Leaf) sum {
	l.Rule = ""
	if len(l.Case) == 0 {
		return s.of(l)
	}
	key := clauses{&l.Case[0], len(l.Case)}
	known, ok := s.cases[key]
	if !ok {
		known = s.of(l.Case)
		s.cases[key] = known
	}
	l.Case = nil
	of := s.of(l)
	return sha256.Sum256(append(known[:], of[:]...))
}

func (s *sums) decision(x Decision) sum {
	x.Rule = ""
	return s.of(x)
}

func (p *Plan) sums() *sums {
	s := &sums{cases: map[clauses]sum{}}
	s.coder = json.NewEncoder(&s.text)
	for i := range p.Sources {
		var events [][]sum
		for j := range p.Sources[i].Events {
			leaves := p.Sources[i].Events[j].Leaves
			all := make([]sum, len(leaves))
			for k := range leaves {
				all[k] = s.leaf(leaves[k])
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
			nothing := s.decision(Decision{})
			for k := range decisions {
				if all[k] = nothing; decisions[k].Technique.Name != "" || decisions[k].Clear != "" {
					all[k] = s.decision(decisions[k])
				}
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
	d.add(p.Controller, p.Purposes, p.Recipients, len(p.Sources))
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

func (d *digest) sums(all ...sum) {
	for i := range all {
		d.sum.Write(all[i][:])
	}
}

func (d *digest) source(source *Source, s *sums, leaves [][]sum) {
	bare := *source
	bare.Key.Rule, bare.Headers, bare.Events = "", nil, nil
	d.add(bare, len(source.Headers))
	for _, h := range source.Headers {
		d.add(h.Name)
		d.sums(s.leaf(h.Leaf))
	}
	d.add(len(source.Events))
	for i := range source.Events {
		d.event(&source.Events[i])
		d.add(len(leaves[i]))
		d.sums(leaves[i]...)
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
	for _, x := range f.Headers {
		d.sums(s.decision(x))
	}
	d.add(len(f.Events))
	for i := range f.Events {
		e := f.Events[i]
		e.Decisions = nil
		d.add(e, len(rules[i]))
		d.sums(rules[i]...)
	}
}

// share adds what concerns one recipient: who it is, why it gets data, and every field that leaves.
func (d *digest) share(p *Plan, recipient int, s *sums) {
	r := p.Recipients[recipient]
	purpose := p.Purposes[r.Purpose]
	r.Purpose = 0
	d.add(r, purpose)
	for i := range p.Flows {
		f := &p.Flows[i]
		if f.Recipient != recipient {
			continue
		}
		source := &p.Sources[f.Source]
		d.add(source.Instance, source.Topics, source.Format, len(f.Headers))
		for j, x := range f.Headers {
			d.sums(s.leaf(source.Headers[j].Leaf), s.decision(x))
		}
		d.add(len(f.Events))
		for j := range f.Events {
			d.event(&source.Events[j])
			d.add(f.Events[j].Only, f.Events[j].KeyFrom)
			for k, x := range f.Events[j].Decisions {
				if x.Technique.Name != "" && x.Technique.Name != Drop {
					d.sums(s.leaves[f.Source][j][k], s.rules[i][j][k])
				}
			}
			d.add("end")
		}
	}
}
