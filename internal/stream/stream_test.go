// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"testing"
	"time"
)

func TestRecordsGoThroughOnce(t *testing.T) {
	_, addrs := fake(t)
	b := newBed(t, addrs, 4, nil)
	b.numbered(0, 500)
	r := b.run(b.options("a"), nil)
	b.numbered(500, 500)
	b.exactlyOnce(1000, 20*time.Second)
	r.stop()
}
