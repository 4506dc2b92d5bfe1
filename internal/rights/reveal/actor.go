// SPDX-License-Identifier: Apache-2.0

package reveal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Roles that people have.
const (
	Operator       = "operator"
	PrivacyOfficer = "privacy-officer"
	Investigator   = "investigator"
	Auditor        = "auditor"
)

// Roles lists every role.
func Roles() []string { return []string{Operator, PrivacyOfficer, Investigator, Auditor} }

// Actor is who acts, as they signed in.
type Actor struct {
	Name  string // at most 128 characters
	Roles []string
}

// unnamed stands in the audit log for somebody whose name is none.
const unnamed = "unnamed"

// check refuses a name that could pass for two people's.
func (a Actor) check() error {
	switch {
	case a.Name == "":
		return fmt.Errorf("%w: nobody is named who acts", ErrInput)
	case a.Name != strings.TrimSpace(a.Name), len([]rune(a.Name)) > 128, strings.ContainsFunc(a.Name, hides):
		return fmt.Errorf("%w: the name of who acts is not one line of at most 128 visible characters", ErrInput)
	}
	return nil
}

// hides tells of a character that cannot be seen, and of U+FFFD, which stands for bytes that are no UTF-8. Fillers are letters to Unicode.
func hides(r rune) bool {
	return !unicode.IsPrint(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
}

// is tells whether two names are one person's.
func (a Actor) is(name string) bool { return folded(a.Name) == folded(name) }

// folded gives the same for names that differ by case, width or composition only.
func folded(name string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
}

// as gives the first of the roles that the actor has, or "".
func (a Actor) as(roles ...string) string {
	for _, r := range roles {
		if slices.Contains(a.Roles, r) {
			return r
		}
	}
	return ""
}

// known gives a role for the audit log, which may be "".
func (a Actor) known() string { return a.as(Roles()...) }

// named gives an actor whom the audit log can name.
func (a Actor) named() Actor {
	if a.check() != nil {
		a.Name = unnamed
	}
	return a
}

// may gives the role in which the actor takes a step, one of those given, or refuses it.
func (s *Service) may(ctx context.Context, a Actor, step, id string, roles ...string) (role string, err error) {
	if err := a.check(); err != nil {
		return "", err
	}
	if role = a.as(roles...); role == "" {
		return "", s.refuse(ctx, a, step, id, "it takes the role "+strings.Join(roles, " or "))
	}
	return role, nil
}
