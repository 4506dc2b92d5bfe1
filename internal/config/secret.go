// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"io"
)

const hidden = "[secret]"

// Secret is a resolved secret. It cannot print itself: every verb and encoder writes [secret].
// The value lies behind a pointer, because fmt reports a wrong verb (%w, %p) by printing the bare value.
type Secret struct{ value *string }

// NewSecret is a secret that was resolved elsewhere.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal gives the value, for the one call that needs it; "" when the option is not set.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero tells whether the option is not set.
func (s Secret) IsZero() bool { return s.value == nil }

func (s Secret) String() string               { return hidden }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, hidden) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (s Secret) MarshalYAML() (any, error)    { return hidden, nil }
