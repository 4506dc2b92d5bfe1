// SPDX-License-Identifier: Apache-2.0

//go:build bench && linux

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sampled is how many events of an input are remembered, to be found again in the outputs.
const sampled = 1000

// sample is an event as it was produced.
type sample struct{ key, value []byte }

// fingerprint finds an event again by what every contender keeps: numbers that no two events have in common, in practice.
func fingerprint(value []byte) (string, error) {
	var e struct {
		Actor  struct{ Followers int64 }
		Object struct {
			Metrics struct{ Likes, Reposts, Replies, Views int64 }
		}
	}
	if err := json.Unmarshal(value, &e); err != nil {
		return "", err
	}
	m := &e.Object.Metrics
	return fmt.Sprint(e.Actor.Followers, m.Likes, m.Reposts, m.Replies, m.Views), nil
}

func (f *feed) keep(key, value []byte) error {
	of, err := fingerprint(value)
	f.sample[of] = sample{key, value}
	return err
}

// sampler looks for the sample in an output and checks it.
type sampler struct {
	of      map[string]sample
	check   *Equivalence // nil: nothing is checked
	sameKey bool         // the contender keeps the records' keys
	found   map[string]bool
	err     error
}

func (s *sampler) look(record *kgo.Record) {
	if s.check == nil || s.err != nil {
		return
	}
	of, err := fingerprint(record.Value)
	if err != nil {
		s.err = fmt.Errorf("output: %w", err)
		return
	}
	in, ok := s.of[of]
	if !ok || s.found[of] { // a record may come twice where it is at least once
		return
	}
	s.found[of] = true
	s.err = s.check.Check(in.value, record.Value)
	if s.err == nil && s.sameKey && !bytes.Equal(in.key, record.Key) {
		s.err = errors.New("the output's key is not the input's")
	}
}

func (s *sampler) end() error {
	if s.err == nil && s.check != nil && len(s.found) != len(s.of) {
		return fmt.Errorf("want the %d events of the sample in the output, found %d", len(s.of), len(s.found))
	}
	return s.err
}
