// SPDX-License-Identifier: Apache-2.0

package transform

import "time"

// parseTime gives the second since the Unix epoch in which a textual time lies. It reads digits at fixed places:
// time.Parse takes longer, wants a string, and is more lenient than the formats.
func parseTime(text []byte, format TimeFormat, zone *time.Location) (int64, bool) {
	var c clock
	switch format {
	case RFC3339:
		return c.rfc3339(text, zone)
	case RubyDate:
		return c.ruby(text)
	case DateOnly:
		if len(text) != len("2006-01-02") || !c.date(text) {
			return 0, false
		}
		return c.unix(0)
	case HTTPDate:
		return c.http(text)
	}
	return 0, false
}

// clock is what a calendar and a clock on the wall show.
type clock struct{ year, month, day, hour, minute, second int }

func (c *clock) rfc3339(text []byte, zone *time.Location) (int64, bool) {
	const long = len("2006-01-02T15:04:05")
	if len(text) < long || !c.date(text) || !c.time(text[11:]) {
		return 0, false
	}
	if sep := text[10]; sep != 'T' && sep != 't' && sep != ' ' {
		return 0, false
	}
	rest := text[long:]
	if len(rest) > 0 && rest[0] == '.' {
		fraction, tail := digits(rest[1:])
		if len(fraction) == 0 {
			return 0, false
		}
		rest = tail
	}
	if len(rest) == 0 {
		return c.in(zone)
	}
	if len(rest) == 1 && rest[0]|0x20 == 'z' {
		return c.unix(0)
	}
	if rest[0] == ' ' {
		rest = rest[1:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	return c.unix(offset)
}

// ruby reads "Mon Jan 02 15:04:05 -0700 2006".
func (c *clock) ruby(text []byte) (int64, bool) {
	const layout = "Mon Jan 02 15:04:05 -0700 2006"
	if len(text) != len(layout) || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' || text[19] != ' ' || text[25] != ' ' {
		return 0, false
	}
	offset, ok := parseOffset(text[20:25])
	c.year, c.day = four(text[26:]), two(text[8:])
	if !ok || c.year < 0 || !isWeekday(text) || !c.monthName(text[4:]) || !c.inMonth() || !c.time(text[11:]) {
		return 0, false
	}
	return c.unix(offset)
}

// http reads "Mon, 02 Jan 2006 15:04:05 GMT".
func (c *clock) http(text []byte) (int64, bool) {
	const layout = "Mon, 02 Jan 2006 15:04:05 GMT"
	if len(text) != len(layout) || text[3] != ',' || text[4] != ' ' || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || string(text[25:]) != " GMT" {
		return 0, false
	}
	c.year, c.day = four(text[12:]), two(text[5:])
	if c.year < 0 || !isWeekday(text) || !c.monthName(text[8:]) || !c.inMonth() || !c.time(text[17:]) {
		return 0, false
	}
	return c.unix(0)
}

// date reads "2006-01-02"; text is long enough.
func (c *clock) date(text []byte) bool {
	c.year, c.month, c.day = four(text), two(text[5:]), two(text[8:])
	return c.year >= 0 && text[4] == '-' && text[7] == '-' && c.inMonth()
}

// time reads "15:04:05"; text is long enough. Second 60 is left to unix.
func (c *clock) time(text []byte) bool {
	c.hour, c.minute, c.second = two(text), two(text[3:]), two(text[6:])
	return text[2] == ':' && text[5] == ':' && c.hour >= 0 && c.hour <= 23 && c.minute >= 0 && c.minute <= 59 && c.second >= 0 && c.second <= 60
}

// parseOffset reads +hh:mm or +hhmm as seconds east of UTC.
func parseOffset(text []byte) (int64, bool) {
	if len(text) == 6 && text[3] == ':' {
		return offsetOf(text[0], two(text[1:]), two(text[4:]))
	}
	if len(text) == 5 {
		return offsetOf(text[0], two(text[1:]), two(text[3:]))
	}
	return 0, false
}

func offsetOf(sign byte, hours, minutes int) (int64, bool) {
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || sign != '+' && sign != '-' {
		return 0, false
	}
	seconds := int64(hours*3600 + minutes*60)
	if sign == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// in gives the time in a zone. Where clocks are set forward or back, time.Date chooses.
func (c *clock) in(zone *time.Location) (int64, bool) {
	if zone == time.UTC {
		return c.unix(0)
	}
	return c.checked(time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, min(c.second, 59), 0, zone).Unix())
}

// unix gives the time at an offset east of UTC.
func (c *clock) unix(offset int64) (int64, bool) {
	return c.checked(daysFromCivil(c.year, c.month, c.day)*secondsOfDay + int64(c.hour*3600+c.minute*60+min(c.second, 59)) - offset)
}

// checked refuses years that cannot be written and leap seconds that are not the last of a day; one that is counts as the second before it.
func (c *clock) checked(seconds int64) (int64, bool) {
	leap := c.second == 60
	if seconds < firstSecond || seconds > lastSecond || leap && (seconds+1)%secondsOfDay != 0 {
		return 0, false
	}
	return seconds, true
}

// inMonth tells whether the month and its day exist.
func (c *clock) inMonth() bool {
	const days = "\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f" // 31, 28, 31 …
	if c.month < 1 || c.month > 12 || c.day < 1 {
		return false
	}
	leap := c.year%4 == 0 && (c.year%100 != 0 || c.year%400 == 0)
	return c.day <= int(days[c.month-1]) || c.day == 29 && c.month == 2 && leap
}

// monthName reads the three letters that text begins with.
func (c *clock) monthName(text []byte) bool {
	c.month = nameIndex("JanFebMarAprMayJunJulAugSepOctNovDec", text) + 1
	return c.month > 0
}

// isWeekday tells whether text begins with a weekday; that it is the date's is not asked.
func isWeekday(text []byte) bool { return nameIndex("MonTueWedThuFriSatSun", text) >= 0 }

// nameIndex finds the three letters that text begins with among names, or gives -1.
func nameIndex(names string, text []byte) int {
	for i := 0; i < len(names); i += 3 {
		if names[i:i+3] == string(text[:3]) {
			return i / 3
		}
	}
	return -1
}

// two reads two digits, or gives -1.
func two(text []byte) int {
	a, b := text[0]-'0', text[1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// four reads four digits, or gives -1.
func four(text []byte) int {
	a, b := two(text), two(text[2:])
	if a < 0 || b < 0 {
		return -1
	}
	return a*100 + b
}
