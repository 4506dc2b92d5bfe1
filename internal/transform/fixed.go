// SPDX-License-Identifier: Apache-2.0

package transform

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Literal is a JSON scalar that stands in a policy or pack. Text is decoded for strings and the token for numbers;
// true, false and null are told by their kind.
type Literal struct {
	Kind Kind
	Text string
}

// equals tells whether the value is the literal. Numbers are compared as they are written: 1.0 is not 1.
func (l *Literal) equals(v *Value) bool {
	if l.Kind != v.Kind {
		return false
	}
	return l.Kind != String && l.Kind != Number || l.Text == string(v.Text)
}

// token gives the literal's JSON.
func (l *Literal) token() ([]byte, error) {
	switch l.Kind {
	case String:
		if !utf8.ValidString(l.Text) {
			return nil, fmt.Errorf("a literal is not UTF-8")
		}
		return AppendString(nil, []byte(l.Text)), nil
	case Number:
		if !new(decimal).parse([]byte(l.Text)) {
			return nil, fmt.Errorf("the literal %q is no JSON number", l.Text)
		}
		return []byte(l.Text), nil
	case True:
		return []byte("true"), nil
	case False:
		return []byte("false"), nil
	case Null:
		return []byte("null"), nil
	}
	return nil, fmt.Errorf("a literal of no JSON kind")
}

// fixed appends the same token for every value.
type fixed struct{ token []byte }

func (t fixed) Append(dst []byte, _ *Value, _ *Scope) ([]byte, Verdict) {
	return append(dst, t.token...), Done
}

// NewReplace puts a fixed value in place of every value, null too.
func NewReplace(with Literal) (Technique, error) {
	token, err := with.token()
	if err != nil {
		return nil, fmt.Errorf("replace: %w", err)
	}
	return fixed{token}, nil
}

// NewBlank puts null in place of every value: readers keep the column and lose what was in it.
func NewBlank() Technique { return fixed{[]byte("null")} }

type presence struct{}

// NewPresence tells that there is a value: true for every scalar but null, which is a misfit and leaves nothing.
func NewPresence() Technique { return presence{} }

func (presence) Append(dst []byte, v *Value, _ *Scope) ([]byte, Verdict) {
	if v.Kind == Null {
		return dst, Misfit
	}
	return append(dst, "true"...), Done
}

// AppendCount appends what the technique count leaves of an array with n elements. Arrays are no scalars: who walks them calls it.
func AppendCount(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }
