// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/rights"
)

const topic = "social.clean.analytics"

// Pseudonyms of two people and of things of theirs; bob2 is bob in another epoch.
const (
	ada   = "acc_3_2cah4o9grvpibq69hrc7hr64g0"
	bob   = "acc_3_9k0nq1v5c3h2m8t4r7e6d0a1b4"
	bob2  = "acc_4_0f8fad5bd9cb469fa16570867g"
	post1 = "obj_3_1111111111111111111111111g"
	post2 = "obj_3_2222222222222222222222222g"
	post3 = "obj_3_3333333333333333333333333g"
)

func deletionOf(pseudonym string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(pseudonym), Headers: []kgo.RecordHeader{{Key: deletionHeader, Value: []byte("1")}},
		Value: fmt.Appendf(nil, `{"nymstream":"deletion","v":1,"pseudonym":%q,"reason":"erased"}`, pseudonym)}
}

func postOf(author, id, mentions string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(author), Headers: []kgo.RecordHeader{{Key: "nym-plan", Value: []byte("x")}},
		Value: fmt.Appendf(nil, `{"id":%q,"account":{"id":%q},"mentions":[{"id":%q}],"text":"a\u0000b"}`, id, author, mentions)}
}

// TestNotices: what cannot be understood is an error, and never passed over.
func TestNotices(t *testing.T) {
	with := func(header, value string) *kgo.Record {
		r := &kgo.Record{Key: []byte(ada), Headers: []kgo.RecordHeader{{Key: header, Value: []byte("1")}}}
		if value != "" {
			r.Value = []byte(value)
		}
		return r
	}
	for name, c := range map[string]struct {
		rec       *kgo.Record
		pseudonym string
		fails     bool
	}{
		"an event":              {postOf(ada, post1, bob), "", false},
		"a deletion":            {deletionOf(ada), ada, false},
		"a null value after it": {with(deletionHeader, ""), ada, false},
		"a correction":          {with(correctionHeader, `{"nymstream":"correction","v":1,"pseudonym":"`+bob+`","classes":["email"]}`), bob, false},
		"another version":       {with(deletionHeader, `{"nymstream":"deletion","v":2,"pseudonym":"`+ada+`"}`), "", true},
		"another kind":          {with(deletionHeader, `{"nymstream":"correction","v":1,"pseudonym":"`+ada+`"}`), "", true},
		"no pseudonym":          {with(deletionHeader, `{"nymstream":"deletion","v":1,"pseudonym":"ada"}`), "", true},
		"no JSON":               {with(deletionHeader, `deletion`), "", true},
	} {
		n, err := readNotice(c.rec)
		got := ""
		if n != nil {
			got = n.Pseudonym
		}
		if got != c.pseudonym || (err != nil) != c.fails {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestKeysThatNamePeople(t *testing.T) {
	for key, want := range map[string]string{ada: ada, post1: "", "": "", "acc_3_short": "", "x" + ada: ""} {
		if got := personOf([]byte(key)); got != want {
			t.Errorf("%q: want %q, got %q", key, want, got)
		}
	}
}

// TestWordsOfNymstream: headers and types of pseudonyms are those of the service, here and in schema.sql.
func TestWordsOfNymstream(t *testing.T) {
	if deletionHeader != rights.DeletionHeader || correctionHeader != rights.CorrectionHeader {
		t.Error("the service has other headers")
	}
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(schema), "NOT IN (")
	list, _, _ = strings.Cut(list, ")")
	types := 0
	for i := range 26 * 26 * 26 {
		letters := string([]byte{'a' + byte(i/676), 'a' + byte(i/26%26), 'a' + byte(i%26)})
		class := policy.ClassOfType(letters)
		if class == "" {
			continue
		}
		types++
		if thing := !class.OfSubject(); thing != slices.Contains(things, letters) || thing != strings.Contains(list, "'"+letters+"'") {
			t.Errorf("%s: is a thing's: %v", letters, thing)
		}
	}
	if types < 10 {
		t.Errorf("only %d types of pseudonyms were found", types)
	}
}

// shelf keeps events in memory. It fails once where it is told to.
type shelf struct {
	events map[string]event
	erased map[string]bool
	fail   string
	calls  []string
}

var errFull = errors.New("full")

func (s *shelf) called(what string) error {
	s.calls = append(s.calls, what)
	if s.fail == what {
		s.fail = ""
		return errFull
	}
	return nil
}

func (s *shelf) Take(_ context.Context, e event) error {
	if err := s.called("take " + e.object); err != nil {
		return err
	}
	if !s.erased[e.subject] && !s.erased[e.object] {
		s.events[e.object] = e
	}
	return nil
}

func (s *shelf) Erase(_ context.Context, pseudonym string) error {
	if err := s.called("erase " + pseudonym); err != nil {
		return err
	}
	s.erased[pseudonym] = true
	return s.Clear(context.Background(), pseudonym)
}

func (s *shelf) Clear(_ context.Context, key string) error {
	for id, e := range s.events {
		if e.subject == key || e.object == key {
			delete(s.events, id)
		}
	}
	return nil
}

// TestConsume reads events, a deletion, a platform's deletion and a null value from a broker. A keeper that fails gets what failed
// again, and nothing is skipped.
func TestConsume(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	producer, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	records := []*kgo.Record{
		postOf(ada, post1, bob), postOf(bob, post2, ada), postOf(ada, post3, ada), deletionOf(bob),
		{Topic: topic, Value: fmt.Appendf(nil, `{"payload":%q}`, post1)}, // of a platform
		postOf(bob, post2, ada), // again, late
		{Topic: topic, Key: []byte(bob2)},
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s := &shelf{events: map[string]event{}, erased: map[string]bool{}, fail: "erase " + bob}
	for round := range 2 {
		client, err := kgo.NewClient(reader(broker.ListenAddrs(), "test", topic)...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		err = consume(ctx, client, s)
		stop()
		client.CloseAllowingRebalance()
		if round == 0 && (!errors.Is(err, errFull) || !strings.Contains(err.Error(), "offset 3")) || round == 1 && err != nil {
			t.Fatalf("round %d: got %v", round, err)
		}
	}
	if n := len(s.events); n != 1 || s.events[post3].subject != ada {
		t.Errorf("want the one post that nobody deleted, got %d", n)
	}
	if !slices.Contains(s.calls, "erase "+post1) {
		t.Errorf("the platform's deletion was not heeded: %v", s.calls)
	}
}
