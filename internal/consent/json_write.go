// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// signalJSON is a signal as the topic has it.
type signalJSON struct {
	ID      string  `json:"id,omitempty"`
	Kind    string  `json:"kind"`
	Purpose *string `json:"purpose,omitempty"`
	Value   string  `json:"value"`
	At      string  `json:"at"`
	Expires string  `json:"expires,omitempty"`
	Source  string  `json:"source,omitempty"`
	Notice  string  `json:"notice,omitempty"`
}

// EncodeSignals writes a record of the signals topic. It refuses what DecodeSignals would, but for times in the future.
func EncodeSignals(subject Subject, signals []Signal) ([]byte, error) {
	if err := subject.check(); err != nil {
		return nil, err
	}
	if len(signals) == 0 || len(signals) > MaxSignals {
		return nil, fmt.Errorf("signals: a record holds 1 to %d", MaxSignals)
	}
	record := struct {
		V       int          `json:"v"`
		Subject Subject      `json:"subject"`
		Signals []signalJSON `json:"signals"`
	}{1, subject, make([]signalJSON, len(signals))}
	for i := range signals {
		s := &signals[i]
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("signals: signals[%d] %w", i, err)
		}
		if !fits(s.ID, 0, 128) || !fits(s.Source, 0, 128) || !fits(s.Notice, 0, 128) {
			return nil, fmt.Errorf("signals: signals[%d] has an id, source or notice of more than 128 characters, or one that is no text", i)
		}
		record.Signals[i] = s.json()
	}
	return json.Marshal(record)
}

func (s *Subject) check() error {
	switch {
	case !slices.Contains(subjectTypes, s.Type):
		return errors.New("signals: subject.type is unknown")
	case !fits(s.ID, 1, 1024), !fits(s.Instance, 0, 255):
		return errors.New("signals: subject.id must have 1 to 1024 characters, subject.instance up to 255, none of them control characters")
	}
	return nil
}

func fits(text string, least, most int) bool {
	n := utf8.RuneCountInString(text)
	return utf8.ValidString(text) && printable(text) && n >= least && n <= most
}

func (s *Signal) json() signalJSON {
	out := signalJSON{ID: s.ID, Kind: s.Kind.String(), Value: s.Kind.Value(s.Verdict), At: timeText(s.At), Source: s.Source, Notice: s.Notice}
	if s.Kind.byPurpose() {
		out.Purpose = &s.Purpose
	}
	if s.Expires != 0 {
		out.Expires = timeText(s.Expires)
	}
	return out
}

func timeText(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
