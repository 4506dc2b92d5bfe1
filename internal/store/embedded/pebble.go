// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/event"
)

const (
	memtableBytes = 16 << 20
	memtables     = 3 // one that is written, others that wait for the disk
)

// pebbleOptions are for rows of some 150 bytes under random keys: filters on every level, because most look-ups of newcomers find
// nothing; no compression, because bodies are sealed.
func pebbleOptions(o Options, fail func(error)) *pebble.Options {
	size := o.CacheBytes
	if size == 0 {
		size = 64 << 20
	}
	p := &pebble.Options{
		Cache:                       pebble.NewCache(size + memtables*memtableBytes), // Pebble takes memtables out of the cache's share
		FormatMajorVersion:          pebble.FormatWALSyncChunks,
		L0CompactionThreshold:       2,
		LBaseMaxBytes:               64 << 20,
		Logger:                      logger{o.Logger, fail},
		MaxManifestFileSize:         16 << 20,
		MemTableSize:                memtableBytes,
		MemTableStopWritesThreshold: memtables,
		WALBytesPerSync:             512 << 10,
	}
	p.CompactionConcurrencyRange = func() (lower, upper int) { return 1, 2 }
	p.Levels[0].FilterPolicy = bloom.FilterPolicy(10) // bits a key; the other levels take it over
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return p
}

// logger passes Pebble's errors on. Its news of flushes and compactions is nobody's.
type logger struct {
	log  zerolog.Logger
	fail func(error)
}

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error().Str("detail", fmt.Sprintf(format, args...)).Msg("store reported an error")
}

// Fatalf must not return: Pebble would go on as if all were well.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("the store cannot go on: %s: %w", fmt.Sprintf(format, args...), event.ErrFatal)
	l.fail(err)
	panic(err)
}
