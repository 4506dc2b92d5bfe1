// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"io"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// ByKey, as a message's partition, has the partition chosen by its key.
const ByKey int32 = -1

// Message is one record of a topic.
type Message = event.Record

// Topics are where records lie. Partitions are counted from 0.
type Topics interface {
	// Append writes messages at least once, and returns when all in-sync replicas have them. It sets Partition and Offset of each.
	Append(ctx context.Context, topic string, messages []Message) error
	// Ends gives the offset after the last committed record of each partition.
	Ends(ctx context.Context, topic string) (map[int32]int64, error)
	// Scan hands out the committed records of each partition in their order, up to the end as of the call, from an offset on: of
	// partitions that from does not name, from the beginning. A message is valid until fn returns.
	Scan(ctx context.Context, topic string, from map[int32]int64, fn func(*Message) error) error
}

// Control tells every instance which rows have changed.
type Control interface {
	// Announce returns when the log of changes has the announcement.
	Announce(ctx context.Context, keys []subject.Key, tightened bool, why string) (offset int64, err error)
	// Settled waits until nothing that was decided without the announcement can be committed any more. It gives false where the
	// longest transaction has run out instead of every instance's answer, which settles it too.
	Settled(ctx context.Context, offset int64) (acknowledged bool, err error)
}

// Audit is the log of acts, safe for concurrent use. After an error, what the entry was to record must not happen.
type Audit interface {
	Append(ctx context.Context, e audit.Entry) (uint64, error)
}

// Output is a file that an export is written to; an os.File is one.
type Output interface {
	io.Writer
	io.Seeker
	Truncate(size int64) error
	Sync() error
}
