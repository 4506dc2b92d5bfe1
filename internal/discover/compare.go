// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"slices"

	"github.com/nymstream/nymstream/internal/policy"
)

// weak classes may become another when values are those of a better known place.
var weak = map[policy.Class]bool{policy.ObjectID: true, policy.Free: true, policy.Plain: true, policy.Text: true, policy.Group: true}

// lends are the classes that equal values carry over.
var lends = map[policy.Class]bool{
	policy.Account: true, policy.Handle: true, policy.Email: true, policy.Phone: true, policy.Cookie: true, policy.Device: true, policy.IP: true,
	policy.PersonName: true, policy.Government: true, policy.Finance: true, policy.Credential: true,
}

// compareLeaves gives weak verdicts the class of places that hold the same values: in the same payloads, or over all samples.
func (in *inference) compareLeaves() {
	for _, n := range in.leaves {
		v := in.verdicts[n]
		if !weak[v.class] || v.named || v.class == policy.Plain && n.leaf.strings == 0 && n.leaf.share(longID) == 0 {
			continue
		}
		if to, ok := in.sameInPayload(n); ok {
			in.adopt(n, to, "equals "+to.spelled()+" in the same payload")
		} else if to, part := in.sameOverall(n); to != nil {
			in.adopt(n, to, fmt.Sprintf("%s of its values are values of %s", percent(part), to.spelled()))
		}
	}
}

func (in *inference) adopt(n, from *node, because string) {
	v, other := in.verdicts[n], in.verdicts[from]
	v.class, v.form = other.class, other.form
	v.confidence = min(0.8, other.confidence)
	v.because += "; " + because
	in.verdicts[n] = v
}

// sameInPayload finds the best known place that often holds the same value as n in the same payload.
func (in *inference) sameInPayload(n *node) (*node, bool) {
	var best *node
	for other, count := range n.leaf.equal {
		other = other.live()
		v, known := in.verdicts[other]
		if !known || other == n || !lends[v.class] || v.confidence < 0.6 || float64(count) < 0.5*float64(min(n.leaf.present(), uint64(in.d.o.MaxCompare))) {
			continue
		}
		if best == nil || v.confidence > in.verdicts[best].confidence || v.confidence == in.verdicts[best].confidence && other.number < best.number {
			best = other
		}
	}
	return best, best != nil
}

// fewest is the number of distinct values from which an overlap over all samples says anything.
const fewest = 3

// sameOverall finds the best known place most of whose values n has too.
func (in *inference) sameOverall(n *node) (*node, float64) {
	if len(n.leaf.values.hashes) < fewest || n.leaf.constants() && n.leaf.odd == 0 && n.leaf.numbers() == 0 || n.leaf.spaced > n.leaf.present()/2 {
		return nil, 0
	}
	var best *node
	var most float64
	for _, other := range in.strong() {
		if other == n {
			continue
		}
		if part, of := n.leaf.values.overlap(&other.leaf.values); of >= fewest && part >= 0.6 && part > most && in.verdicts[other].class != policy.PersonName {
			best, most = other, part
		}
	}
	return best, most
}

// strong lists the places whose class is well known, best first.
func (in *inference) strong() []*node {
	if in.known == nil {
		in.known = []*node{}
		for _, n := range in.leaves {
			if v := in.verdicts[n]; lends[v.class] && v.confidence >= 0.75 && len(n.leaf.values.hashes) >= fewest {
				in.known = append(in.known, n)
			}
		}
		slices.SortStableFunc(in.known, func(a, b *node) int { return int(100*in.verdicts[b].confidence) - int(100*in.verdicts[a].confidence) })
	}
	return in.known
}
