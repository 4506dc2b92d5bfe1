// SPDX-License-Identifier: Apache-2.0

package event

import "errors"

// The classes that decide a record's fate; wrap one of them and find it with errors.Is.
var (
	ErrTransient = errors.New("transient") // retry with backoff; nothing was committed
	ErrFatal     = errors.New("fatal")     // stop; nothing was committed
)

// Poison is the third class: this record goes to quarantine and its partition goes on.
// Rule names a rule or field path of the plan and Offset a byte position; neither holds a value.
type Poison struct {
	Reason Reason
	Rule   string
	Offset int // byte position in the payload, or -1
}

func (p *Poison) Error() string {
	if p.Rule == "" {
		return p.Reason.String()
	}
	return p.Reason.String() + " at " + p.Rule
}
