// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"testing"
)

// BenchmarkLoadPack measures what `policy check` does, on the packs with the most leaves.
func BenchmarkLoadPack(b *testing.B) {
	for _, pack := range []string{"slack", "twitter_v1", "facebook", "github", "activitypub"} {
		b.Run(pack, func(b *testing.B) {
			text := bytes.ReplaceAll(testFile(b, "typical.yaml"), []byte("mastodon@1"), []byte(pack+"@1"))
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
