// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"testing"
	"time"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/subject"
)

// What the test of an upgrade, which is built with the tag nextformat, tells a process of this build to do.
const (
	actEnv   = "NYMSTREAM_UPGRADE_ACT"    // churn, list, ready or verify
	storeEnv = "NYMSTREAM_UPGRADE_STORE"  // socket that the store is behind
	keysEnv  = "NYMSTREAM_UPGRADE_KEYS"   // folder
	fileEnv  = "NYMSTREAM_UPGRADE_BACKUP" // to be verified
)

// TestActAsOtherBuild is the other process of an upgrade's test. What it prints goes to standard output.
func TestActAsOtherBuild(t *testing.T) {
	act := os.Getenv(actEnv)
	if act == "" {
		t.Skip("only another test starts it")
	}
	keys, err := keyring.Open(os.Getenv(keysEnv), keyring.OpenOptions{})
	must(t, err)
	store := dial(t, os.Getenv(storeEnv))
	d := subject.NewDirectory(subject.Options{Store: store, Keys: keys})
	switch act {
	case "ready":
		must(t, subject.Ready(t.Context(), store))
	case "churn":
		must(t, d.UseFormat(t.Context()))
		churn(t, d, keys, 1)
	case "list":
		for _, line := range list(t, d) {
			fmt.Println(line)
		}
	case "verify":
		f, err := os.Open(os.Getenv(fileEnv))
		must(t, err)
		defer f.Close()
		_, err = subject.VerifyBackup(t.Context(), f, keys)
		must(t, err)
	}
}

const (
	churners  = 40 // people
	churnings = 400
	touched   = 7 // days after which a row is touched again
)

// churn does to people, again and again, whatever changes rows.
func churn(t *testing.T, d *subject.Directory, keys *keyring.Keyring, seed uint64) {
	ctx, chance := t.Context(), rand.New(rand.NewPCG(seed, 0))
	for range churnings {
		id := fmt.Sprint(chance.IntN(churners))
		who := subject.Newcomer{Name: append(keys.SubjectLabel("mastodon", "acc"), id...), Instance: "mastodon", Type: "account", Canonical: []byte(id)}
		key, at := d.KeyOf(who.Name), time.Now().UnixMicro() // for milliseconds: hardly two are alike
		switch chance.IntN(6) {
		case 0, 1:
			must(t, d.Load(ctx, [][]byte{who.Name}))
			must(t, d.Create(ctx, []subject.Newcomer{who}))
		case 2:
			_, err := d.Apply(ctx, key, allow(consent.Consent, "ads", at))
			must(t, err)
		case 3:
			must(t, d.Touch(ctx, []subject.Key{key}, subject.Day(start.UnixMilli())+int32(seed)*touched))
		case 4:
			must(t, d.Link(ctx, d.KeyOf([]byte("handle "+id)), key, at))
		case 5:
			_, err := d.Erase(ctx, key, at)
			must(t, err)
		}
	}
}

// list tells all that is known of everybody, without telling who they are.
func list(t *testing.T, d *subject.Directory) (lines []string) {
	must(t, d.Scan(t.Context(), func(v *subject.View) error {
		p := &v.Person
		lines = append(lines, fmt.Sprintf("%x state %d generation %d erased %d since %d seen %d secret %x identity %x links %v standing %x", p.Key, p.State, p.Generation,
			p.ErasedAt, p.NotBefore, p.LastSeen, sha256.Sum256(p.Secret[:]), sha256.Sum256(v.Identity), v.Links, p.Standing.AppendBinary(nil)))
		return nil
	}))
	return lines
}

// distant is a store in another process.
type distant struct {
	subject.Store // what is not used
	client        *rpc.Client
}

func dial(t *testing.T, socket string) distant {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	must(t, err)
	d := distant{client: jsonrpc.NewClient(conn)}
	t.Cleanup(func() { _ = d.client.Close() })
	return d
}

// Asked is a question to a store, and Answered what it says.
type Asked struct {
	Space   subject.Space
	Rows    []subject.Row
	Changes []subject.Change
	From    subject.Key
}

type Answered struct {
	Rows []subject.Row
	Lost []int
	OK   bool
}

func (d distant) Load(_ context.Context, space subject.Space, rows []subject.Row) error {
	var a Answered
	err := d.client.Call("Shared.Load", Asked{Space: space, Rows: rows}, &a)
	copy(rows, a.Rows)
	return err
}

func (d distant) Swap(_ context.Context, space subject.Space, rows []subject.Row) ([]int, error) {
	var a Answered
	err := d.client.Call("Shared.Swap", Asked{Space: space, Rows: rows}, &a)
	copy(rows, a.Rows)
	return a.Lost, err
}

func (d distant) Commit(_ context.Context, changes []subject.Change) (bool, error) {
	var a Answered
	err := d.client.Call("Shared.Commit", Asked{Changes: changes}, &a)
	return a.OK, err
}

func (d distant) Scan(_ context.Context, space subject.Space, from subject.Key, fn func([]subject.Row) error) error {
	var a Answered
	if err := d.client.Call("Shared.Scan", Asked{Space: space, From: from}, &a); err != nil {
		return err
	}
	return fn(a.Rows)
}
