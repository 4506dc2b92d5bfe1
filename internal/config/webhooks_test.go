// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	withStore = minimal + "store: {kind: embedded, dir: s}\naudit: {dir: a}\n"
	meta      = "{kind: meta, path: /meta, instance: facebook, secret: '${file:SECRET}'}"
	opendsr   = "{kind: opendsr, path: /dsr/requests, instance: facebook, secret: '${file:SECRET}', controller: c}"
	drp       = "{kind: drp, path: /drp, secret: '${file:SECRET}', agent: a, key: k, business: b}"
)

func TestWebhooks(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hush-hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	hooks := func(listen string, doors ...string) string {
		text := fmt.Sprintf("webhooks: {listen: '%s', url: 'https://p.example', doors: [%s]}\n", listen, strings.Join(doors, ", "))
		return strings.ReplaceAll(text, "SECRET", secret)
	}
	const here = "127.0.0.1:0"
	for _, c := range []struct{ text, want string }{
		{withStore + hooks(here, meta, opendsr, drp), ""},
		{withStore + "webhooks:\n", ""},
		{minimal + hooks(here, meta), "webhooks: nobody is kept"},
		{withStore + hooks("", meta), "webhooks.listen: is missing"},
		{withStore + hooks("0.0.0.0:80", meta), "webhooks.listen: identifiers and tokens would cross"},
		{withStore + hooks(here), "webhooks.doors: is missing"},
		{withStore + strings.Replace(hooks(here, meta), "https:", "http:", 1), "webhooks.url: no https URL"},
		{withStore + hooks(here, meta, strings.Replace(drp, "/drp", "/meta", 1)), "webhooks.doors[1].path: is the path of another"},
		{withStore + hooks(here, meta, strings.Replace(drp, "/drp", "/meta/drp", 1)), "webhooks.doors[1].path: is the path of another"},
		{withStore + hooks(here, meta, strings.Replace(drp, "/drp", "/metadata", 1)), ""},
		{withStore + hooks(here, strings.Replace(meta, "/meta", "/a/../b", 1)), "webhooks.doors[0].path: no path"},
		{withStore + hooks(here, strings.Replace(meta, "/meta", "'/{id}'", 1)), "webhooks.doors[0].path: no path"},
		{withStore + hooks(here, strings.Replace(meta, "kind: meta", "kind: mata", 1)), "webhooks.doors[0].kind: unknown word `mata`"},
		{withStore + hooks(here, strings.Replace(meta, "instance: facebook, ", "", 1)), "webhooks.doors[0].instance: is missing"},
		{withStore + hooks(here, strings.Replace(drp, "key: k, ", "", 1)), "webhooks.doors[0].key: is missing"},
		{withStore + hooks(here, strings.Replace(meta, "instance:", "agent: x, instance:", 1)), "webhooks.doors[0].agent: belongs to a door of kind drp"},
		{withStore + hooks(here, strings.Replace(opendsr, "controller:", "sign: k.pem, controller:", 1)), "webhooks.doors[0]: has one of domain and sign"},
		{withStore + hooks(here, "{kind: meta, path: /m, instance: f}"), "webhooks.doors[0].secret: is missing"},
		{withStore + hooks(here, "{kind: meta, path: /m, instance: f, secret: hush-hush}"), "a secret stands in the file in clear"},
		{withStore + hooks(here, "{kind: meta, paths: /m}"), "unknown option `paths` below `webhooks.doors[0]`"},
		{withStore + "webhooks: {doors: meta}\n", "webhooks.doors takes a list"},
		{withStore + "webhooks: {doors: [meta]}\n", "webhooks.doors[0] takes options"},
	} {
		got := problems(t, c.text)
		if c.want == "" && len(got) > 0 || c.want != "" && !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s\nwant %q, got\n%s", c.text, c.want, strings.Join(got, "\n"))
		}
		if strings.Contains(strings.Join(got, ""), "hush") {
			t.Error("a fault tells the secret")
		}
	}
	c, err := Load(write(t, withStore+hooks(here, meta, opendsr)), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Webhooks.Doors; d[0].Secret.Reveal() != "hush-hush" || d[1].Kind != "opendsr" || d[1].Path != "/dsr/requests" || strings.Contains(fmt.Sprintf("%+v", c), "hush") {
		t.Errorf("the doors are %+v", d)
	}
}
