// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/nymstream/nymstream/internal/policy"
)

//go:embed scaffold/*.tmpl
var scaffold embed.FS

// scaffolded is what the templates are filled with.
type scaffolded struct {
	Tenant, Instance string
	Packs            []scaffoldedPack
	Classes          []scaffoldedClass
}

type scaffoldedPack struct{ Name, Reference string }

type scaffoldedClass struct{ Name, Technique string }

// scaffoldedClasses is what a first policy does to each class. Classes that the packs do not have are left out.
var scaffoldedClasses = []scaffoldedClass{
	{"account", "pseudonym"}, {"handle", "pseudonym"}, {"email", "pseudonym"}, {"device", "pseudonym"}, {"cookie", "pseudonym"},
	{"object-id", "pseudonym"}, {"group", "pseudonym"}, {"timestamp", "{time: hour}"},
}

// Scaffold writes a configuration, a policy and keys into dir that run as they are. It overwrites nothing.
func Scaffold(dir string, packs []string, now time.Time) error {
	data := scaffolded{Tenant: "example", Instance: "nymstream-0"}
	known, err := policy.ListPacks(policy.Packs())
	if err != nil {
		return err
	}
	for _, name := range packs {
		at := slices.IndexFunc(known, func(p policy.PackInfo) bool { return p.Name == name || packReference(p) == name })
		if at < 0 {
			return fmt.Errorf("no pack %q; there are %s", name, packNames(known))
		}
		data.Packs = append(data.Packs, scaffoldedPack{known[at].Name, packReference(known[at])})
	}
	if err := data.chooseClasses(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"nymstream.yaml", "policy.yaml"} {
		if err := scaffoldFile(filepath.Join(dir, name), name+".tmpl", &data); err != nil {
			return err
		}
	}
	plan, err := policy.Load(filepath.Join(dir, "policy.yaml"), policy.Packs())
	if err != nil {
		return fmt.Errorf("the written policy: %w", err)
	}
	return Keyring{Dir: filepath.Join(dir, "keys"), Tenant: data.Tenant}.Init(plan, now)
}

func scaffoldFile(path, name string, data *scaffolded) error {
	text, err := data.fill(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; init overwrites nothing", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (d *scaffolded) fill(name string) ([]byte, error) {
	t, err := template.ParseFS(scaffold, "scaffold/"+name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, d)
	return text.Bytes(), err
}

// chooseClasses keeps the classes that some field of the packs has.
func (d *scaffolded) chooseClasses() error {
	d.Classes = scaffoldedClasses
	text, err := d.fill("policy.yaml.tmpl")
	if err != nil {
		return err
	}
	plan, err := policy.LoadBytes("policy.yaml", text, policy.Packs(), ".")
	if err != nil {
		return fmt.Errorf("the policy to write: %w", err)
	}
	has := map[string]bool{}
	for _, s := range plan.Sources {
		for _, e := range s.Events {
			for _, l := range e.Leaves {
				has[string(l.Class)] = true
			}
		}
	}
	d.Classes = slices.DeleteFunc(slices.Clone(d.Classes), func(c scaffoldedClass) bool { return !has[c.Name] })
	return nil
}

// packReference is how a policy names a pack.
func packReference(p policy.PackInfo) string { return fmt.Sprintf("%s@%d", p.Name, p.Version) }

func packNames(packs []policy.PackInfo) string {
	names := make([]string, len(packs))
	for i := range packs {
		names[i] = packs[i].Name
	}
	return strings.Join(names, ", ")
}
