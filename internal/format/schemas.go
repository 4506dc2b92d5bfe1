// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/nymstream/nymstream/internal/event"
)

// errUnusable is of schemas that the registry has and that cannot be compiled, or are of another type than the source's.
var errUnusable = errors.New("the schema cannot be used")

// What is known of ids is bounded: ids come from records, and a registry of this size would be a rare one.
const (
	maxSchemas = 4096
	maxRefused = 1024
)

// schemas remembers what the schema of each id was compiled to. Reading is one atomic load, so that all workers share it;
// several that miss the same id ask the registry once.
type schemas[T any] struct {
	registry *Registry
	kind     Kind
	compile  func(*Schema) (T, error)

	known  atomic.Pointer[map[int]schemaEntry[T]] // replaced, never changed
	change sync.Mutex                             // of who replaces it
	flight singleflight.Group
}

// schemaEntry is a compiled schema, or until a point in time the reason why there is none.
type schemaEntry[T any] struct {
	value   T
	refused event.Reason
	until   time.Time
}

func newSchemas[T any](k Kind, r *Registry, compile func(*Schema) (T, error)) *schemas[T] {
	s := &schemas[T]{registry: r, kind: k, compile: compile}
	s.known.Store(&map[int]schemaEntry[T]{})
	return s
}

// of gives what the id's schema was compiled to.
func (s *schemas[T]) of(id int) (T, error) {
	e, ok := (*s.known.Load())[id]
	if !ok || e.refused != event.None && !s.registry.options.Now().Before(e.until) {
		got, err, _ := s.flight.Do(strconv.Itoa(id), func() (any, error) { return s.load(id) })
		if err != nil {
			return e.value, err
		}
		e = got.(schemaEntry[T])
	}
	if e.refused != event.None {
		return e.value, poison(e.refused, "the schema of format "+string(s.kind))
	}
	return e.value, nil
}

// load asks the registry. Its context is its own: several workers wait for it, and the registry's timeout ends it.
func (s *schemas[T]) load(id int) (schemaEntry[T], error) {
	var e schemaEntry[T]
	schema, err := s.registry.Schema(context.Background(), id)
	if err == nil {
		e.value, err = s.compile(schema)
		if err != nil {
			err = fmt.Errorf("%w: %w", errUnusable, err)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrUnknownSchema):
		e.refused = event.UnknownSchema
	case errors.Is(err, errUnusable):
		e.refused = event.Undecodable
	default:
		return e, err
	}
	e.until = s.registry.options.Now().Add(s.registry.options.Forget)
	s.remember(id, e)
	return e, nil
}

func (s *schemas[T]) remember(id int, e schemaEntry[T]) {
	s.change.Lock()
	defer s.change.Unlock()
	next := maps.Clone(*s.known.Load())
	next[id] = e
	refused := 0
	for _, e := range next {
		if e.refused != event.None {
			refused++
		}
	}
	if refused > maxRefused {
		maps.DeleteFunc(next, func(other int, e schemaEntry[T]) bool { return e.refused != event.None && other != id })
	}
	if len(next)-refused > maxSchemas {
		next = map[int]schemaEntry[T]{id: e}
	}
	s.known.Store(&next)
}

// wireHeader is the length of Confluent's wire format before the payload: a zero, and the schema's id, big-endian.
const wireHeader = 5

// wire splits a value into schema id and payload.
func wire(value []byte) (id int, payload []byte, err error) {
	if len(value) < wireHeader || value[0] != 0 {
		return 0, nil, poison(event.Undecodable, "the wire format's header")
	}
	n := binary.BigEndian.Uint32(value[1:])
	if n > math.MaxInt32 {
		return 0, nil, poison(event.UnknownSchema, "the wire format's header")
	}
	return int(n), value[wireHeader:], nil
}

// appendWire begins a value of the wire format.
func appendWire(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id)) // ids of registries are positive and 31 bits long
}
