// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/nymstream/nymstream/test/rig"
)

// fault breaks something and is done when the broken part is on its way back.
type fault struct {
	name string
	do   func(ctx context.Context, w *world, victim *rig.Instance) error
}

var (
	killInTransaction = fault{"kill -9 of an instance, produced, offsets not committed", killAt(rig.InTransaction)}
	killBeforeEnd     = fault{"kill -9 of an instance, offsets committed, transaction open", killAt(rig.BeforeEnd)}
	killAnywhere      = fault{"kill -9 of an instance, anywhere", func(_ context.Context, _ *world, victim *rig.Instance) error { return victim.Kill() }}

	zombieAnywhere      = fault{"zombie, stopped anywhere", stopAnywhere}
	zombieInTransaction = fault{"zombie, produced, offsets not committed; its group went on", stopAt(rig.InTransaction, awaitHeir)}
	zombieRightful      = fault{"zombie, resumed between TxnOffsetCommit and EndTxn in time", stopAt(rig.BeforeEnd, awaitHeir)}
	zombieRefused       = fault{"zombie, resumed between TxnOffsetCommit and EndTxn and refused", stopAt(rig.BeforeEnd, awaitFence)}

	brokerOfOutput       = fault{"kill -9 of the broker that leads an output", killBroker(outputLeader)}
	brokerOfTransactions = fault{"kill -9 of the broker that coordinates an open transaction", killTransactionCoordinator}
	brokerOfGroup        = fault{"kill -9 of the broker that coordinates the group", killBroker(groupCoordinator)}
	brokerOfInput        = fault{"kill -9 of the broker that leads an input", killBroker(inputLeader)}
)

// hold waits for an instance to come to the point. It may have to get partitions first, or a broker may be away.
func (w *world) hold(ctx context.Context, victim *rig.Instance, at rig.Point) (*rig.Held, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	return rig.Hold(ctx, w.pauses, victim.Name, at)
}

func killAt(at rig.Point) func(context.Context, *world, *rig.Instance) error {
	return func(ctx context.Context, w *world, victim *rig.Instance) error {
		held, err := w.hold(ctx, victim, at)
		if err != nil {
			return err
		}
		return errors.Join(victim.Kill(), held.Release())
	}
}

// stopAt makes a zombie: it stops the instance at the point, waits until the world has gone on without it, and lets it continue.
func stopAt(at rig.Point, await func(context.Context, *world, *rig.Instance, *rig.Held) error) func(context.Context, *world, *rig.Instance) error {
	return func(ctx context.Context, w *world, victim *rig.Instance) error {
		held, err := w.hold(ctx, victim, at)
		if err != nil {
			return err
		}
		if err := errors.Join(victim.Pause(), held.Release()); err != nil {
			return err
		}
		return errors.Join(await(ctx, w, victim, held), victim.Resume())
	}
}

func stopAnywhere(ctx context.Context, w *world, victim *rig.Instance) error {
	if err := victim.Pause(); err != nil {
		return err
	}
	return errors.Join(awaitHeir(ctx, w, victim, nil), victim.Resume())
}

// awaitHeir waits until the group is whole without the victim and its heir had time to produce, had it not waited:
// well before the zombie's transaction times out.
func awaitHeir(ctx context.Context, w *world, victim *rig.Instance, _ *rig.Held) error {
	err := poll(ctx, sessionTimeout+20*time.Second, func() (bool, error) {
		groups, err := w.admin.DescribeGroups(ctx, group)
		if err != nil {
			return false, err
		}
		g := groups[group]
		gone := !slices.ContainsFunc(g.Members, func(m kadm.DescribedGroupMember) bool {
			return strings.HasPrefix(m.ClientID, rig.ClientID(victim.Name))
		})
		return g.Err == nil && g.State == "Stable" && gone && len(g.Members) > 0, g.Err
	})
	if err != nil {
		return fmt.Errorf("the group did not go on without the zombie: %w", err)
	}
	return pause(ctx, 2*time.Second)
}

// awaitFence waits until the coordinator has ended the held transaction and raised its epoch:
// from then on an EndTxn with the old epoch can only be refused.
func awaitFence(ctx context.Context, w *world, _ *rig.Instance, held *rig.Held) error {
	seen := "no answer"
	err := poll(ctx, transactionTimeout+time.Minute, func() (bool, error) {
		described, err := w.admin.DescribeTransactions(ctx, held.TransactionalID)
		if err != nil {
			return false, err
		}
		d, err := described.On(held.TransactionalID, nil)
		if err = errors.Join(err, d.Err); err != nil {
			return false, err
		}
		seen = fmt.Sprintf("%s, epoch %d, begun %v ago", d.State, d.ProducerEpoch, time.Since(time.UnixMilli(d.StartTimestamp)).Round(time.Second))
		return d.ProducerID != held.ProducerID || d.ProducerEpoch > held.Epoch, nil
	})
	if err != nil {
		return fmt.Errorf("%s was not fenced at epoch %d, last seen: %s: %w", held.TransactionalID, held.Epoch, seen, err)
	}
	return nil
}

// poll asks until the answer is yes. Errors are forgiven until the patience ends: a broker may be away.
func poll(ctx context.Context, patience time.Duration, ask func() (bool, error)) error {
	for deadline := time.Now().Add(patience); ; {
		yes, err := ask()
		if err == nil && yes {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("not so after %v", patience), err)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// killTransactionCoordinator holds a transaction open, kills the broker that coordinates it, and lets it go on.
func killTransactionCoordinator(ctx context.Context, w *world, victim *rig.Instance) error {
	held, err := w.hold(ctx, victim, rig.InTransaction)
	if err != nil {
		return err
	}
	kill := killBroker(func(ctx context.Context, w *world) (int32, error) {
		found := w.admin.FindTxnCoordinators(ctx, held.TransactionalID)
		return found[held.TransactionalID].NodeID, errors.Join(found.Error(), held.Release())
	})
	return kill(ctx, w, victim)
}

// killBroker keeps one broker away for a while; the instances work on meanwhile, with the two that are left.
func killBroker(find func(context.Context, *world) (int32, error)) func(context.Context, *world, *rig.Instance) error {
	return func(ctx context.Context, w *world, _ *rig.Instance) error {
		var id int32
		err := poll(ctx, 30*time.Second, func() (_ bool, err error) {
			id, err = find(ctx, w)
			return err == nil, err
		})
		if err != nil {
			return err
		}
		if err := w.cluster.Kill(id); err != nil {
			return err
		}
		return errors.Join(pause(ctx, time.Duration(3000+rand.IntN(4000))*time.Millisecond), w.cluster.Start(id))
	}
}

func groupCoordinator(ctx context.Context, w *world) (int32, error) {
	found := w.admin.FindGroupCoordinators(ctx, group)
	return found[group].NodeID, found.Error()
}

func inputLeader(ctx context.Context, w *world) (int32, error) { return w.leader(ctx, input) }

func outputLeader(ctx context.Context, w *world) (int32, error) {
	return w.leader(ctx, outputs[analytics].topic)
}

func (w *world) leader(ctx context.Context, topic string) (int32, error) {
	topics, err := w.admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, err
	}
	p, ok := topics[topic].Partitions[0]
	if !ok {
		return 0, fmt.Errorf("%s: no partition 0", topic)
	}
	return p.Leader, p.Err
}
