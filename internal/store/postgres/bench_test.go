// SPDX-License-Identifier: Apache-2.0

package postgres_test

import (
	"testing"

	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

func BenchmarkInsert(b *testing.B) {
	server(b)
	storetest.BenchmarkInsert(b, func(b *testing.B) subject.Store { return open(b, newDatabase(b)) })
}

func BenchmarkLookup(b *testing.B) {
	s := open(b, newDatabase(b))
	defer func() { _ = s.Close() }()
	storetest.BenchmarkLookup(b, s, 300_000)
}

func BenchmarkUpdate(b *testing.B) {
	s := open(b, newDatabase(b))
	defer func() { _ = s.Close() }()
	storetest.BenchmarkUpdate(b, s, 300_000)
}
