// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// Pace is an open loop: events are due at times that nobody's slowness moves. What is measured from the time an event was due,
// not from the time it was sent, hides no waiting (coordinated omission).
type Pace struct {
	Rate float64 // events a second
}

// Due gives how many events are due after a time.
func (p Pace) Due(after time.Duration) int { return int(after.Seconds()*p.Rate) + 1 }

// At gives when event n is due.
func (p Pace) At(n int) time.Duration {
	return time.Duration(float64(n) / p.Rate * float64(time.Second))
}

// stampField is a number that the benchmark's policy keeps as it is, so that it reaches the reader.
const stampField = `"views":`

// Stamped is an event that can be sent again and again, each time with another stamp.
type Stamped struct{ before, after []byte }

// NewStamped prepares an event of the benchmark.
func NewStamped(value []byte) (Stamped, error) {
	before, rest, ok := bytes.Cut(value, []byte(stampField))
	end := bytes.IndexAny(rest, ",}")
	if !ok || end < 0 {
		return Stamped{}, errors.New("the event has no number of views")
	}
	return Stamped{before, rest[end:]}, nil
}

// With gives the event with a stamp in memory of its own.
func (s Stamped) With(stamp time.Duration) []byte {
	value := make([]byte, 0, len(s.before)+len(stampField)+20+len(s.after))
	value = append(append(value, s.before...), stampField...)
	return append(strconv.AppendInt(value, stamp.Microseconds(), 10), s.after...)
}

// Stamp reads the stamp of an event, sanitized or not.
func Stamp(value []byte) (time.Duration, error) {
	_, rest, ok := bytes.Cut(value, []byte(stampField))
	if !ok {
		return 0, errors.New("the event has lost its stamp")
	}
	n := int64(0)
	for _, c := range rest {
		if c < '0' || c > '9' {
			return time.Duration(n) * time.Microsecond, nil
		}
		n = n*10 + int64(c-'0')
	}
	return 0, errors.New("the stamp has no end")
}
