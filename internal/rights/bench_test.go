// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"fmt"
	"testing"
)

// What an export costs a record that is another's.
func BenchmarkMentions(b *testing.B) {
	record := bytes.Repeat([]byte(`{"user_id":"acc_3_2cah4o9grvpibq69hrc7hr64g0","text":"some_words of a post"},`), 13)
	set := map[string]struct{}{}
	for i := range 50 {
		set[fmt.Sprintf("acc_%d_0000000000000000000000000g", i)] = struct{}{}
	}
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if mentions(record, set) {
			b.Fatal("found")
		}
	}
}

// Erasing one person, and telling recipients: 4 pseudonyms, in memory.
func BenchmarkErase(b *testing.B) {
	w := newWorld(b)
	for i := range b.N {
		w.create(account(fmt.Sprint(i)))
	}
	s := w.service()
	o := Erasure{Reason: OnTest, By: officer}
	b.ResetTimer()
	for i := range b.N {
		o.Subjects = append(o.Subjects[:0], account(fmt.Sprint(i)))
		if _, err := s.Erase(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.RunOutbox(b.Context()); err != nil {
		b.Fatal(err)
	}
}
