// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"time"

	"github.com/nymstream/nymstream/internal/consent"
)

// toldAge takes in what an event tells of the age of who acts. Only that somebody is a minor counts: an event makes nobody an adult.
func (w *Worker) toldAge(text []byte, birth bool) {
	g := &w.registry
	below := w.pipeline.plan.Ages.MinorBelow
	years, ok := number(text)
	if birth {
		years, ok = yearsSince(text, time.UnixMilli(g.at).UTC())
	}
	if ok && years < below {
		g.told = append(g.told, consent.Signal{Kind: consent.Age, Verdict: consent.Deny, At: g.at, Source: "event"})
	}
}

// oldest is above everybody's age: a larger number is something else.
const oldest = 150

// number reads the whole years that an age, or a band such as 18-24, begins with.
func number(text []byte) (years int, ok bool) {
	for _, c := range text {
		if c-'0' > 9 {
			break
		}
		if years = 10*years + int(c-'0'); years > oldest {
			return 0, false
		}
		ok = true
	}
	return years, ok
}

// birthLayouts are how dates of birth are told: ISO 8601, Facebook's, and a year alone, of which the last day is meant.
var birthLayouts = []string{time.DateOnly, "01/02/2006", "2006"}

// yearsSince gives the whole years from a date of birth on.
func yearsSince(birth []byte, now time.Time) (years int, ok bool) {
	if len(birth) > len(time.DateOnly) && birth[len(time.DateOnly)] == 'T' {
		birth = birth[:len(time.DateOnly)]
	}
	if len(birth) > len(time.DateOnly) {
		return 0, false
	}
	for _, layout := range birthLayouts {
		born, err := time.Parse(layout, string(birth))
		if err != nil {
			continue
		}
		if layout == "2006" {
			born = born.AddDate(1, 0, -1)
		}
		years = now.Year() - born.Year()
		if now.Month() < born.Month() || now.Month() == born.Month() && now.Day() < born.Day() {
			years--
		}
		return years, years >= 0 && years <= oldest
	}
	return 0, false
}
