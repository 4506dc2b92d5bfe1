// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// wrapped is a format of one byte before the document: "!" can never be decoded, "?" needs something that is down.
type wrapped struct{}

func (wrapped) Decode(dst []byte, rec *event.Record) ([]byte, error) {
	switch rec.Value[0] {
	case '!':
		return dst, &event.Poison{Reason: event.Malformed, Rule: "wrapping", Offset: -1}
	case '?':
		return dst, fmt.Errorf("registry: %w", event.ErrTransient)
	}
	return append(dst, rec.Value[1:]...), nil
}

// short takes documents of up to 60 bytes.
type short struct{}

func (short) Encode(dst, document []byte) ([]byte, error) {
	if len(document) > 60 {
		return dst, &event.Poison{Reason: event.Malformed, Rule: "schema", Offset: -1}
	}
	return append(append(dst, '<'), document...), nil
}

func TestFormats(t *testing.T) {
	p := pipelineOf(t, constructsPolicy, driftPack, Options{Decoders: []Decoder{wrapped{}}, Encoders: []Encoder{short{}}})
	wantLines(t, decide(t, p, value(`x{"by":1}`)), `all: <{"by":"ACC1"} key=ACC1`)
	wantLines(t, decide(t, p, value(`!`)), "all: quarantined, malformed at wrapping")
	wantLines(t, decide(t, p, value(`x{"by":1,"kind":"`+string(bytes.Repeat([]byte("k"), 30))+`"}`)), "all: quarantined, malformed at schema")
	wantLines(t, decide(t, p, value(`x{"by"`)), "all: quarantined, malformed")
	n := &note{pipeline: p, worker: p.Worker()}
	err := n.worker.Process([]event.Record{{Topic: "raw", Time: time.Now().UnixMilli(), Value: []byte("?")}}, n)
	if !errors.Is(err, event.ErrTransient) || len(n.lines) > 0 {
		t.Errorf("want the batch to be held back, got %v and %q", err, n.lines)
	}
}
