// SPDX-License-Identifier: Apache-2.0

package reveal_test

import (
	"context"
	"sync"

	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// hookOnce runs fn once, after a call of a method on a space.
func hookOnce(method storetest.Method, space subject.Space, fn func()) func(context.Context, storetest.Call) error {
	var once sync.Once
	return func(_ context.Context, c storetest.Call) error {
		if c.Done && c.Method == method && c.Space == space {
			once.Do(fn)
		}
		return nil
	}
}

// hookEach runs fn after each call.
func hookEach(fn func()) func(context.Context, storetest.Call) error {
	return func(_ context.Context, c storetest.Call) error {
		if c.Done {
			fn()
		}
		return nil
	}
}
