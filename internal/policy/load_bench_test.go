// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
)

// countsAndJoins is the policy of a team that counts and joins: it keeps what is plain and pseudonymizes identifiers.
const countsAndJoins = `language: 1
controller: {name: Example Media, contact: privacy@example.org}
purposes: {product-analytics: {basis: legitimate-interest, description: Which posts do readers engage with?}}
sources: {raw: {topics: [raw], pack: %s@1}}
recipients:
  analytics:
    role: processor
    purpose: product-analytics
    topic: clean
    key: none
    retention: 395d
    from: {raw: {}}
    classes:
      account: pseudonym
      handle: pseudonym
      object-id: pseudonym
      group: pseudonym
      app: pseudonym
      url: host
      timestamp: {time: hour}
      name: seal
      text: presence
      plain: keep
`

// BenchmarkLoadPack measures what `policy check` does, on the packs with the most leaves.
func BenchmarkLoadPack(b *testing.B) {
	for _, pack := range []string{"slack", "twitter_v1", "facebook", "github", "activitypub"} {
		b.Run(pack, func(b *testing.B) {
			text := fmt.Appendf(nil, countsAndJoins, pack)
			b.ReportAllocs()
			leaves := 0
			for b.Loop() {
				p, err := LoadBytes("policy.yaml", text, nil, "")
				if err != nil {
					b.Fatal(err)
				}
				leaves = 0
				for i := range p.Sources[0].Events {
					leaves += len(p.Sources[0].Events[i].Leaves)
				}
			}
			b.ReportMetric(float64(leaves), "leaves")
		})
	}
}
