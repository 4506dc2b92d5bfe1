// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nymstream/nymstream/internal/event"
)

// Entry is one quarantined record, or a note that one was replayed.
type Entry struct {
	Topic      string // where the record came from
	Partition  int32
	Offset     int64
	Time       int64 // its broker timestamp, milliseconds
	Reason     string
	Rule       string
	Recipients []string // who did not get it; for a note, who has got it since
	At         int64    // when it was quarantined or replayed, milliseconds
	Replayed   bool     // a note: there is no seal
	Sealed     []byte   // all chunks together; valid until the callback returns
}

// ReadQuarantine gives fn every entry of a quarantine topic, oldest first within a partition. A note comes after the
// entry it speaks of. An entry of which a chunk has expired is left out, and so is a record that somebody else wrote:
// CountQuarantine tells of those.
func ReadQuarantine(ctx context.Context, conn Connection, topic string, fn func(*Entry) error) error {
	_, err := CountQuarantine(ctx, conn, topic, fn)
	return err
}

// CountQuarantine is ReadQuarantine that also counts the foreign records: those without a quarantine record's headers.
func CountQuarantine(ctx context.Context, conn Connection, topic string, fn func(*Entry) error) (foreign int, err error) {
	if err := conn.validate(); err != nil {
		return 0, err
	}
	c := connect(conn)
	defer c.close()
	return c.scanQuarantine(ctx, topic, fn)
}

func (c *cluster) scanQuarantine(ctx context.Context, topic string, fn func(*Entry) error) (foreign int, err error) {
	// Chunks of one entry come in order; those of entries from other transactions may stand between them.
	open := make(map[coordinate]*assembly)
	err = c.scan(ctx, topic, ReadOptions{}, func(rec *event.Record) error {
		e, chunk, of, err := parseEntry(rec)
		if err != nil {
			foreign++
			return nil
		}
		if e.Replayed {
			return fn(e)
		}
		at := coordinate{e.Topic, e.Partition, e.Offset}
		a := open[at]
		if chunk == 1 {
			a = &assembly{}
			open[at] = a
		}
		if a == nil || chunk != a.have+1 {
			delete(open, at)
			return nil
		}
		a.sealed, a.have = append(a.sealed, rec.Value...), chunk
		if chunk < of {
			return nil
		}
		delete(open, at)
		e.Sealed = a.sealed
		return fn(e)
	})
	return foreign, err
}

type assembly struct {
	sealed []byte
	have   int
}

func parseEntry(rec *event.Record) (e *Entry, chunk, of int, err error) {
	e = &Entry{At: rec.Time}
	number := func(value []byte, bits int) int64 {
		n, fault := strconv.ParseInt(string(value), 10, bits)
		if fault != nil {
			err = fmt.Errorf("a header is not a number")
		}
		return n
	}
	for _, h := range rec.Headers {
		switch string(h.Key) {
		case HeaderTopic:
			e.Topic = string(h.Value)
		case HeaderPartition:
			e.Partition = int32(number(h.Value, 32))
		case HeaderOffset:
			e.Offset = number(h.Value, 64)
		case HeaderTime:
			e.Time = number(h.Value, 64)
		case HeaderReason:
			e.Reason = string(h.Value)
		case HeaderRule:
			e.Rule = string(h.Value)
		case HeaderRecipients:
			e.Recipients = strings.Split(string(h.Value), ",")
		case HeaderReplayed:
			e.Recipients, e.Replayed = strings.Split(string(h.Value), ","), true
		case HeaderChunk:
			first, last, _ := strings.Cut(string(h.Value), "/")
			chunk, of = int(number([]byte(first), 32)), int(number([]byte(last), 32))
		}
	}
	if err == nil && (e.Topic == "" || !e.Replayed && (chunk < 1 || of < chunk)) {
		err = fmt.Errorf("its headers are not a quarantine record's")
	}
	return e, chunk, of, err
}
