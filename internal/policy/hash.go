// SPDX-License-Identifier: Apache-2.0

package policy

import (
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

// setHashes sets the plan's hashes. File positions, the order of keys in the files and everything written for people do not count.
func (p *Plan) setHashes() {
	for i := range p.Recipients {
		p.Recipients[i].Hash = ""
	}
	d := newDigest()
	d.add(p.Controller, p.Purposes, p.Recipients, len(p.Sources))
	for i := range p.Sources {
		d.source(&p.Sources[i])
	}
	d.add(len(p.Flows))
	for i := range p.Flows {
		d.flow(&p.Flows[i])
	}
	whole := d.String()
	parts := make([]string, len(p.Recipients))
	for i := range p.Recipients {
		d := newDigest()
		d.share(p, i)
		parts[i] = d.String()
	}
	p.Hash = whole
	for i := range p.Recipients {
		p.Recipients[i].Hash = parts[i]
	}
}

func (d *digest) source(s *Source) {
	bare := *s
	bare.Key.Rule, bare.Headers, bare.Events = "", nil, nil
	d.add(bare, len(s.Headers))
	for _, h := range s.Headers {
		h.Leaf.Rule = ""
		d.add(h)
	}
	d.add(len(s.Events))
	for i := range s.Events {
		d.event(&s.Events[i])
		d.add(len(s.Events[i].Leaves))
		for _, l := range s.Events[i].Leaves {
			d.leaf(l)
		}
	}
}

// event adds all of an event but its leaves.
func (d *digest) event(e *Event) {
	bare := *e
	bare.Leaves, bare.Key.Rule = nil, ""
	d.add(bare)
}

func (d *digest) leaf(l Leaf) {
	l.Rule = ""
	d.add(l)
}

func (d *digest) decision(x Decision) {
	x.Rule = ""
	d.add(x)
}

func (d *digest) flow(f *Flow) {
	d.add(f.Source, f.Recipient, len(f.Headers))
	for _, x := range f.Headers {
		d.decision(x)
	}
	d.add(len(f.Events))
	for i := range f.Events {
		e := f.Events[i]
		e.Decisions = nil
		d.add(e, len(f.Events[i].Decisions))
		for _, x := range f.Events[i].Decisions {
			d.decision(x)
		}
	}
}

// share adds what concerns one recipient: who it is, why it gets data, and every field that leaves.
func (d *digest) share(p *Plan, recipient int) {
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
		d.add(source.Instance, source.Topics, len(f.Headers))
		for j, x := range f.Headers {
			d.leaf(source.Headers[j].Leaf)
			d.decision(x)
		}
		d.add(len(f.Events))
		for j := range f.Events {
			d.event(&source.Events[j])
			d.add(f.Events[j].Only, f.Events[j].KeyFrom)
			for k, x := range f.Events[j].Decisions {
				if x.Technique.Name != "" && x.Technique.Name != Drop {
					d.leaf(source.Events[j].Leaves[k])
					d.decision(x)
				}
			}
			d.add("end")
		}
	}
}
