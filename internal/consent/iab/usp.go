// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"errors"
	"strings"
)

// Answer is a yes or no of a US string. Of a notice Yes means it was given; of an opt-out, that the person opted out.
// Of a consent Yes and No change places in the GPP: see US.
type Answer uint8

const (
	NotApplicable Answer = iota
	Yes
	No
	answerUndefined
)

// USP is a US Privacy string, version 1 (CCPA).
type USP struct {
	Notice  Answer
	OptOut  Answer // of sale
	Covered Answer // by the Limited Service Provider Agreement
}

var errUSP = errors.New(`usp: the string is not "1" and three of Y, N and -`)

// ParseUSP reads a US Privacy string.
func ParseUSP(s string) (USP, error) { return parseUSP([]byte(s)) }

func parseUSP(s []byte) (USP, error) {
	if len(s) != 4 || s[0] != '1' {
		return USP{}, errUSP
	}
	var answers [3]Answer
	for i, c := range s[1:] {
		at := strings.IndexByte("-YN", c)
		if at < 0 {
			return USP{}, errUSP
		}
		answers[i] = Answer(at)
	}
	return USP{Notice: answers[0], OptOut: answers[1], Covered: answers[2]}, nil
}

// optedOut reports whether a person counts as opted out: they said so, or nobody told them that they could. "Did not opt out"
// beside a notice that does not apply contradicts itself and counts as well.
func optedOut(notice, choice Answer) bool {
	return choice == Yes || notice == No || notice == NotApplicable && choice == No
}

// GPC reports whether the value of a Sec-GPC header asks not to sell or share: exactly 1, white space around it aside.
// Any other value is no signal (W3C Global Privacy Control, section 3.1).
func GPC(value string) bool { return strings.Trim(value, " \t") == "1" }

// optOuts is what a US Privacy string comes to. It is older than the word sharing, so its opt-out of sale covers both.
func (u USP) optOuts() optOuts {
	out := optedOut(u.Notice, u.OptOut)
	return optOuts{sale: out, sharing: out}
}
