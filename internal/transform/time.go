// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"strconv"
	"time"
)

// TimeUnit is what a numeric time counts since the Unix epoch.
type TimeUnit uint8

const (
	// AutoUnit tells the unit by the magnitude: below 10¹¹ seconds (until the year 5138), below 10¹⁴ milliseconds
	// (since 1973), below 10¹⁷ microseconds (since 1973).
	AutoUnit TimeUnit = iota
	Seconds
	Milliseconds
	Microseconds
)

// TimeFormat is how a textual time is written.
type TimeFormat uint8

const (
	RFC3339  TimeFormat = iota // 2008-08-27T13:08:45.123Z, and what platforms write in its place; see NewTime
	RubyDate                   // Wed Aug 27 13:08:45 +0000 2008
	DateOnly                   // 2008-08-27
	HTTPDate                   // Wed, 27 Aug 2008 13:08:45 GMT (RFC 9110, IMF-fixdate)
)

// TimeOptions says how times are written and how coarse they become.
type TimeOptions struct {
	Step   time.Duration // an hour, a day or seven days
	Unit   TimeUnit
	Format TimeFormat
	Zone   *time.Location // of texts that name none; nil: UTC
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

const (
	secondsOfDay = 86_400
	firstSecond  = -62_167_219_200 // 0000-01-01T00:00:00Z
	lastSecond   = 253_402_300_799 // 9999-12-31T23:59:59Z
)

type coarseTime struct{ TimeOptions }

// NewTime cuts times off to the hour, day or week they lie in, by UTC; weeks begin on Monday (ISO 8601).
//
// Numbers, and strings that hold a number, keep their kind and unit; they may have decimals (seconds with microseconds behind the point),
// which are cut off. Other strings must have the format. The result is "2008-08-27T13:00:00Z", or a date where a date was.
// Beside RFC 3339 its format takes a space for T, a space before the offset, an offset without a colon, and no offset at all.
// Of leap seconds only those at 23:59:60 UTC are times. Times before the year 0000 or after 9999 are misfits.
func NewTime(o TimeOptions) (Technique, error) {
	if o.Step != time.Hour && o.Step != day && o.Step != week {
		return nil, fmt.Errorf("time: a step of %v; use hour, day or week", o.Step)
	}
	if o.Unit > Microseconds || o.Format > HTTPDate {
		return nil, fmt.Errorf("time: unknown unit or format")
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &coarseTime{o}, nil
}

func (t *coarseTime) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if v.Kind == String {
		if t.Format == RFC3339 && t.Step != week && utcTime(v.Text) {
			return appendCut(dst, v.Text, t.Step), Done
		}
		if seconds, ok := parseTime(v.Text, t.Format, t.Zone); ok {
			if seconds = t.floor(seconds); seconds < firstSecond {
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
	n, ok := t.count(&d)
	if !ok {
		return dst, Misfit
	}
	dst = appendQuote(dst, v.Kind)
	dst = strconv.AppendInt(dst, n, 10)
	return appendQuote(dst, v.Kind), Done
}

// utcTime tells whether text is a time as most platforms write it: RFC 3339, T and Z, no leap second. What is not may still be a time.
func utcTime(text []byte) bool {
	const shortest = len("2006-01-02T15:04:05Z")
	var c clock
	if len(text) < shortest || text[10] != 'T' || text[len(text)-1] != 'Z' || !c.date(text) || !c.time(text[11:]) || c.second == 60 {
		return false
	}
	if len(text) == shortest {
		return true
	}
	fraction, rest := digits(text[shortest:])
	return text[shortest-1] == '.' && len(fraction) > 0 && len(rest) == 1
}

// appendCut cuts a time of utcTime off to the hour or day without a detour over seconds (BenchmarkTechnique: half the time).
func appendCut(dst, text []byte, step time.Duration) []byte {
	dst = append(dst, '"')
	if step == time.Hour {
		dst = append(dst, text[:len("2006-01-02T15:")]...)
		return append(dst, `00:00Z"`...)
	}
	dst = append(dst, text[:len("2006-01-02T")]...)
	return append(dst, `00:00:00Z"`...)
}

// count gives the cut-off time in the unit of the number.
func (t *coarseTime) count(d *decimal) (int64, bool) {
	n, ok := d.floor(0)
	perSecond := t.perSecond(max(n, -n))
	if !ok || perSecond == 0 {
		return 0, false
	}
	seconds := floorDiv(n, perSecond)
	if seconds > lastSecond {
		return 0, false
	}
	seconds = t.floor(seconds)
	return seconds * perSecond, seconds >= firstSecond
}

// perSecond tells how many of its units a number of this magnitude counts in a second; 0 for none.
func (t *coarseTime) perSecond(magnitude int64) int64 {
	switch {
	case t.Unit == Seconds, t.Unit == AutoUnit && magnitude < 1e11:
		return 1
	case t.Unit == Milliseconds, t.Unit == AutoUnit && magnitude < 1e14:
		return 1e3
	case t.Unit == Microseconds, t.Unit == AutoUnit && magnitude < 1e17:
		return 1e6
	}
	return 0
}

// floor gives the beginning of the step. The Unix epoch was a Thursday: three days before it a week began.
func (t *coarseTime) floor(seconds int64) int64 {
	const thursday = 3 * secondsOfDay
	switch t.Step {
	case time.Hour:
		return floorDiv(seconds, 3600) * 3600
	case day:
		return floorDiv(seconds, secondsOfDay) * secondsOfDay
	}
	return floorDiv(seconds+thursday, 7*secondsOfDay)*(7*secondsOfDay) - thursday
}

func floorDiv(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}

// appendTime appends an RFC 3339 time in UTC, or its date.
func appendTime(dst []byte, seconds int64, dateOnly bool) []byte {
	const layout, date = "0000-00-00T00:00:00Z", len("0000-00-00")
	days := floorDiv(seconds, secondsOfDay)
	year, month, dayOfMonth := civil(days)
	rest := int(seconds - days*secondsOfDay)
	start := len(dst)
	dst = append(dst, layout...)
	text := dst[start : start+len(layout)]
	putTwo(text[0:], year/100)
	putTwo(text[2:], year%100)
	putTwo(text[5:], month)
	putTwo(text[8:], dayOfMonth)
	if dateOnly {
		return dst[:start+date]
	}
	putTwo(text[11:], rest/3600)
	putTwo(text[14:], rest/60%60)
	putTwo(text[17:], rest%60)
	return dst
}

func putTwo(text []byte, n int) { text[0], text[1] = byte('0'+n/10), byte('0'+n%10) }

// The calendar is the proleptic Gregorian one. Years are counted from March here, so that a leap day is the last of its year;
// 400 years are 146,097 days. 0000-03-01 is 719,468 days before the Unix epoch.
const (
	daysOfEra = 146_097
	marchZero = 719_468
)

// daysFromCivil gives the days since the Unix epoch of a date.
func daysFromCivil(year, month, dayOfMonth int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	era := floorDiv(int64(year), 400)
	y := int64(year) - era*400
	return era*daysOfEra + y*365 + y/4 - y/100 + daysBefore(month-3) + int64(dayOfMonth) - 1 - marchZero
}

// civil gives the date of days since the Unix epoch. The last century of an era and the last year of four have the leap day:
// hence the limits of 3.
func civil(days int64) (year, month, dayOfMonth int) {
	days += marchZero
	era := floorDiv(days, daysOfEra)
	d := days - era*daysOfEra
	century := min(d/36_524, 3)
	d -= century * 36_524
	four := d / 1461
	d -= four * 1461
	one := min(d/365, 3)
	d -= one * 365
	m := (5*d + 2) / 153
	year, month, dayOfMonth = int(era*400+century*100+four*4+one), int(m)+3, int(d-daysBefore(int(m)))+1
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, dayOfMonth
}

// daysBefore gives the days of a year from March before its month m, counted from 0: five months are 153 days.
func daysBefore(m int) int64 { return int64(153*m+2) / 5 }
