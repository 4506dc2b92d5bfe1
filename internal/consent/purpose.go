// SPDX-License-Identifier: Apache-2.0

package consent

import "unique"

// Purpose is an interned name of a purpose: comparing two costs as much as comparing pointers. The zero Purpose is that of "",
// which means every purpose in a signal and none in a question.
type Purpose struct{ name name }

// PurposeOf interns a purpose's name. Do it once, when a policy is loaded.
func PurposeOf(name string) Purpose { return Purpose{intern(name)} }

func (p Purpose) String() string { return p.name.String() }

// name is an interned text. The zero name is "".
type name struct{ handle unique.Handle[string] }

func intern(text string) name {
	if text == "" {
		return name{}
	}
	return name{unique.Make(text)}
}

func (n name) String() string {
	if n == (name{}) {
		return ""
	}
	return n.handle.Value()
}
