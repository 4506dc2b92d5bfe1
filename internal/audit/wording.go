// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxName   = 128 // characters
	maxReason = 200 // characters
	maxPairs  = 64  // details, and numbers
)

var (
	hashShape   = regexp.MustCompile(`^[0-9a-f]{16,64}$`)
	numberShape = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,63}$`)

	// A word with @ in it: an e-mail address, or a handle.
	addressShape = regexp.MustCompile(`@[\pL\pN_]`)
	// <type>_<epoch>_<26 characters of base32hex>, wherever it stands and in whatever case.
	pseudonymShape = regexp.MustCompile(`(?i)[a-z]+_[0-9]+_[0-9a-v]{26}`)
	// What has many digits and is no person's: a day, with or without its time; a UUID; a ticket (ABC-12345).
	harmlessShape = regexp.MustCompile(`\b[12][0-9]{3}-[01][0-9]-[0-3][0-9](?:T[0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,3})?)?Z?)?\b` +
		`|\b[12][0-9]{3}[01][0-9][0-3][0-9](?:T[0-9]{4,6}Z?)?\b` +
		`|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b[A-Z][A-Z0-9]{1,9}-[0-9]{1,9}\b`)
	// Seven digits or more, with what people write between them, and not within a word.
	phoneShape = regexp.MustCompile(`(?:^|[^\pL\pN])[0-9](?:[ .()/\p{Pd}]{0,3}[0-9]){6,}(?:$|[^\pL\pN])`)
)

// details are the keys a detail can have, with the rule of its value.
var details = map[string]func(string) error{
	"approver": checkActor, "error": checkName, "certificate": checkName, "domain": checkName, "epoch": checkName, "file": checkName,
	"flow": checkName, "format": checkName, "from": checkName, "group": checkName, "identity": checkName, "kek": checkName, "key": checkName,
	"keyset": checkName, "kind": checkName, "outcome": checkName, "path": checkLine, "plan": checkName, "policy": checkName, "request": checkName,
	"rule": checkLine, "source": checkName, "state": checkName, "store": checkName, "to": checkName, "topic": checkName, "version": checkName,
}

// DetailKeys lists the keys that details can have.
func DetailKeys() []string { return slices.Sorted(maps.Keys(details)) }

func optional(rule func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		return rule(s)
	}
}

// checkLength takes one line of printable text.
func checkLength(s string, limit int) error {
	switch {
	case s == "":
		return errors.New("missing")
	case !utf8.ValidString(s):
		return errors.New("not UTF-8")
	case utf8.RuneCountInString(s) > limit:
		return fmt.Errorf("longer than %d characters", limit)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("not one line of printable text")
	}
	return nil
}

// checkActor takes a user's or a service's name: it is the one place where an e-mail address may stand.
func checkActor(s string) error {
	if err := checkLength(s, maxName); err != nil {
		return err
	}
	return checkPseudonym(s)
}

// checkName takes one word of the configuration: a name, a hash, a number of a version.
func checkName(s string) error {
	if err := checkLength(s, maxName); err != nil {
		return err
	}
	if strings.ContainsAny(s, " @") {
		return errors.New("not one word without @")
	}
	return checkPersonal(s)
}

// checkLine takes a path or a rule of a policy.
func checkLine(s string) error {
	if err := checkLength(s, maxReason); err != nil {
		return err
	}
	if strings.Contains(s, "@") && !strings.Contains(s, "['@") {
		return errors.New("an e-mail address or a handle; leave personal values out")
	}
	return checkDigits(s)
}

func checkReason(s string) error {
	if err := checkLength(s, maxReason); err != nil {
		return err
	}
	return checkPersonal(s)
}

func checkHash(s string) error {
	if !hashShape.MatchString(s) {
		return errors.New("not 16 to 64 hexadecimal digits; use Log.Subject")
	}
	return nil
}

// checkPersonal refuses what looks like a person's address, number or pseudonym.
func checkPersonal(s string) error {
	if addressShape.MatchString(plain(s)) {
		return errors.New("an e-mail address or a handle; leave personal values out")
	}
	return checkDigits(s)
}

func checkDigits(s string) error {
	if phoneShape.MatchString(harmlessShape.ReplaceAllString(plain(s), "x")) {
		return errors.New("a long number, as of a phone or an account; leave personal values out, and write counts as numbers")
	}
	return checkPseudonym(s)
}

func checkPseudonym(s string) error {
	if pseudonymShape.MatchString(plain(s)) {
		return errors.New("a pseudonym; name the person by Log.Subject")
	}
	return nil
}

// plain writes other scripts' digits and full-width forms in ASCII. Which digit it was does not matter here.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && unicode.Is(unicode.Nd, r) {
			return '0'
		}
		return r
	}, norm.NFKC.String(s))
}

func checkDetails(pairs map[string]string) error {
	if len(pairs) > maxPairs {
		return fmt.Errorf("details: more than %d", maxPairs)
	}
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		rule, known := details[key]
		if !known {
			return errors.New("details: a key that is not in the list of keys")
		}
		if err := rule(pairs[key]); err != nil {
			return fmt.Errorf("details.%s: %w", key, err)
		}
	}
	return nil
}

func checkNumbers(pairs map[string]uint64) error {
	if len(pairs) > maxPairs {
		return fmt.Errorf("numbers: more than %d", maxPairs)
	}
	for key := range pairs {
		if !numberShape.MatchString(key) {
			return errors.New("numbers: a key that is no lower-case word of letters, digits, dots and hyphens")
		}
		if err := checkPersonal(key); err != nil {
			return fmt.Errorf("numbers: a key is %w", err)
		}
	}
	return nil
}
