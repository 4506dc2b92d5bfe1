// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// planFormat begins what is hashed: another format of the plan has other hashes.
const planFormat = "nymstream plan 1\n"

// setHashes sets the plan's hashes. File positions, the order of keys in the files and everything written for people do not count.
func (p *Plan) setHashes() {
	for i := range p.Recipients {
		p.Recipients[i].Hash = ""
	}
	whole := Plan{Controller: p.Controller, Purposes: p.Purposes, Recipients: p.Recipients}
	for i := range p.Sources {
		whole.Sources = append(whole.Sources, p.Sources[i].unplaced())
	}
	for i := range p.Flows {
		whole.Flows = append(whole.Flows, p.Flows[i].unplaced())
	}
	p.Hash = sum(whole)
	for i := range p.Recipients {
		p.Recipients[i].Hash = sum(p.part(i, &whole))
	}
}

// part is what concerns one recipient: who it is, why it gets data, and every field that leaves.
func (p *Plan) part(recipient int, whole *Plan) any {
	type leaving struct {
		Leaf     Leaf
		Decision Decision
	}
	type part struct {
		Event   Event
		Only    []Only
		KeyFrom []bool
		Leaving []leaving
	}
	type share struct {
		Source  string
		Topics  []string
		Headers []leaving
		Events  []part
	}
	r := p.Recipients[recipient]
	purpose := p.Purposes[r.Purpose]
	r.Purpose = 0
	var shares []share
	for i := range whole.Flows {
		f := &whole.Flows[i]
		if f.Recipient != recipient {
			continue
		}
		source := &whole.Sources[f.Source]
		s := share{Source: source.Instance, Topics: source.Topics}
		for j, d := range f.Headers {
			s.Headers = append(s.Headers, leaving{source.Headers[j].Leaf, d})
		}
		for j := range f.Events {
			e := source.Events[j]
			e.Leaves = nil
			out := part{Event: e, Only: f.Events[j].Only, KeyFrom: f.Events[j].KeyFrom}
			for k, d := range f.Events[j].Decisions {
				if d.Technique.Name != "" && d.Technique.Name != Drop {
					out.Leaving = append(out.Leaving, leaving{source.Events[j].Leaves[k], d})
				}
			}
			s.Events = append(s.Events, out)
		}
		shares = append(shares, s)
	}
	return struct {
		Recipient Recipient
		Purpose   Purpose
		Shares    []share
	}{r, purpose, shares}
}

// unplaced is the source without what is written for people.
func (s *Source) unplaced() Source {
	out := *s
	out.Key.Rule = ""
	out.Headers = slices.Clone(s.Headers)
	for i := range out.Headers {
		out.Headers[i].Leaf.Rule = ""
	}
	out.Events = slices.Clone(s.Events)
	for i := range out.Events {
		out.Events[i].Leaves = slices.Clone(out.Events[i].Leaves)
		for j := range out.Events[i].Leaves {
			out.Events[i].Leaves[j].Rule = ""
		}
	}
	return out
}

func (f *Flow) unplaced() Flow {
	out := *f
	out.Headers = withoutRules(f.Headers)
	out.Events = slices.Clone(f.Events)
	for i := range out.Events {
		out.Events[i].Decisions = withoutRules(out.Events[i].Decisions)
	}
	return out
}

func withoutRules(decisions []Decision) []Decision {
	out := slices.Clone(decisions)
	for i := range out {
		out[i].Rule = ""
	}
	return out
}

func sum(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a plan is strings, numbers and lists
	}
	h := sha256.New()
	h.Write([]byte(planFormat))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}
