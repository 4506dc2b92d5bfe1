// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers of records that are no events; their value is "1". They are JSON whatever the topic's format is.
const (
	deletionHeader   = "nym-deletion"
	correctionHeader = "nym-correction"
)

// notice is what such a record says of one pseudonym.
type notice struct {
	Nymstream string   `json:"nymstream"` // deletion or correction
	V         int      `json:"v"`
	Pseudonym string   `json:"pseudonym"`
	Reason    string   `json:"reason"`
	Classes   []string `json:"classes"`
}

// shape is that of every pseudonym: what it names, the epoch, 16 bytes in base32hex.
var shape = regexp.MustCompile(`^([a-z]{3})_[0-9]{1,9}_[0-9a-v]{26}$`)

// things are the types of pseudonyms that name no person.
var things = []string{"obj", "grp", "app", "plc", "url", "med", "ava"}

// readNotice reads a record with one of the headers; nil: it has none. A notice that cannot be understood is an error: to pass over
// it would be to keep what must go.
func readNotice(rec *kgo.Record) (*notice, error) {
	for _, h := range rec.Headers {
		want, is := map[string]string{deletionHeader: "deletion", correctionHeader: "correction"}[h.Key]
		if !is {
			continue
		}
		n := &notice{}
		switch err := json.Unmarshal(rec.Value, n); {
		case rec.Value == nil && shape.Match(rec.Key): // follows its notice in a compacted topic
			return &notice{Nymstream: want, V: 1, Pseudonym: string(rec.Key)}, nil
		case err != nil:
			return nil, errors.New("a notice that is no JSON")
		case n.Nymstream != want || n.V != 1 || !shape.MatchString(n.Pseudonym):
			return nil, fmt.Errorf("a notice of version %d that this program does not know; renew it before it goes on", n.V)
		}
		return n, nil
	}
	return nil, nil
}

// event is what this program keeps of a record.
type event struct {
	topic     string
	partition int32
	offset    int64
	subject   string // "": the record does not say whose it is
	object    string // "": it tells of no thing of its own
	body      []byte
}

// readEvent reads a record of a Mastodon source. gone is the pseudonym of a post that the platform says was deleted; "": none was.
// Platforms' deletions carry pseudonyms and nothing else: on Mastodon {"payload":"obj_…"}.
func readEvent(rec *kgo.Record) (e event, gone string, err error) {
	var post struct {
		ID      string          `json:"id"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(rec.Value, &post); err != nil {
		return e, "", errors.New("an event that is no JSON")
	}
	e = event{rec.Topic, rec.Partition, rec.Offset, personOf(rec.Key), post.ID, rec.Value}
	var one string
	if post.ID == "" && json.Unmarshal(post.Payload, &one) == nil && shape.MatchString(one) {
		gone = one
	}
	return e, gone, nil
}

// personOf gives a record's key where it names whose event it is.
func personOf(key []byte) string {
	m := shape.FindSubmatch(key)
	if m == nil || slices.Contains(things, string(m[1])) {
		return ""
	}
	return string(key)
}
