// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nymstream/nymstream/internal/audit"
	"github.com/nymstream/nymstream/internal/control"
	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/subject"
)

// formatInterval is how soon an instance writes what `upgrade finalize` allows, or ends because it cannot read it.
const formatInterval = 10 * time.Second

// UpgradeStatus tells in which format people are stored, and who can read which.
type UpgradeStatus struct {
	Format    int               `json:"format"`    // that is written
	Newest    int               `json:"newest"`    // that this build reads, and will write after `upgrade finalize`
	Instances []UpgradeInstance `json:"instances"` // that live
}

// UpgradeInstance is one instance.
type UpgradeInstance struct {
	Name  string `json:"name"`
	Reads int    `json:"reads"` // formats up to this one
}

func (a *Admin) upgradeStatus(ctx context.Context, _ caller, _ struct{}, out io.Writer) error {
	format, err := subject.StoreFormat(ctx, a.people.store)
	if err != nil {
		return err
	}
	status := UpgradeStatus{Format: format, Newest: subject.NewestFormat}
	alive, err := a.people.alive(ctx)
	for _, i := range alive {
		if i.Self && a.join != nil {
			continue // the command, which is none
		}
		status.Instances = append(status.Instances, UpgradeInstance{i.Name, i.Reads})
	}
	if err != nil {
		return err
	}
	return write(out, status)
}

// upgradeFinalize has people stored in the newest format, unless an instance lives that does not read it.
func (a *Admin) upgradeFinalize(ctx context.Context, by caller, _ struct{}, out io.Writer) error {
	was, err := subject.StoreFormat(ctx, a.people.store)
	if err != nil {
		return err
	}
	if was == subject.NewestFormat {
		return write(out, Done{fmt.Sprintf("nothing to do: people are stored in format %d already, the newest that this build knows", was)})
	}
	alive, err := a.people.alive(ctx)
	if err != nil {
		return err
	}
	if older := olderThan(alive, subject.NewestFormat); len(older) > 0 {
		return no("%s: replace or stop these first, they do not read format %d", strings.Join(older, ", "), subject.NewestFormat)
	}
	details := map[string]string{"kind": "format", "from": strconv.Itoa(was), "to": strconv.Itoa(subject.NewestFormat)}
	if err := a.note(ctx, by, audit.Entry{Act: audit.Upgrade, Details: details}); err != nil {
		return err
	}
	if _, err := subject.Finalize(ctx, a.people.store); err != nil {
		return err
	}
	if err := a.people.directory.UseFormat(ctx); err != nil {
		return err
	}
	return write(out, Done{fmt.Sprintf("people are stored in format %d from now on; releases that do not read it cannot use the store any more", subject.NewestFormat)})
}

// olderThan names the instances whose build does not read a format.
func olderThan(all []control.Instance, format int) (names []string) {
	for _, i := range all {
		if i.Reads < format {
			names = append(names, fmt.Sprintf("instance %s reads formats up to %d", i.Name, i.Reads))
		}
	}
	return names
}

// alive gives the instances that beat.
func (p *people) alive(ctx context.Context) ([]control.Instance, error) {
	limited, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	all, err := p.control.Heard(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: the control log is not heard: %w", ErrDown, err)
	}
	return all, err
}

// followFormat writes people in the format of their store, until ctx ends. One that this build does not read ends it.
func (p *people) followFormat(ctx context.Context) error {
	for pause(ctx, formatInterval) == nil {
		err := p.directory.UseFormat(ctx)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, event.ErrFatal):
			return fmt.Errorf("store: %w", err)
		case err != nil:
			p.log.Warn().Err(err).Msg("could not ask the store for its format")
		}
	}
	return nil
}
