// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"errors"
	"fmt"

	"github.com/nymstream/nymstream/internal/event"
)

// What DomainAt and the other lenders of keys answer; each decides a record's fate.
var (
	ErrEpochEnded = errors.New("the record's epoch ended before the overlap")         // withhold the record
	ErrFuture     = errors.New("the record's time is in the future")                  // quarantine the record
	ErrDestroyed  = errors.New("its keys were destroyed")                             // nobody can open it; an epoch's is ErrEpochEnded too
	ErrNoKey      = fmt.Errorf("the keyring has no key for this: %w", event.ErrFatal) // stop the flow, commit nothing
)

// Why a keyring is refused. The error that wraps one of these names the file and the mend.
var (
	ErrMissing    = errors.New("file is missing")
	ErrExposed    = errors.New("file can be read by others")
	ErrCorrupt    = errors.New("file is damaged")
	ErrTenant     = errors.New("keyring of another tenant")
	ErrWrongKEK   = errors.New("kek does not open this keyring")
	ErrPassphrase = errors.New("passphrase")
	ErrFormat     = errors.New("unknown format version")
	ErrLocked     = fmt.Errorf("another process is changing the keyring: %w", event.ErrTransient)
	ErrExists     = errors.New("already exists")
	ErrRotation   = errors.New("this role does not rotate")
	ErrInUse      = errors.New("its keys are in use")
)

var errEpochDestroyed = fmt.Errorf("%w: %w", ErrEpochEnded, ErrDestroyed)
