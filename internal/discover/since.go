// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"slices"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// Classified lists the paths of a source that its pack, or the policy, says anything about.
func Classified(s *policy.Source) []event.Path {
	seen := map[string]bool{}
	var out []event.Path
	for i := range s.Events {
		for _, l := range s.Events[i].Leaves {
			if key := l.Path.String(); l.Class != "" && !seen[key] {
				seen[key] = true
				out = append(out, l.Path)
			}
		}
	}
	return out
}

// Since keeps of the proposal what none of the known paths covers: what came up since they were written.
func (p *Proposal) Since(known []event.Path) *Proposal {
	covered := func(path event.Path) bool {
		return slices.ContainsFunc(known, func(k event.Path) bool { return k.Matches(path) })
	}
	out := *p
	out.Fields, out.Maps = nil, nil
	for _, f := range p.Fields {
		if !covered(f.node.path()) {
			out.Fields = append(out.Fields, f)
		}
	}
	for _, m := range p.Maps {
		path := append(m.node.path(), event.Segment{Kind: event.Members}, event.Segment{Kind: event.Keys})
		if !covered(path) {
			out.Maps = append(out.Maps, m)
		}
	}
	return &out
}
