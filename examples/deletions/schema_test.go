// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
)

// open makes a database with the schema, and again: it may be run twice.
func open(t *testing.T) database {
	t.Helper()
	address := os.Getenv("NYMSTREAM_POSTGRES_URL")
	if address == "" {
		t.Skip("NYMSTREAM_POSTGRES_URL is not set; run through scripts/with-postgres.sh")
	}
	admin, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	name := fmt.Sprintf("deletions_%d", time.Now().UnixNano())
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal("NYMSTREAM_POSTGRES_URL is no URL")
	}
	at.Path = name
	pool, err := pgxpool.New(t.Context(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := pool.Exec(t.Context(), string(schema)); err != nil {
			t.Fatal(err)
		}
	}
	return database{pool}
}

// ask gives the texts of a query's one column, in order.
func (d database) ask(t *testing.T, query string, args ...any) (all []string) {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	slices.Sort(all)
	return all
}

func (d database) heed(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	for i, rec := range records {
		if err := heed(t.Context(), rec, d); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

func at(offset int64, rec *kgo.Record) *kgo.Record {
	rec.Offset = offset
	return rec
}

const mentioning = `SELECT "offset"::text FROM clean.event WHERE body LIKE '%' || $1 || '%'`

// TestSchemaErases: what is of the person goes, from events of others their pseudonym does, late and repeated records too.
func TestSchemaErases(t *testing.T) {
	d := open(t)
	keyless := postOf(ada, post3, bob)
	keyless.Key = nil
	records := []*kgo.Record{at(0, postOf(ada, post1, bob)), at(1, postOf(bob, post2, ada)), at(2, keyless), at(3, postOf(ada, post3, ada))}
	d.heed(t, records...)
	d.heed(t, records...)
	if got := d.ask(t, `SELECT "offset"::text FROM clean.event`); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Fatalf("want four events, each once, got %v", got)
	}
	check := func(when string, want ...string) {
		t.Helper()
		if got := d.ask(t, mentioning, bob); len(got) > 0 {
			t.Errorf("%s: the pseudonym still stands in %v", when, got)
		}
		if got := d.ask(t, `SELECT "offset"::text FROM clean.event`); !slices.Equal(got, want) {
			t.Errorf("%s: want the events %v, got %v", when, want, got)
		}
	}
	d.heed(t, deletionOf(bob))
	check("erased", "0", "3") // 2 has no key: it could be bob's
	d.heed(t, deletionOf(bob))
	check("again", "0", "3")
	d.heed(t, at(4, postOf(bob, post2, ada)), at(5, postOf(ada, post2, bob)))
	d.heed(t, records...)
	check("late and repeated", "0", "3", "5")
	d.heed(t, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, `{"payload":%q}`, post3)}, at(6, postOf(ada, post3, ada)))
	check("a post that its platform deleted", "0", "5")
	d.heed(t, &kgo.Record{Topic: topic, Key: []byte(ada)})
	check("cleared")
	d.heed(t, at(7, postOf(ada, post2, ada)))
	check("come back", "7")
	if got := d.ask(t, `SELECT pseudonym FROM clean.mention WHERE pseudonym = $1`, bob); len(got) > 0 {
		t.Errorf("the index still has %v", got)
	}
}

// TestSchemaErasesWhileEventsCome: events that are taken at the same moment as a deletion do not stay behind it.
func TestSchemaErasesWhileEventsCome(t *testing.T) {
	d := open(t)
	var work sync.WaitGroup
	fail := make(chan error, 64)
	for w := range 4 {
		work.Go(func() {
			for i := range 200 {
				author, other := ada, bob
				if (i+w)%2 == 0 {
					author, other = bob, ada
				}
				rec := postOf(author, post1, other)
				rec.Partition, rec.Offset = int32(w), int64(i)
				if err := heed(t.Context(), rec, d); err != nil {
					fail <- err
					return
				}
			}
		})
	}
	work.Go(func() {
		for _, gone := range []string{bob, ada} {
			time.Sleep(30 * time.Millisecond)
			if err := d.Erase(t.Context(), gone); err != nil {
				fail <- err
			}
		}
	})
	work.Wait()
	close(fail)
	for err := range fail {
		t.Error(err)
	}
	for _, gone := range []string{ada, bob} {
		if got := d.ask(t, mentioning, gone); len(got) > 0 {
			t.Errorf("%s stands in %d events after its deletion", gone[:3], len(got))
		}
	}
}
