// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var pathPattern = regexp.MustCompile(`^(/[A-Za-z0-9._-]{1,64}){1,8}$`)

// validateWebhooks checks the doors.
func (c *Config) validateWebhooks(v checker) {
	w := c.Webhooks
	if w.Listen == "" {
		if len(w.Doors) > 0 || w.URL != "" {
			v.report("webhooks.listen", "is missing", "say where the doors are, as in 127.0.0.1:9465")
		}
		return
	}
	host, ok := v.address("webhooks.listen", w.Listen, true)
	if ip := net.ParseIP(host); ok && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		v.report("webhooks.listen", "identifiers and tokens would cross the network in clear", "listen on 127.0.0.1, behind a proxy that speaks TLS")
	}
	if !c.Store.Kept() {
		v.report("webhooks", "nobody is kept whom requests could be about", "say in store where people are kept")
	}
	if u, err := url.Parse(w.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		v.report("webhooks.url", "no https URL", "write how others reach the doors, as in https://privacy.example.org")
	}
	if len(w.Doors) == 0 {
		v.report("webhooks.doors", "is missing", "write each below it, beginning with `- kind: `")
	}
	for i := range w.Doors {
		c.validateDoor(v, i)
	}
}

func (c *Config) validateDoor(v checker, i int) {
	d := &c.Webhooks.Doors[i]
	at := "webhooks.doors[" + strconv.Itoa(i) + "]"
	v.oneOf(at+".kind", d.Kind, "meta", "opendsr", "drp")
	if !pathPattern.MatchString(d.Path) || strings.Contains(d.Path+"/", "/./") || strings.Contains(d.Path+"/", "/../") {
		v.report(at+".path", "no path", "write it like /meta/deletion")
	}
	for _, other := range c.Webhooks.Doors[:i] {
		if strings.HasPrefix(d.Path+"/", other.Path+"/") || strings.HasPrefix(other.Path+"/", d.Path+"/") {
			v.report(at+".path", "is the path of another door, or below or above it", "give each its own")
		}
	}
	if d.Secret.IsZero() {
		v.report(at+".secret", "is missing", "write ${file:PATH} or ${env:NAME}")
	}
	needs := map[string]map[string]string{
		"meta": {"instance": d.Instance}, "opendsr": {"instance": d.Instance, "controller": d.Controller}, "drp": {"agent": d.Agent, "key": d.Key, "business": d.Business},
	}
	for name, value := range needs[d.Kind] {
		v.present(at+"."+name, value)
	}
	if (d.Domain == "") != (d.Sign == "") {
		v.report(at, "has one of domain and sign", "give both, or neither")
	}
	others := []struct{ name, value, kind string }{
		{"controller", d.Controller, "opendsr"}, {"domain", d.Domain, "opendsr"}, {"sign", d.Sign, "opendsr"},
		{"agent", d.Agent, "drp"}, {"key", d.Key, "drp"}, {"business", d.Business, "drp"},
	}
	for _, o := range others {
		if o.value != "" && o.kind != d.Kind {
			v.report(at+"."+o.name, "belongs to a door of kind "+o.kind, "remove it")
		}
	}
}
