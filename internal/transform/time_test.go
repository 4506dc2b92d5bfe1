// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func hourly(t testing.TB) Technique { return must(t)(NewTime(TimeOptions{Step: time.Hour})) }

func TestTimeOfText(t *testing.T) {
	check(t, hourly(t), []change{
		{`"2008-08-27T13:08:45Z"`, `"2008-08-27T13:00:00Z"`},
		{`"2008-08-27T13:08:45.123456789012Z"`, `"2008-08-27T13:00:00Z"`},
		{`"2008-08-27t13:08:45z"`, `"2008-08-27T13:00:00Z"`},
		{`"2008-08-27T13:08:45+02:00"`, `"2008-08-27T11:00:00Z"`},
		{`"2008-08-27T13:08:45+05:30"`, `"2008-08-27T07:00:00Z"`},
		{`"2008-08-27T13:08:45+0000"`, `"2008-08-27T13:00:00Z"`},
		{`"2008-08-27 13:08:45 -0500"`, `"2008-08-27T18:00:00Z"`},
		{`"2008-08-27 13:08:45"`, `"2008-08-27T13:00:00Z"`},
		{`"2008-08-27T13:08:45.5"`, `"2008-08-27T13:00:00Z"`},
		{`"2012-02-29T23:30:00-01:00"`, `"2012-03-01T00:00:00Z"`},
		{`"2000-02-29T00:00:00Z"`, `"2000-02-29T00:00:00Z"`},
		{`"1900-02-29T00:00:00Z"`, misfit},
		{`"2011-02-29T00:00:00Z"`, misfit},
		{`"2011-04-31T00:00:00Z"`, misfit},
		{`"2011-13-01T00:00:00Z"`, misfit},
		{`"2011-00-01T00:00:00Z"`, misfit},
		{`"2011-01-00T00:00:00Z"`, misfit},
		{`"2011-01-01T24:00:00Z"`, misfit},
		{`"2011-01-01T00:60:00Z"`, misfit},
		{`"2011-01-01T00:00:61Z"`, misfit},
		{`"2011-01-01T00:00:00+24:00"`, misfit},
		{`"2011-01-01T00:00:00+00:60"`, misfit},
		{`"2011-01-01T00:00:00.Z"`, misfit},
		{`"2011-01-01T00:00:00,5Z"`, misfit},
		{`"2011-01-01T00:00:00ZZ"`, misfit},
		{`"2011-01-01T00:00:00 Z"`, misfit},
		{`"2011-01-01T00:00:00 "`, misfit},
		{`"2011-01-01T00:00Z"`, misfit},
		{`"2011-01-01"`, misfit},
		{`"2011/01/01T00:00:00Z"`, misfit},
		{`"yesterday"`, misfit},
		{`""`, misfit},
		{`null`, misfit},
		{`true`, misfit},
	})
}

func TestTimeOfLeapSeconds(t *testing.T) {
	check(t, hourly(t), []change{
		{`"2016-12-31T23:59:60Z"`, `"2016-12-31T23:00:00Z"`},
		{`"2017-01-01T00:59:60.9+01:00"`, `"2016-12-31T23:00:00Z"`},
		{`"2016-12-31T22:59:60Z"`, misfit},
		{`"2016-12-31T23:58:60Z"`, misfit},
	})
}

func TestTimeAtTheEdgesOfTheCalendar(t *testing.T) {
	check(t, hourly(t), []change{
		{`"0000-01-01T00:00:00Z"`, `"0000-01-01T00:00:00Z"`},
		{`"0000-01-01T00:00:00+00:01"`, misfit},
		{`"9999-12-31T23:59:59Z"`, `"9999-12-31T23:00:00Z"`},
		{`"9999-12-31T23:59:59-00:01"`, misfit},
		{`-62167219200`, `-62167219200`},
		{`-62167219201`, misfit},
	})
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Unit: Seconds})), []change{{`253402300799`, `253402297200`}, {`253402300800`, misfit}})
	check(t, must(t)(NewTime(TimeOptions{Step: week})), []change{{`"0000-01-01T00:00:00Z"`, misfit}, {`"0000-01-03T00:00:00Z"`, `"0000-01-03T00:00:00Z"`}})
}

func TestTimeOfNumbers(t *testing.T) {
	check(t, hourly(t), []change{
		{`1219842525`, `1219842000`},
		{`"1219842525"`, `"1219842000"`},
		{`1219842525123`, `1219842000000`},
		{`1219842525123456`, `1219842000000000`},
		{`1219842525123456789`, misfit}, // nanoseconds are no unit
		{`"1515449522.000016"`, `"1515448800"`},
		{`1.219842525e9`, `1219842000`},
		{`0`, `0`},
		{`-0`, `0`},
		{`-1`, `-3600`},
		{`-0.5`, `-3600`},
		{`-3600`, `-3600`},
		{`-3600.5`, `-7200`},
		{`-3600.0`, `-3600`},
		{`99999999999`, `99999997200`},
		{`100000000000`, `99997200000`},
		{`1e999999999`, misfit},
		{`"12 34"`, misfit},
	})
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Unit: Milliseconds})), []change{{`7200001`, `7200000`}, {`-1`, `-3600000`}})
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Unit: Microseconds})), []change{{`7200000001`, `7200000000`}})
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Unit: Seconds})), []change{{`100000000001`, `99999997200`}, {`1219842525123`, misfit}})
}

func TestTimeSteps(t *testing.T) {
	check(t, must(t)(NewTime(TimeOptions{Step: day})), []change{
		{`"2008-08-27T23:08:45-05:00"`, `"2008-08-28T00:00:00Z"`},
		{`1219842525`, `1219795200`},
	})
	check(t, must(t)(NewTime(TimeOptions{Step: week})), []change{
		{`"2024-07-01T00:00:00Z"`, `"2024-07-01T00:00:00Z"`}, // a Monday
		{`"2024-07-07T23:59:59Z"`, `"2024-07-01T00:00:00Z"`},
		{`"1970-01-01T00:00:00Z"`, `"1969-12-29T00:00:00Z"`},
		{`1219842525`, `1219622400`},
	})
}

func TestTimeFormats(t *testing.T) {
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Format: RubyDate})), []change{
		{`"Wed Aug 27 13:08:45 +0000 2008"`, `"2008-08-27T13:00:00Z"`},
		{`"Wed Aug 27 13:08:45 -0730 2008"`, `"2008-08-27T20:00:00Z"`},
		{`"Wed aug 27 13:08:45 +0000 2008"`, misfit},
		{`"Xyz Aug 27 13:08:45 +0000 2008"`, misfit},
		{`"Wed Feb 30 13:08:45 +0000 2008"`, misfit},
		{`"Wed Aug 27 13:08:45 UTC 2008"`, misfit},
		{`"2008-08-27T13:08:45Z"`, misfit},
		{`1219842525`, `1219842000`},
	})
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Format: HTTPDate})), []change{
		{`"Wed, 27 Aug 2008 13:08:45 GMT"`, `"2008-08-27T13:00:00Z"`},
		{`"Wed, 27 Aug 2008 13:08:45 UTC"`, misfit},
		{`"Wednesday, 27-Aug-08 13:08:45 GMT"`, misfit},
	})
	check(t, must(t)(NewTime(TimeOptions{Step: week, Format: DateOnly})), []change{
		{`"2024-07-04"`, `"2024-07-01"`},
		{`"2024-07-4"`, misfit},
		{`"2024-07-04T00:00:00Z"`, misfit},
		{`"0000-01-01"`, misfit},
	})
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Format: DateOnly})), []change{{`"2024-07-04"`, `"2024-07-04"`}})
}

func TestTimeZone(t *testing.T) {
	east := time.FixedZone("east", 5*3600+1800)
	check(t, must(t)(NewTime(TimeOptions{Step: time.Hour, Zone: east})), []change{
		{`"2008-08-27T13:08:45"`, `"2008-08-27T07:00:00Z"`},
		{`"2008-08-27T13:08:45Z"`, `"2008-08-27T13:00:00Z"`},
		{`"2017-01-01T05:29:60"`, `"2016-12-31T23:00:00Z"`},
		{`"0000-01-01T00:00:00"`, misfit},
	})
}

func TestTimeRefusesOptions(t *testing.T) {
	for _, o := range []TimeOptions{{}, {Step: time.Minute}, {Step: time.Hour, Unit: Microseconds + 1}, {Step: time.Hour, Format: HTTPDate + 1}} {
		if _, err := NewTime(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// instants draws times of the whole calendar.
func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		offset := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "offset")
		sec := rapid.Int64Range(firstSecond+2*week.Nanoseconds()/1e9, lastSecond-secondsOfDay).Draw(t, "second")
		return time.Unix(sec, rapid.Int64Range(0, 999_999_999).Draw(t, "nano")).In(time.FixedZone("", offset*60))
	})
}

// cutOff is what the technique promises, in the words of package time, whose absolute zero was a Monday.
func cutOff(at time.Time, step time.Duration) time.Time { return at.UTC().Truncate(step) }

func TestTimeAgreesWithPackageTime(t *testing.T) {
	layouts := map[TimeFormat][]string{
		RFC3339:  {time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05.000-0700", "2006-01-02 15:04:05 -07:00"},
		RubyDate: {time.RubyDate},
	}
	rapid.Check(t, func(rt *rapid.T) {
		at, step := instants().Draw(rt, "time"), rapid.SampledFrom([]time.Duration{time.Hour, day, week}).Draw(rt, "step")
		for format, list := range layouts {
			tech := must(t)(NewTime(TimeOptions{Step: step, Format: format}))
			for _, layout := range list {
				got, want := apply(t, tech, quoted(at.Format(layout))), quoted(cutOff(at, step).Format(time.RFC3339))
				if got != want {
					rt.Fatalf("of %s: got %s, want %s", at.Format(layout), got, want)
				}
			}
		}
		http := must(t)(NewTime(TimeOptions{Step: step, Format: HTTPDate}))
		if got, want := apply(t, http, quoted(at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))), quoted(cutOff(at, step).Format(time.RFC3339)); got != want {
			rt.Fatalf("got %s, want %s", got, want)
		}
		for unit, n := range map[TimeUnit]int64{Seconds: at.Unix(), Milliseconds: at.UnixMilli(), Microseconds: at.UnixMicro()} {
			tech := must(t)(NewTime(TimeOptions{Step: step, Unit: unit}))
			got := apply(t, tech, strconv.FormatInt(n, 10))
			if want := inUnit(cutOff(at, step), unit); got != want {
				rt.Fatalf("of %d: got %s, want %s", n, got, want)
			}
		}
	})
}

func inUnit(at time.Time, unit TimeUnit) string {
	n := at.Unix()
	switch unit {
	case Milliseconds:
		n = at.UnixMilli()
	case Microseconds:
		n = at.UnixMicro()
	}
	return strconv.FormatInt(n, 10)
}

// Where time.Parse reads a time, we read the same one, and none where it reads none. We part ways over leap seconds,
// and over offsets of 24 hours or 60 minutes, which it takes.
func TestParseTimeAgreesWithTimeParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(19|20)[0-9]{2}-(0[0-9]|1[0-3])-([0-2][0-9]|3[0-2])T([01][0-9]|2[0-4]):[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-9]|2[0-4]):[0-6][0-9])`).Draw(t, "text")
		got, ok := parseTime([]byte(text), RFC3339, time.UTC)
		want, err := time.Parse(time.RFC3339, text)
		if text[17:19] == "60" {
			t.Skip("a leap second")
		}
		lenient := strings.HasSuffix(text, ":60") || strings.Contains(text[19:], "+24:") || strings.Contains(text[19:], "-24:")
		if ok != (err == nil && !lenient) || ok && got != want.Unix() {
			t.Fatalf("got %d and %t, want %d and %v", got, ok, want.Unix(), err)
		}
	})
}

func TestCivilAgreesWithPackageTimeOnEveryDay(t *testing.T) {
	for d := int64(firstSecond) / secondsOfDay; d <= lastSecond/secondsOfDay; d++ {
		year, month, dayOfMonth := civil(d)
		wantYear, wantMonth, wantDay := time.Unix(d*secondsOfDay, 0).UTC().Date()
		if year != wantYear || month != int(wantMonth) || dayOfMonth != wantDay {
			t.Fatalf("day %d: got %d-%d-%d, want %d-%d-%d", d, year, month, dayOfMonth, wantYear, wantMonth, wantDay)
		}
		if got := daysFromCivil(year, month, dayOfMonth); got != d {
			t.Fatalf("of %d-%d-%d: got day %d, want %d", year, month, dayOfMonth, got, d)
		}
	}
}

// Every text of the real events that time.Parse takes for a time, we take for the same time.
func TestTimesOfRealEvents(t *testing.T) {
	layouts := map[TimeFormat][]string{
		RFC3339:  {time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05-07:00", "2006-01-02 15:04:05 -07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"},
		RubyDate: {time.RubyDate},
		DateOnly: {time.DateOnly},
	}
	seen := 0
	eachString(t, func(s string) {
		if strings.Contains(s, ",") {
			return
		}
		for format, list := range layouts {
			for _, layout := range list {
				want, err := time.Parse(layout, s)
				if err != nil {
					continue
				}
				seen++
				if got, ok := parseTime([]byte(s), format, time.UTC); !ok || got != want.Unix() {
					t.Errorf("of a text like %q: got %d and %t, want %d", layout, got, ok, want.Unix())
				}
			}
		}
	})
	if seen == 0 {
		t.Error("no time was found")
	}
	t.Logf("%d times agreed", seen)
}
