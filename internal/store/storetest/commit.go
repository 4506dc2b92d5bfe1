// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"

	"github.com/nymstream/nymstream/internal/subject"
)

// put and remove expect a row's version.
func put(space subject.Space, n int, version uint64, body string) subject.Change {
	return subject.Change{Space: space, Row: subject.Row{Key: key(n), Version: version, Body: []byte(body)}}
}

func remove(space subject.Space, n int, version uint64) subject.Change {
	return subject.Change{Space: space, Row: subject.Row{Key: key(n), Version: version}}
}

func testCommit(t *testing.T, s subject.Store) {
	if !commit(t, s) {
		t.Error("a commit of nothing lost")
	}
	if !commit(t, s, put(subject.People, 1, 0, "a"), put(subject.People, 2, 0, "b"), put(subject.Meta, 1, 0, "m")) {
		t.Fatal("inserts lost")
	}
	// Each of these has one change whose version is wrong: nothing of the others may be seen.
	for name, wrong := range map[string]subject.Change{
		"an insert over a row":             put(subject.Meta, 1, 0, "never"),
		"an update of an old version":      put(subject.Meta, 1, 9, "never"),
		"an update of what is not there":   put(subject.Meta, 5, 1, "never"),
		"a deletion of an old version":     remove(subject.Meta, 1, 2),
		"a deletion of what is not there":  remove(subject.Meta, 5, 1),
		"a row that should not be there":   remove(subject.Meta, 1, 0),
		"an insert over a row among other": put(subject.People, 2, 0, "never"),
	} {
		others := []subject.Change{put(subject.People, 1, 1, "never"), put(subject.Outbox, 3, 0, "never"), wrong, remove(subject.Requests, 4, 0)}
		if commit(t, s, others...) {
			t.Errorf("a commit with %s won", name)
		}
		wantRow(t, load(t, s, subject.People, key(1))[0], 1, "a")
		wantRow(t, load(t, s, subject.People, key(2))[0], 1, "b")
		wantRow(t, load(t, s, subject.Meta, key(1))[0], 1, "m")
		wantRow(t, load(t, s, subject.Meta, key(5))[0], 0, "")
		wantRow(t, load(t, s, subject.Outbox, key(3))[0], 0, "")
		wantRow(t, load(t, s, subject.Requests, key(4))[0], 0, "")
	}
	if !commit(t, s, put(subject.People, 1, 1, "a2"), remove(subject.People, 2, 1), put(subject.Outbox, 3, 0, "out"), remove(subject.Requests, 4, 0)) {
		t.Fatal("a commit whose versions are right lost")
	}
	wantRow(t, load(t, s, subject.People, key(1))[0], 2, "a2")
	wantRow(t, load(t, s, subject.People, key(2))[0], 0, "")
	wantRow(t, load(t, s, subject.Outbox, key(3))[0], 1, "out")
	wantRow(t, load(t, s, subject.Requests, key(4))[0], 0, "")
	if !commit(t, s, put(subject.People, 2, 0, "b again")) {
		t.Error("an insert after a deletion lost")
	}
	wantRow(t, load(t, s, subject.People, key(2))[0], 1, "b again")
}

func testCommitRefuses(t *testing.T, s subject.Store) {
	for name, changes := range map[string][]subject.Change{
		"a row twice": {put(subject.People, 1, 0, "a"), put(subject.Meta, 1, 0, "m"), remove(subject.People, 1, 1)},
		"space 0":     {put(subject.People, 1, 0, "a"), put(0, 2, 0, "b")},
	} {
		_, err := s.Commit(t.Context(), changes)
		wantFatal(t, "commit of "+name, err)
		wantRow(t, load(t, s, subject.People, key(1))[0], 0, "")
	}
}

func testCommitLarge(t *testing.T, s subject.Store) {
	var first, second []subject.Change
	for n := range 3000 {
		first = append(first, put(subject.Outbox, n, 0, "out"))
		if n%2 == 0 {
			second = append(second, remove(subject.Outbox, n, 1))
		} else {
			second = append(second, put(subject.Outbox, n, 1, "again"))
		}
	}
	if !commit(t, s, first...) {
		t.Fatal("inserts lost")
	}
	if commit(t, s, append(second[:2999:2999], remove(subject.Outbox, 2999, 2))...) {
		t.Error("a commit with one old version won")
	}
	if !commit(t, s, second...) {
		t.Fatal("updates and deletions lost")
	}
	rows := 0
	err := s.Scan(t.Context(), subject.Outbox, subject.Key{}, func(block []subject.Row) error {
		for _, row := range block {
			wantRow(t, row, 2, "again")
			rows++
		}
		return nil
	})
	if err != nil || rows != 1500 {
		t.Errorf("%d rows are left, want 1500; %v", rows, err)
	}
}
