// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"encoding/binary"
	"strconv"
)

// longestShift is how far a person's times are moved at most, in seconds: half a year to either side.
const longestShift = 182 * secondsOfDay

// shiftType names the PRF that says how far.
const shiftType = "shf"

type shiftedTime struct{ coarseTime }

// NewShiftedTime moves the times of one person by one secret span of up to half a year, to the second: what lies between two
// events of a person stays, when they happened does not, and events of two people no longer tell that they happened together.
// Each recipient and epoch has spans of its own. It needs the person: without one a time is a misfit. Units and formats are
// those of NewTime; fractions of seconds are cut off.
func NewShiftedTime(o TimeOptions) (Technique, error) {
	o.Step = day
	t, err := NewTime(o)
	if err != nil {
		return nil, err
	}
	return &shiftedTime{*t.(*coarseTime)}, nil
}

func (t *shiftedTime) Append(dst []byte, v *Value, s *Scope) ([]byte, Verdict) {
	if !s.Owner.Known || !s.Owner.Identity.ofSubject {
		return dst, Misfit
	}
	if v.Kind == String {
		if seconds, ok := parseTime(v.Text, t.Format, t.Zone); ok {
			if isSentinel(seconds) {
				return dst, Misfit
			}
			if seconds += t.span(s); seconds < firstSecond || seconds > lastSecond {
				return dst, Misfit
			}
			dst = append(dst, '"')
			dst = appendTime(dst, seconds, t.Format == DateOnly)
			return append(dst, '"'), Done
		}
	}
	var d decimal
	if !d.of(v) {
		return dst, Misfit
	}
	n, ok := d.floor(0)
	perSecond := t.perSecond(max(n, -n))
	if !ok || perSecond == 0 {
		return dst, Misfit
	}
	if isSentinel(floorDiv(n, perSecond)) {
		return dst, Misfit
	}
	seconds := floorDiv(n, perSecond) + t.span(s)
	if seconds < firstSecond || seconds > lastSecond {
		return dst, Misfit
	}
	dst = appendQuote(dst, v.Kind)
	dst = strconv.AppendInt(dst, seconds*perSecond, 10)
	return appendQuote(dst, v.Kind), Done
}

// isSentinel tells of times that software writes for "never" and "unknown": whoever knows one time knows the span, and with it
// all times of that person. The first and last years of the calendar, and the beginning of the Unix epoch.
func isSentinel(seconds int64) bool {
	const yearTwo, lastYear = firstSecond + 2*366*secondsOfDay, lastSecond - 366*secondsOfDay
	return seconds == 0 || seconds < yearTwo || seconds > lastYear
}

// span is how far the owner's times are moved. A remainder of 64 bits favors no second by more than one in 10¹².
func (t *shiftedTime) span(s *Scope) int64 {
	s.Domain.TypePRF(shiftType).Sum(&s.digest, s.Owner.Secret[:])
	return int64(binary.BigEndian.Uint64(s.digest[:8])%(2*longestShift+1)) - longestShift
}
