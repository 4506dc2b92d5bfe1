// SPDX-License-Identifier: Apache-2.0

package consent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxSignals is how many signals one record may hold.
const MaxSignals = 1000

// maxAhead is how far the sender's clock may be ahead of ours, milliseconds.
const maxAhead = 5 * 60 * 1000

// maxTime is the end of the year 9999, the last that RFC 3339 can write.
const maxTime = 253402300799999

// subjectTypes are the classes of the packs that name a person.
var subjectTypes = []string{"account", "handle", "email", "phone", "ip", "device", "cookie", "name", "hashed", "government"}

var (
	purposeSpelling = regexp.MustCompile(`^([a-z][a-z0-9_-]{0,63})?$`)
	groundSpelling  = regexp.MustCompile(`^([a-z0-9][a-z0-9:._-]{0,63})?$`)
	timeSpelling    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$`)
)

// DecodeSignals reads a record of the signals topic; docs/signals.schema.json describes it. Now is milliseconds since the Unix
// epoch: a signal more than five minutes ahead of it is refused. It is strict, for a signal that is misread may be a consent that
// nobody gave: an error refuses the whole record, and names the field, never what it holds.
func DecodeSignals(data []byte, now int64) (Subject, []Signal, error) {
	d := decoder{now: now}
	switch {
	case !utf8.Valid(data):
		return Subject{}, nil, errors.New("signals: not UTF-8")
	case !json.Valid(data):
		return Subject{}, nil, errors.New("signals: not one JSON value")
	}
	d.tokens = json.NewDecoder(bytes.NewReader(data))
	d.tokens.UseNumber()
	d.record()
	if d.err != nil {
		return Subject{}, nil, d.err
	}
	return d.subject, d.signals, nil
}

// decoder walks one valid JSON text. After the first error it reads on without effect.
type decoder struct {
	tokens  *json.Decoder
	now     int64
	subject Subject
	signals []Signal
	err     error
}

func (d *decoder) refuse(path, format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("signals: %s "+format, append([]any{path}, args...)...)
	}
}

func (d *decoder) token() json.Token {
	token, err := d.tokens.Token()
	if err != nil {
		d.refuse("the record", "ends too soon")
	}
	return token
}

// object reads one whose members are all known, none twice, and none missing that is needed.
func (d *decoder) object(path string, known, needed []string, member func(name string)) {
	if d.token() != json.Delim('{') {
		d.refuse(path, "must be an object")
	}
	var seen []string
	for d.err == nil && d.tokens.More() {
		name, _ := d.token().(string)
		switch {
		case !slices.Contains(known, name):
			d.refuse(path, "has an unknown field; known are %s", strings.Join(known, ", "))
		case slices.Contains(seen, name):
			d.refuse(path, "has %s twice", name)
		default:
			seen = append(seen, name)
			member(name)
		}
	}
	for _, name := range needed {
		if !slices.Contains(seen, name) {
			d.refuse(path, "lacks %s", name)
		}
	}
	if d.err == nil {
		d.token()
	}
}

func (d *decoder) record() {
	fields := []string{"v", "subject", "signals"}
	d.object("the record", fields, fields, func(name string) {
		switch name {
		case "v":
			if d.token() != json.Number("1") {
				d.refuse("v", "must be 1, the version this release reads")
			}
		case "subject":
			d.readSubject()
		case "signals":
			d.list()
		}
	})
}

func (d *decoder) readSubject() {
	d.object("subject", []string{"instance", "type", "id"}, []string{"type", "id"}, func(name string) {
		switch name {
		case "instance":
			d.subject.Instance = d.text("subject.instance", 0, 255)
		case "type":
			d.subject.Type = d.text("subject.type", 1, 255)
		case "id":
			d.subject.ID = d.text("subject.id", 1, 1024)
		}
	})
	if !slices.Contains(subjectTypes, d.subject.Type) {
		d.refuse("subject.type", "must be one of %s", strings.Join(subjectTypes, ", "))
	}
}

func (d *decoder) list() {
	if d.token() != json.Delim('[') {
		d.refuse("signals", "must be an array")
	}
	for d.err == nil && d.tokens.More() {
		if len(d.signals) == MaxSignals {
			d.refuse("signals", "has more than %d elements; send several records", MaxSignals)
			return
		}
		d.signals = append(d.signals, d.signal(fmt.Sprintf("signals[%d]", len(d.signals))))
	}
	if d.err == nil {
		d.token()
	}
	if len(d.signals) == 0 {
		d.refuse("signals", "has no element")
	}
}

var signalFields = []string{"id", "kind", "purpose", "value", "at", "expires", "source", "notice"}

func (d *decoder) signal(path string) (s Signal) {
	var kind, value string
	var purpose *string
	d.object(path, signalFields, []string{"kind", "value", "at"}, func(name string) {
		at := path + "." + name
		switch name {
		case "id":
			s.ID = d.text(at, 0, 128)
		case "kind":
			kind = d.text(at, 1, 128)
		case "purpose":
			text := d.text(at, 0, 64)
			s.Purpose, purpose = text, &text
		case "value":
			value = d.text(at, 1, 128)
		case "at":
			s.At = d.time(at)
		case "expires":
			s.Expires = d.time(at)
		case "source":
			s.Source = d.text(at, 0, 128)
		case "notice":
			s.Notice = d.text(at, 0, 128)
		}
	})
	if d.err == nil {
		d.fit(path, &s, kind, value, purpose != nil)
	}
	if d.err == nil && s.At > d.now+maxAhead {
		d.refuse(path+".at", "is in the future by more than five minutes: set the sender's clock")
	}
	return s
}

// fit makes kind and verdict of their words.
func (d *decoder) fit(path string, s *Signal, kind, value string, named bool) {
	var ok bool
	if s.Kind, ok = ParseKind(kind); !ok {
		d.refuse(path+".kind", "must be one of %s", strings.Join(kindNames[1:], ", "))
		return
	}
	if s.Verdict, ok = s.Kind.ParseVerdict(value); !ok {
		words := kindValues[s.Kind]
		d.refuse(path+".value", "of kind %s must be one of %s", s.Kind, strings.Join(slices.Concat(words.allow, words.deny), ", "))
	}
	if s.Verdict == Allow && s.Kind.byPurpose() && !named {
		d.refuse(path, `lacks purpose: name it, or write "" to allow it for all`)
	}
	if err := s.check(); err != nil {
		d.refuse(path, "%w", err)
	}
}

// check holds the fields of a signal against its kind.
func (s *Signal) check() error {
	switch {
	case s.Kind.Value(s.Verdict) == "":
		return errors.New("has a kind and a value that do not fit")
	case s.Purpose != "" && !s.Kind.byPurpose():
		return fmt.Errorf("of kind %s has a purpose: leave it out", s.Kind)
	case s.Kind == Restriction && !groundSpelling.MatchString(s.Purpose):
		return errors.New("has a purpose that is no ground: 1 to 64 of a-z, 0-9 and : . _ -")
	case s.Kind != Restriction && !purposeSpelling.MatchString(s.Purpose):
		return errors.New("has a purpose that is no name: 1 to 64 of a-z, 0-9, - and _, beginning with a letter")
	case s.At < 1 || s.At > maxTime:
		return errors.New("has an at outside the years 1970 to 9999")
	case s.Expires != 0 && s.Verdict != Allow:
		return errors.New("denies and expires: only what allows can")
	case s.Expires != 0 && (s.Expires <= s.At || s.Expires > maxTime):
		return errors.New("expires before it begins, or after the year 9999")
	}
	return nil
}

// text reads a string of so many characters.
func (d *decoder) text(path string, least, most int) string {
	text, ok := d.token().(string)
	switch {
	case !ok:
		d.refuse(path, "must be a string")
	case !printable(text):
		d.refuse(path, "has a control character or half of a surrogate pair")
	case utf8.RuneCountInString(text) < least || utf8.RuneCountInString(text) > most:
		d.refuse(path, "must have %d to %d characters", least, most)
	}
	return text
}

// printable also refuses U+FFFD, which the decoder puts in place of half a surrogate pair: two ids could become one.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
}

// time reads RFC 3339 or milliseconds since the Unix epoch. Parts of a millisecond are cut off.
func (d *decoder) time(path string) int64 {
	switch token := d.token().(type) {
	case json.Number:
		if ms, err := strconv.ParseInt(token.String(), 10, 64); err == nil && ms > 0 && ms <= maxTime {
			return ms
		}
	case string:
		if t, err := time.Parse(time.RFC3339Nano, token); err == nil && timeSpelling.MatchString(token) && t.UnixMilli() > 0 && t.UnixMilli() <= maxTime {
			return t.UnixMilli()
		}
	}
	d.refuse(path, "must be a time since 1970 as of RFC 3339 (2026-11-23T14:05:00Z), or in milliseconds since the Unix epoch")
	return 0
}
