// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"fmt"
	"time"

	"github.com/nymstream/nymstream/internal/policy"
	"github.com/nymstream/nymstream/internal/transform"
)

// technique makes what a decision says from the techniques that there are.
func (c *compiler) technique(l *policy.Leaf, d *policy.Decision) (transform.Technique, error) {
	t := &d.Technique
	switch t.Name {
	case policy.Keep:
		return keep(l, t)
	case policy.Pseudonym:
		if d.Rebuild != nil {
			return c.template(l, d.Rebuild)
		}
		id, err := c.identity(l.Class)
		if err != nil {
			return nil, err
		}
		return transform.NewPseudonym(id), nil
	case policy.Seal:
		if t.Deterministic {
			return transform.NewDeterministicSeal(string(l.Class)), nil
		}
		return transform.NewSeal(string(l.Class), l.Path.String()), nil
	case policy.FPE:
		return transform.NewFPE(string(l.Class), map[string]transform.Alphabet{
			"digits": transform.Digits, "hex": transform.Hex, "letters": transform.Letters, "alphanumeric": transform.Alphanumeric,
		}[t.Alphabet])
	case policy.Mask:
		if t.At == "start" {
			return transform.NewMask(t.Keep, transform.AtStart)
		}
		return transform.NewMask(t.Keep, transform.AtEnd)
	case policy.Truncate:
		if l.Class == policy.IP {
			return transform.NewTruncateIP(t.IPv4, t.IPv6)
		}
		if d.Clear == "" && policy.HidesShort(l.Class) {
			return transform.NewTruncateLonger(t.Keep)
		}
		return transform.NewTruncateText(t.Keep)
	case policy.Round:
		if t.Grid > 0 {
			return transform.NewRoundGeo(t.Grid, geoForm(l.Geo))
		}
		return transform.NewRoundNumber(t.Places)
	case policy.Bucket:
		return transform.NewBucket(t.Bounds)
	case policy.Time:
		return coarse(l, t)
	case policy.EmailDomain:
		return transform.NewEmailDomain(), nil
	case policy.Host:
		return transform.NewHost(), nil
	case policy.InText:
		return c.inText(l, t.Text)
	case policy.Replace:
		return transform.NewReplace(constant(*t.Value))
	case policy.Blank:
		return transform.NewBlank(), nil
	}
	return nil, fmt.Errorf("technique %q is not known to this release", t.Name)
}

// template compiles how a composite value is taken apart.
func (c *compiler) template(l *policy.Leaf, rebuild []bool) (transform.Technique, error) {
	whole, err := c.identity(l.Class)
	if err != nil {
		return nil, err
	}
	forms := make([]transform.Form, len(l.Templates))
	for i, t := range l.Templates {
		if !rebuild[i] {
			forms[i].Whole = whole
		}
		for _, p := range t {
			part := transform.Part{Literal: p.Literal}
			switch p.Kind {
			case policy.PartIdentifier:
				part.Owner = l.OwnParts && p.Class.OfSubject()
				id, err := c.identity(p.Class)
				if err != nil {
					return nil, err
				}
				part.Identity = id
			case policy.PartWord:
				part.Kept = transform.KeptWord
			case policy.PartInteger:
				part.Kept = transform.KeptInteger
			case policy.PartWords:
				part.Kept = transform.KeptWords(p.Words)
			case policy.PartHost:
				part.Kept = transform.KeptHost
			case policy.PartDropped:
				part.Dropped = true
			}
			forms[i].Parts = append(forms[i].Parts, part)
		}
	}
	return transform.NewTemplate(forms), nil
}

// keep takes the type that the rule agreed, else the one that the pack states.
func keep(l *policy.Leaf, t *policy.Technique) (transform.Technique, error) {
	typ := t.Type
	if typ == nil {
		typ = l.Type
	}
	if typ == nil {
		return nil, fmt.Errorf("keep needs a type")
	}
	out := transform.Type{Kind: transform.TypeKind(typ.Kind), Enum: typ.Enum, Pattern: typ.Pattern, Max: typ.Max, Nullable: typ.Nullable, Text: typ.Text, Guarded: l.Class == policy.Plain}
	for _, or := range typ.Or {
		out.Or = append(out.Or, constant(or))
	}
	return transform.NewKeep(out)
}

func constant(l policy.Literal) transform.Literal {
	k := literals([]policy.Literal{l})[0]
	return transform.Literal{Kind: transform.Kind(k.kind), Text: k.text}
}

func geoForm(form string) transform.GeoForm {
	switch form {
	case "lat,lon":
		return transform.LatLon
	case "lon,lat":
		return transform.LonLat
	}
	return transform.OneCoordinate
}

func coarse(l *policy.Leaf, t *policy.Technique) (transform.Technique, error) {
	o := transform.TimeOptions{Step: t.Step}
	switch l.Timestamp.Unit {
	case "s":
		o.Unit = transform.Seconds
	case "ms":
		o.Unit = transform.Milliseconds
	case "us", "µs":
		o.Unit = transform.Microseconds
	}
	switch l.Timestamp.Format {
	case "ruby":
		o.Format = transform.RubyDate
	case "date":
		o.Format = transform.DateOnly
	case "http":
		o.Format = transform.HTTPDate
	}
	if l.Timestamp.Zone != "" && l.Timestamp.Zone != "UTC" {
		at, err := time.Parse("-07:00", l.Timestamp.Zone)
		if err != nil {
			return nil, fmt.Errorf("zone %q is no offset", l.Timestamp.Zone)
		}
		o.Zone = at.Location()
	}
	if t.Shift {
		return transform.NewShiftedTime(o)
	}
	return transform.NewTime(o)
}
