// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/nymstream/nymstream/internal/config"
	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/stream"
)

// Door leads to where commands are carried out: a running instance, or this process where none runs.
type Door struct {
	config *config.Config
	o      DoorOptions
	remote string // URL of the instance; "": commands are carried out here
	admin  *Admin
	ctx    context.Context // of what runs beside
	stop   func()
	beside sync.WaitGroup
	joined bool // other instances are told of changes
}

// DoorOptions say who comes.
type DoorOptions struct {
	Token  string            // of http.admins; "": the command is carried out in this process
	Roles  []string          // of whoever runs this process
	NoWait bool              // leaves deletion events to the next instance or command
	Tell   func(text string) // progress, in words; nil: nobody hears
}

// OpenDoor finds the running instance of a configuration, where a token is given; else commands are carried out in this process, as
// its user. Those of one door need the same of the store.
func OpenDoor(ctx context.Context, c *config.Config, o DoorOptions) *Door {
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	d := &Door{config: c, o: o}
	if o.Token == "" {
		return d
	}
	url := instanceURL(c.HTTP.Listen)
	if !answers(ctx, url) {
		o.Tell("no instance answers on " + c.HTTP.Listen + ": the command is carried out in this process")
		return d
	}
	d.remote = url
	return d
}

// Administer carries out one command.
func Administer(ctx context.Context, c *config.Config, o DoorOptions, cmd Command, out io.Writer) error {
	d := OpenDoor(ctx, c, o)
	return errors.Join(d.Do(ctx, cmd, out), d.Close(ctx))
}

// Do carries out a command.
func (d *Door) Do(ctx context.Context, cmd Command, out io.Writer) error {
	if d.remote != "" {
		return send(ctx, d.remote, d.o.Token, cmd, out)
	}
	known := commands[cmd.Name]
	actor, err := processUser(d.o.Roles)
	if err != nil {
		return err
	}
	if d.admin == nil {
		d.ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
		if d.admin, err = openAdmin(ctx, d.config, actor.Name, known.people != without); err != nil {
			return d.advise(answered(err))
		}
		d.admin.join = d.join
	}
	return d.admin.Do(ctx, actor, cmd, out)
}

// advise says what to do where an instance has the store to itself.
func (d *Door) advise(err error) error {
	if err != nil && d.config.Store.Kind == "embedded" && strings.Contains(err.Error(), "in use by another process") {
		return fmt.Errorf("%w: a running instance has it: send the command there with --token FILE, a token of http.admins in its configuration; or stop it", err)
	}
	return err
}

// reachTimeout bounds how long the cluster is waited for.
const reachTimeout = 15 * time.Second

// join makes sure that other instances can be told of changes, and listens to them.
func (d *Door) join(ctx context.Context) error {
	if d.joined {
		return nil
	}
	p := d.admin.people
	limited, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if _, err := p.check(limited); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrDown, err)
		}
		return fmt.Errorf("what changes about people is told on the cluster: %w", err)
	}
	d.joined = true
	d.beside.Go(func() { _ = p.control.Run(d.ctx) }) // what it would stop for, the commands fail of too
	return nil
}

// Close finishes what was begun: recipients are told of erasures.
func (d *Door) Close(ctx context.Context) error {
	if d.admin == nil {
		return nil
	}
	var err error
	if d.joined && !d.o.NoWait {
		err = d.publish(ctx)
	}
	d.stop()
	d.beside.Wait()
	return errors.Join(err, d.admin.close())
}

func (d *Door) publish(ctx context.Context) error {
	done := make(chan struct{})
	defer close(done)
	time.AfterFunc(time.Second, func() {
		select {
		case <-done:
		default:
			d.o.Tell(fmt.Sprintf("recipients are told once no instance can commit anything older, at most %v from now (--no-wait leaves it to an instance)",
				d.config.TransactionTimeout+15*time.Second))
		}
	})
	run, err := d.admin.people.rights.RunOutbox(ctx)
	if err == nil && run.Waiting > 0 {
		d.o.Tell(fmt.Sprintf("%d deletion events wait for their moment within store.deletions_within; an instance publishes them", run.Waiting))
	}
	return answered(err)
}

// processUser is who runs this process.
func processUser(roles []string) (Actor, error) {
	u, err := user.Current()
	if err != nil {
		return Actor{}, fmt.Errorf("who runs this command is not known: %w", err)
	}
	return Actor{Name: u.Username, Roles: roles}, nil
}

var unnamed = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// ownLog is where the audit log of a user's commands lies: beside that of the instance.
func ownLog(dir, name string) (instance, path string) {
	instance = "cli-" + unnamed.ReplaceAllString(name, "-")
	return instance, filepath.Join(filepath.Dir(dir), instance)
}

// openAdmin opens what commands need in this process, with an audit log of its own.
func openAdmin(ctx context.Context, shared *config.Config, name string, people bool) (_ *Admin, err error) {
	c := *shared
	if c.Audit.Dir != "" {
		c.Instance, c.Audit.Dir = ownLog(c.Audit.Dir, name)
	}
	plan, err := policy.Load(c.Policy, policy.Packs())
	if err != nil {
		return nil, err
	}
	a := &Admin{config: &c, logDir: shared.Audit.Dir, plan: func() *policy.Plan { return plan }, stream: func() *stream.Stream { return nil }, now: time.Now}
	a.replace = a.replaceFile
	if a.keys, err = KeyringOf(&c).Open(); err != nil {
		return nil, err
	}
	if err := Update(a.keys, plan, time.Now()); err != nil && !errors.Is(err, os.ErrPermission) {
		return nil, err
	}
	if people && c.Store.Kept() {
		err = a.openPeople(ctx)
	} else if c.Audit.Dir != "" {
		a.log, err = openAudit(c.Audit.Dir, c.Tenant+"/"+c.Instance, a.keys)
	}
	return a, err
}

func (a *Admin) openPeople(ctx context.Context) error {
	conn, err := connection(a.config)
	if err != nil {
		return err
	}
	o := peopleOptions{
		config: a.config, keys: a.keys, conn: conn, registry: prometheus.NewRegistry(), log: zerolog.Nop(), plan: a.plan,
		pending: func() time.Time { return time.Time{} },
	}
	if a.people, err = newPeople(ctx, o); err != nil {
		return err
	}
	a.log, a.reveal = a.people.audit, a.people.newReveal(o)
	return nil
}

func (a *Admin) close() error {
	if a.people != nil {
		return a.people.close()
	}
	if a.log != nil {
		return a.log.Close()
	}
	return nil
}

// instanceURL is where the instance of this machine answers.
func instanceURL(listen string) string {
	host, port, _ := net.SplitHostPort(listen)
	if host == "" {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// answers tells whether an instance is there.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
