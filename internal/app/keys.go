// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/policy"
)

// Keyring says where keys lie and what opens them.
type Keyring struct {
	Dir        string
	KEKFile    string // default: DIR/kek
	Passphrase string
	Tenant     string      // "": any
	KMS        keyring.KMS // where its URI is not "", instead of the file
}

// KeyringOf gives the keyring of a configuration.
func KeyringOf(c *config.Config) Keyring {
	k := &c.Keyring.KEK
	return Keyring{Dir: c.Keyring.Dir, KEKFile: k.File, Passphrase: k.Passphrase.Reveal(), Tenant: c.Tenant, KMS: keyring.KMS{
		URI: k.URI, Token: k.Token.Reveal(), TokenFile: k.TokenFile, Namespace: k.Namespace, CAFile: k.CA,
		Credentials: k.Credentials, Endpoint: k.Endpoint, Timeout: k.Timeout,
	}}
}

// Open unwraps the keyring.
func (k Keyring) Open() (*keyring.Keyring, error) {
	return keyring.Open(k.Dir, keyring.OpenOptions{Tenant: k.Tenant, KEKFile: k.KEKFile, Passphrase: []byte(k.Passphrase), KMS: k.KMS})
}

// Init makes a keyring with keys for every recipient of the plan. It refuses where there is one.
func (k Keyring) Init(plan *policy.Plan, now time.Time) error {
	return keyring.Init(k.Dir, keyring.InitOptions{
		Tenant: k.Tenant, Recipients: recipientsOf(plan), KEKFile: k.KEKFile, Passphrase: []byte(k.Passphrase), KMS: k.KMS, Now: now,
	})
}

// RotateKEK wraps every keyset anew.
func (k Keyring) RotateKEK(now time.Time) error {
	keys, err := k.Open()
	if err != nil {
		return err
	}
	return keys.RotateKEK([]byte(k.Passphrase))
}

// Rotate begins a new key for a role.
func (k Keyring) Rotate(role string, now time.Time) error {
	keys, err := k.Open()
	if err != nil {
		return err
	}
	return keys.Rotate(keyring.Role(role), now)
}

// NewEpoch begins a new epoch of a recipient.
func (k Keyring) NewEpoch(recipient string, at, now time.Time) error {
	keys, err := k.Open()
	if err != nil {
		return err
	}
	return keys.NewEpoch(recipient, at, now)
}

// Update makes what the plan's recipients will need soon.
func (k Keyring) Update(plan *policy.Plan, now time.Time) error {
	keys, err := k.Open()
	if err != nil {
		return err
	}
	return Update(keys, plan, now)
}

// Update makes what the plan's recipients will need soon: keys of new recipients, coming epochs, quarantine days.
// Where there is nothing to make, nothing is written.
func Update(k *keyring.Keyring, plan *policy.Plan, now time.Time) error {
	if err := k.Extend(now); err != nil { // first: another renew never moves an end into the past
		return err
	}
	have := map[string]time.Duration{}
	for _, r := range k.Recipients() {
		have[r.Name] = r.Renew
	}
	for _, r := range recipientsOf(plan) {
		var err error
		if renew, known := have[r.Name]; !known {
			err = k.AddRecipient(r, now)
		} else if renew != r.Renew {
			err = k.SetRenew(r.Name, r.Renew, now)
		}
		if err != nil {
			return fmt.Errorf("keys of recipient %s: %w", r.Name, err)
		}
	}
	return nil
}

// OpenKeys opens the keyring in dir, or makes one in memory that ends with the process: fresh tells which.
func OpenKeys(plan *policy.Plan, dir, passphrase string) (keys *keyring.Keyring, fresh bool, err error) {
	if dir != "" {
		keys, err = Keyring{Dir: dir, Passphrase: passphrase}.Open()
		return keys, false, err
	}
	var names []string
	for i := range plan.Recipients {
		names = append(names, plan.Recipients[i].Name)
	}
	keys, err = keyring.Ephemeral("ephemeral", names, time.Now())
	return keys, true, err
}

func recipientsOf(plan *policy.Plan) []keyring.Recipient {
	out := make([]keyring.Recipient, len(plan.Recipients))
	for i := range plan.Recipients {
		out[i] = keyring.Recipient{Name: plan.Recipients[i].Name, Renew: plan.Recipients[i].Renew}
	}
	return out
}

// AssumedConsent is said at every start of what forwards without asking.
const AssumedConsent = "WARNING: consent is assumed (--assume-consent): events are forwarded for purposes whose basis is consent although nobody was asked"
