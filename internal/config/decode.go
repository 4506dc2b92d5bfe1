// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decoder fills a Config from YAML and remembers where each option stands. It collects faults and goes on.
type decoder struct {
	file, dir string
	lookup    func(string) (string, bool)
	at        map[string]position // by dotted path, of the options that the file has
	problems  Problems
	faulty    map[string]bool // paths that need no second fault
}

type position struct{ line, col int }

func (d *decoder) decode(src []byte, c *Config) {
	f, err := parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return
	}
	docs := slices.DeleteFunc(f.Docs, func(doc *ast.DocumentNode) bool {
		return doc.Body == nil || doc.Body.Type() == ast.CommentType
	})
	switch len(docs) {
	case 0:
		d.faulty[""] = true
		d.report(position{1, 1}, "the file is empty", "start from config/nymstream.minimal.yaml")
	case 1:
		d.mapping("", docs[0].Body, reflect.ValueOf(c).Elem())
	default:
		d.faulty[""] = true
		d.report(positionOf(docs[1].Body), "a second document", "one file holds one configuration")
	}
}

// syntax reports a parse error by place and message only: the library's own rendering quotes the source, secrets included.
func (d *decoder) syntax(err error) {
	at, what := position{1, 1}, "no YAML"
	var se yaml.Error
	if errors.As(err, &se) {
		what = "no YAML: " + se.GetMessage()
		if t := se.GetToken(); t != nil {
			at = position{t.Position.Line, t.Position.Column}
		}
	}
	d.faulty[""] = true // nothing was read, so nothing else can be said
	d.report(at, what, "")
}

// mapping fills the struct v from the options below path.
func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.wrong(path, n, "options", "write `name: value` lines, indented below it")
		return
	}
	fields, names := fieldsOf(v)
	seen := map[string]position{}
	for it := m.MapRange(); it.Next(); {
		at := positionOf(it.Key())
		name, ok := keyName(it.Key())
		if !ok {
			d.report(at, "a key that is no plain word", suggest("", names))
			continue
		}
		if first, twice := seen[name]; twice {
			d.report(at, "`"+name+"` stands twice", "it already stands at line "+strconv.Itoa(first.line))
			continue
		}
		seen[name] = at
		field, ok := fields[name]
		if !ok {
			d.report(at, "unknown option `"+name+"`"+below(path), suggest(name, names))
			continue
		}
		full := strings.TrimPrefix(path+"."+name, ".")
		d.at[full] = positionOf(it.Value())
		if _, nested := it.Value().(ast.MapNode); nested {
			d.at[full] = at // what is missing inside is reported at the name
		}
		d.value(full, it.Value(), field)
	}
}

type field struct {
	reflect.Value
	isPath bool
}

func fieldsOf(v reflect.Value) (map[string]field, []string) {
	fields, names := map[string]field{}, make([]string, 0, v.NumField())
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name := tag.Get("yaml")
		names = append(names, name)
		fields[name] = field{v.Field(i), tag.Get("path") != ""}
	}
	return fields, names
}

// value fills one option: a group of options, a list of texts, or a scalar.
func (d *decoder) value(path string, n ast.Node, f field) {
	_, secret := f.Interface().(Secret)
	group := f.Kind() == reflect.Struct && !secret
	switch {
	case n.Type() == ast.NullType && group:
		return // a group whose options are all commented out
	case n.Type() == ast.NullType:
		d.wrong(path, n, "nothing", "give it a value, or remove the line to have the default")
		return
	case group:
		d.mapping(path, n, f.Value)
		return
	}
	switch p := f.Addr().Interface().(type) {
	case *time.Duration:
		setScalar(d, path, n, p, parseDuration, "a duration", "write it with its unit: 100ms, 15s, 2m")
	case *Bytes:
		setScalar(d, path, n, p, parseBytes, "a size", "write it with its unit: 512KiB, 64MiB, 1GiB")
	case *bool:
		if b, ok := n.(*ast.BoolNode); ok {
			*p = b.Value
			return
		}
		d.wrong(path, n, "true or false", "write true or false")
	case *int:
		_, ok := n.(*ast.IntegerNode)
		digits := n.GetToken().Value
		v, err := strconv.Atoi(digits)
		if !ok || err != nil || strconv.Itoa(v) != digits { // 010 and 1_000 mean different things to different readers
			d.wrong(path, n, "a whole number in decimal digits", "write it like 7, unquoted")
			return
		}
		*p = v
	case *Secret:
		d.secret(path, n, p)
	case *string:
		if s, ok := d.text(path, n); ok {
			if f.isPath {
				s = d.path(s)
			}
			*p = s
		}
	case *[]string:
		d.list(path, n, p)
	case *[]Door:
		d.doors(path, n, p)
	}
}

func setScalar[T any](d *decoder, path string, n ast.Node, p *T, parse func(string) (T, error), kind, fix string) {
	s, ok := scalarText(n)
	if !ok {
		d.wrong(path, n, kind, fix)
		return
	}
	v, err := parse(s)
	if err != nil {
		d.fault(path, n, path+": "+err.Error(), fix)
		return
	}
	*p = v
}

func (d *decoder) list(path string, n ast.Node, p *[]string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(path, n, "a list", "write [first, second]")
		return
	}
	*p = nil
	for i, item := range seq.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.at[at] = positionOf(item)
		if s, ok := d.text(at, item); ok {
			*p = append(*p, s)
		} else {
			d.faulty[path] = true
		}
	}
}

func (d *decoder) doors(path string, n ast.Node, p *[]Door) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(path, n, "a list", "write each below it, beginning with `- kind: `")
		return
	}
	*p = make([]Door, len(seq.Values))
	for i, item := range seq.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.at[at] = positionOf(item)
		d.mapping(at, item, reflect.ValueOf(&(*p)[i]).Elem())
	}
}

// text gives a string with its references resolved. Unquoted scalars of another type (010, yes, null) are refused.
func (d *decoder) text(path string, n ast.Node) (string, bool) {
	raw, ok := scalarText(n)
	if !ok {
		d.wrong(path, n, "text", "write it in quotes")
		return "", false
	}
	s, _, err := d.expand(raw)
	if err != nil {
		d.fault(path, n, path+": "+err.Error(), "references are ${env:NAME} and ${file:PATH}")
		return "", false
	}
	return s, true
}

func (d *decoder) secret(path string, n ast.Node, p *Secret) {
	const fix = "write ${file:PATH} or ${env:NAME}"
	raw, ok := scalarText(n)
	if !ok {
		d.wrong(path, n, "a reference", fix)
		return
	}
	s, refs, err := d.expand(raw)
	switch {
	case err != nil:
		d.fault(path, n, path+": "+err.Error(), fix)
	case !refs:
		d.fault(path, n, path+": a secret stands in the file in clear", fix)
	default:
		*p = Secret{&s}
	}
}

// ambiguous words are booleans to other readers of YAML, so they are no text without quotes.
var ambiguous = []string{"y", "yes", "n", "no", "on", "off"}

// scalarText gives the text of a string scalar; numbers, booleans, lists, anchors and tags are none.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		plain := n.Token.Type == token.StringType
		return n.Value, !plain || !slices.Contains(ambiguous, strings.ToLower(n.Value))
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func keyName(k ast.MapKeyNode) (string, bool) {
	s, ok := k.(*ast.StringNode)
	if !ok {
		return "", false
	}
	return s.Value, true
}

func positionOf(n ast.Node) position {
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

// wrong reports a node of another kind than the option takes. It names kinds only: the value may be a secret.
func (d *decoder) wrong(path string, n ast.Node, want, fix string) {
	what := "the file holds " + kindOf(n) + " where it should hold " + want
	if path != "" {
		what = path + " takes " + want + ", not " + kindOf(n)
	}
	if n.Type() == ast.NullType {
		what = path + " is empty"
	}
	d.fault(path, n, what, fix)
}

func kindOf(n ast.Node) string {
	if _, ok := scalarText(n); !ok && n.Type() == ast.StringType {
		return "a word that others read as true or false"
	}
	switch n.Type() {
	case ast.StringType, ast.LiteralType:
		return "text"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "such a number"
	case ast.BoolType:
		return "true or false"
	case ast.NullType:
		return "nothing"
	case ast.MappingType, ast.MappingValueType:
		return "options"
	case ast.SequenceType:
		return "a list"
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		return "an anchor or alias"
	case ast.TagType:
		return "a tag"
	}
	return "something else"
}

func below(path string) string {
	if path == "" {
		return ""
	}
	return " below `" + path + "`"
}

// fault reports at a node and marks the path, so that validate does not speak of it again.
func (d *decoder) fault(path string, n ast.Node, what, fix string) {
	d.faulty[path] = true
	d.report(positionOf(n), what, fix)
}

// reportAt reports a fault of validate at the option's place, or at the nearest enclosing one that the file has.
func (d *decoder) reportAt(path, what, fix string) {
	for p := path; ; {
		if d.faulty[p] {
			return
		}
		if p == "" {
			break
		}
		p = parent(p)
	}
	at := path
	for at != "" {
		if _, ok := d.at[at]; ok {
			break
		}
		at = parent(at)
	}
	d.report(d.at[at], path+": "+what, fix)
}

func parent(path string) string {
	i := strings.LastIndexAny(path, ".[")
	if i < 0 {
		return ""
	}
	return path[:i]
}

func (d *decoder) report(at position, what, fix string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: at.line, Col: at.col, What: what, Fix: fix})
}
