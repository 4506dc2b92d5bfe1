// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"

	"github.com/nymstream/nymstream/internal/event"
)

// TestAssumedConsent shows what a purpose whose basis is consent forwards once consent is assumed.
func TestAssumedConsent(t *testing.T) {
	p := load(t, "testdata/social-policy.yaml", Options{AssumeConsent: true})
	rec := value(`{"kind":"post","post":{"id":"p1","author":{"id":7,"name":"Ann"},"lang":"en","likes":3,"mentions":[{"id":"8"},{"id":"9"}],"tags":["a"]}}`)
	rec.Key = []byte("7")
	rec.Headers = []event.Header{{Key: []byte("ce_subject"), Value: []byte("7")}, {Key: []byte("x-token"), Value: []byte("s3cret")}}
	n := decide(t, p, rec)
	want := `partner: {"post":{"id":"OBJ1","author":{"id":"ACC2"},"lang":"xx","likes":null,"mentions":2}} key=ACC2 ce_subject=ACC2`
	if got := plainly(n.lines[1]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
