// SPDX-License-Identifier: Apache-2.0

package subject_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nymstream/nymstream/internal/consent"
	"github.com/nymstream/nymstream/internal/keyring"
	"github.com/nymstream/nymstream/internal/store/storetest"
	"github.com/nymstream/nymstream/internal/subject"
)

// task is a goroutine that runs only when it is its turn: it parks before and after each of its calls to the store.
type task struct {
	run    func(ctx context.Context) error
	resume chan struct{}
	parked chan bool // false: it has ended
	err    error
}

type taskKey struct{}

func park(ctx context.Context, _ storetest.Call) error {
	if t, ok := ctx.Value(taskKey{}).(*task); ok {
		t.parked <- true
		<-t.resume
	}
	return nil
}

type choice struct{ picked, of int }

// schedules runs a scenario in every order of its tasks' steps, each time anew; where there are more than most of them, in as many
// random ones too. check is called after every step.
func schedules(t *testing.T, most int, scenario func() (store *storetest.InMemory, tasks []*task, check func(ended []bool))) (runs int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var trail []choice
	for runs = 1; ; runs++ {
		store, tasks, check := scenario()
		store.Hook(park)
		trail = runOnce(t, tasks, check, trail, func(of int) int {
			if runs > most {
				return random.IntN(of)
			}
			return 0
		})
		if runs >= 2*most {
			return runs
		}
		if runs >= most {
			trail = nil
			continue
		}
		for len(trail) > 0 && trail[len(trail)-1].picked == trail[len(trail)-1].of-1 {
			trail = trail[:len(trail)-1]
		}
		if len(trail) == 0 {
			return runs
		}
		trail[len(trail)-1].picked++
	}
}

// runOnce follows a trail of choices, and pick from its end on. It gives the whole trail.
func runOnce(t *testing.T, tasks []*task, check func(ended []bool), trail []choice, pick func(of int) int) []choice {
	t.Helper()
	ended := make([]bool, len(tasks))
	for _, task := range tasks {
		task.resume, task.parked = make(chan struct{}), make(chan bool)
		go func() {
			<-task.resume
			task.err = task.run(context.WithValue(t.Context(), taskKey{}, task))
			task.parked <- false
		}()
	}
	for depth := 0; ; depth++ {
		var ready []int
		for i, e := range ended {
			if !e {
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			return trail[:depth]
		}
		if depth == len(trail) {
			trail = append(trail, choice{pick(len(ready)), len(ready)})
		}
		i := ready[trail[depth].picked]
		tasks[i].resume <- struct{}{}
		if !<-tasks[i].parked {
			ended[i] = true
			must(t, tasks[i].err)
		}
		if check(ended); t.Failed() {
			t.Fatalf("in order %v", trail[:depth+1])
		}
	}
}

// What memory holds is never older than a change of the row that was announced, and nobody comes to life again, whatever else is
// under way and in whatever order.
func TestEveryOrderOfStoreCalls(t *testing.T) {
	most := 1000
	if testing.Short() {
		most = 100
	}
	keys := newKeys(t)
	row := rowInFirstEpoch(t, keys)
	for _, s := range []struct {
		there bool // the person has a secret already
		cold  bool // memory does not know them
		tasks []string
	}{
		{there: true, tasks: []string{"load", "apply"}},
		{there: true, cold: true, tasks: []string{"load", "apply"}},
		{there: true, cold: true, tasks: []string{"load", "load", "apply"}},
		{there: true, cold: true, tasks: []string{"load", "erase"}},
		{there: true, cold: true, tasks: []string{"load", "load", "drop"}},
		{tasks: []string{"create", "apply"}},
		{cold: true, tasks: []string{"create", "apply"}},
		{tasks: []string{"create", "erase"}},
		{cold: true, tasks: []string{"create", "erase"}},
		{tasks: []string{"create", "create", "erase"}},
		{cold: true, tasks: []string{"create", "load", "erase"}},
		{cold: true, tasks: []string{"create", "load", "apply"}},
		{tasks: []string{"create", "apply", "erase"}},
		{there: true, tasks: []string{"rewrap", "erase"}},
		{there: true, tasks: []string{"rewrap", "apply"}},
		{there: true, cold: true, tasks: []string{"rewrap", "load", "erase"}},
		{there: true, cold: true, tasks: []string{"expire", "create"}},
		{there: true, tasks: []string{"expire", "erase"}},
		{there: true, cold: true, tasks: []string{"expire", "load", "apply"}},
		{there: true, cold: true, tasks: []string{"expire", "create", "create"}},
	} {
		name := strings.Join(s.tasks, " ")
		if s.cold {
			name = "cold " + name
		}
		t.Run(name, func(t *testing.T) {
			runs := schedules(t, most, func() (*storetest.InMemory, []*task, func([]bool)) {
				h := openHouse(t, keys)
				if s.there {
					_, err := h.store.Swap(t.Context(), subject.People, []subject.Row{row})
					must(t, err)
				}
				if !s.cold {
					lookIn(t, h.Directory, h.person("42").Name)
				}
				tasks := make([]*task, len(s.tasks))
				for i, name := range s.tasks {
					tasks[i] = &task{run: h.task(name)}
				}
				return h.store, tasks, func(ended []bool) { h.check(s.tasks, ended) }
			})
			t.Logf("%d orders", runs)
		})
	}
}

// rowInFirstEpoch gives a row sealed in the first store epoch of keys, which are in their second then.
func rowInFirstEpoch(t *testing.T, keys *keyring.Keyring) subject.Row {
	h := openHouse(t, keys)
	h.create("42")
	must(t, keys.NewStoreEpoch(start))
	must(t, keys.Extend(start.Add(keyring.Notice)))
	rows := []subject.Row{{Key: h.key("42")}}
	must(t, h.store.Load(t.Context(), subject.People, rows))
	rows[0].Version = 0
	return rows[0]
}

// task gives one of the things that may happen to person 42.
func (h *house) task(name string) func(context.Context) error {
	n, key := h.person("42"), h.key("42")
	n.Canonical = nil // no data key, for whose lock a task might wait
	return map[string]func(context.Context) error{
		"load":   func(ctx context.Context) error { return h.Load(ctx, [][]byte{n.Name}) },
		"create": func(ctx context.Context) error { return h.Create(ctx, []subject.Newcomer{n}) },
		"erase":  func(ctx context.Context) error { _, err := h.Erase(ctx, key, 10); return err },
		"rewrap": func(ctx context.Context) error { _, err := h.Rewrap(ctx, nil); return err },
		"apply": func(ctx context.Context) error {
			_, err := h.Apply(ctx, key, deny(consent.Sale, "", 10))
			return err
		},
		"expire": func(ctx context.Context) error {
			_, err := h.Expire(ctx, 1e6, func([]subject.Key) error { return nil })
			return err
		},
		"drop": func(ctx context.Context) error { // another process wrote, and it went unnoticed for too long
			_, err := h.reader.Apply(ctx, key, deny(consent.Sale, "", 10))
			h.DropAll()
			return err
		},
	}[name]
}

// check holds memory against what has ended, and against the store when all has.
func (h *house) check(tasks []string, ended []bool) {
	h.t.Helper()
	p, stored := h.Find(h.person("42").Name), h.look("42")
	all := true
	for i, name := range tasks {
		if all = all && ended[i]; !ended[i] {
			continue
		}
		switch name {
		case "apply", "drop":
			if p != nil && !p.Standing.Refuses(consent.Sale, 20) || !stored.Standing.Refuses(consent.Sale, 20) {
				h.t.Errorf("memory or store forgot what was applied")
			}
		case "erase":
			if p != nil && (p.State != subject.StateErased || p.HasSecret) || stored.State != subject.StateErased || stored.HasSecret {
				h.t.Errorf("an erased person lives")
			}
		case "rewrap":
			h.checkEpoch()
		}
	}
	if !all || p == nil {
		return
	}
	// A secret that Create made may be missing in memory: the next Create finds it.
	if p.HasSecret && (p.Secret != stored.Secret || p.State != stored.State || p.Generation != stored.Generation) {
		h.t.Errorf("memory has generation %d in state %d, the store %d in state %d", p.Generation, p.State, stored.Generation, stored.State)
	}
}

// checkEpoch expects that nothing is left of the first store epoch.
func (h *house) checkEpoch() {
	h.t.Helper()
	n, err := h.reader.Rewrap(h.t.Context(), nil)
	must(h.t, err)
	if n != 0 {
		h.t.Errorf("%d rows were left in the old epoch", n)
	}
}
