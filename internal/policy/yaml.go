// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFile    = 256 << 10 // bytes of one policy or pack; the parser is slow beyond
	maxNesting = 64        // of its mappings and lists
)

// place is where something stands in a file.
type place struct {
	file      string
	line, col int // from 1; columns count characters
}

func (p place) String() string { return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col) }

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	mappingNode
	listNode
)

// node is one value of a YAML file, with all that strict reading needs to know about its spelling.
type node struct {
	place
	kind   nodeKind
	text   string     // of a scalar, decoded
	scalar scalarKind // what an unquoted scalar is to YAML's readers
	pairs  []pair
	items  []*node
	flow   bool // written as {…} or […]
}

// pair is one key of a mapping with its value.
type pair struct {
	key   *node // a scalar
	value *node
}

// parseYAML reads one document. What the language leaves out of YAML is noted as a fault; a fault in the syntax gives nil.
func parseYAML(file string, data []byte, f *faults) *node {
	top := place{file, 1, 1}
	switch {
	case len(data) > maxFile:
		f.add(top, fmt.Sprintf("the file is larger than %d KiB", maxFile>>10), "")
		return nil
	case !utf8.Valid(data):
		f.add(top, "the file is not UTF-8", "")
		return nil
	case nesting(data) > maxNesting:
		f.add(top, fmt.Sprintf("the file is nested deeper than %d levels", maxNesting), "")
		return nil
	}
	docs, err := parse(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		at, what := syntaxFault(top, err)
		f.add(at, what, "")
		return nil
	}
	t := &tree{file: file, faults: f}
	var root *node
	for _, d := range docs {
		switch {
		case d.Body == nil || d.Body.Type() == ast.CommentType || d.Body.Type() == ast.CommentGroupType:
		case d.Body.Type() == ast.DirectiveType:
			f.add(t.place(d.Body), "directives (%) are not part of the language", "remove the line")
		case root != nil:
			f.add(t.place(d.Body), "a second document", "one file holds one document")
			return root
		default:
			root = t.node(d.Body)
		}
	}
	if root == nil && len(f.problems) == 0 {
		f.add(top, "the file is empty", "begin with `language: 1`")
	}
	return root
}

// parse guards against panics of the parser on hostile input: whatever it cannot read is a fault, never a crash.
func parse(data []byte) (docs []*ast.DocumentNode, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it cannot be parsed")
		}
	}()
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey()) // tree.mapping refuses duplicates, all of them at once
	if err != nil {
		return nil, err
	}
	return file.Docs, nil
}

func syntaxFault(top place, err error) (place, string) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return top, "no YAML: " + err.Error()
	}
	if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
		top.line, top.col = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
	return top, "no YAML: " + syntax.GetMessage()
}

// nesting gives an upper bound of how deep brackets and list dashes nest, without recursion: the parser has none.
func nesting(data []byte) int {
	deepest, open := 0, 0
	for line := range strings.Lines(string(data)) {
		dashes := 0
		for rest := strings.TrimLeft(line, " "); strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "? "); rest = strings.TrimLeft(rest[2:], " ") {
			dashes++
		}
		for _, c := range []byte(line) {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			deepest = max(deepest, open+dashes)
		}
	}
	return deepest
}

// tree turns the parser's syntax tree into nodes.
type tree struct {
	file   string
	faults *faults
	depth  int
}

// place gives where a syntax node begins: a block mapping at its first key.
func (t *tree) place(n ast.Node) place {
	switch v := n.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return t.place(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return t.place(v.Key)
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return place{t.file, 1, 1}
	}
	return place{t.file, max(tk.Position.Line, 1), max(tk.Position.Column, 1)}
}

// node converts one value. It never gives nil: what the language leaves out is broken, after a fault.
func (t *tree) node(n ast.Node) *node {
	if n == nil {
		return &node{place: place{t.file, 1, 1}, scalar: null}
	}
	out := &node{place: t.place(n), scalar: broken}
	if t.depth++; t.depth > maxNesting {
		t.faults.add(out.place, fmt.Sprintf("nested deeper than %d levels", maxNesting), "")
		return out
	}
	defer func() { t.depth-- }()
	switch v := n.(type) {
	case *ast.MappingNode:
		t.mapping(out, v.Values, v.IsFlowStyle)
	case *ast.MappingValueNode:
		t.mapping(out, []*ast.MappingValueNode{v}, v.IsFlowStyle)
	case *ast.SequenceNode:
		out.kind, out.flow = listNode, v.IsFlowStyle
		for _, item := range v.Values {
			out.items = append(out.items, t.node(item))
		}
	case *ast.LiteralNode:
		out.scalar = quoted
		if v.Value != nil {
			out.text = v.Value.Value
		}
	case *ast.AnchorNode, *ast.AliasNode:
		t.faults.add(out.place, "anchors and aliases (&, *) are not part of the language", "write the value out, or quote it")
	case *ast.TagNode:
		t.faults.add(out.place, "tags (!) are not part of the language", "remove the tag, or quote the value")
	case *ast.DirectiveNode:
		t.faults.add(out.place, "a directive has no place here", "remove the line")
	default:
		t.scalar(out, n.GetToken())
	}
	return out
}

func (t *tree) scalar(out *node, tk *token.Token) {
	if tk == nil {
		out.scalar = null
		return
	}
	out.text = tk.Value
	switch tk.Type {
	case token.SingleQuoteType, token.DoubleQuoteType:
		out.scalar = quoted
	case token.ImplicitNullType:
		out.text, out.scalar = "", null
	default:
		out.scalar = scalarOf(tk.Value)
	}
}

func (t *tree) mapping(out *node, values []*ast.MappingValueNode, flow bool) {
	out.kind, out.flow = mappingNode, flow
	first := map[string]place{}
	for _, v := range values {
		key := t.key(v.Key)
		if key == nil {
			continue
		}
		if at, twice := first[key.text]; twice {
			t.faults.add(key.place, fmt.Sprintf("%q stands twice", key.text), fmt.Sprintf("it already stands at line %d", at.line))
			continue
		}
		first[key.text] = key.place
		out.pairs = append(out.pairs, pair{key, t.node(v.Value)})
	}
}

// key converts a key; nil after a fault.
func (t *tree) key(n ast.MapKeyNode) *node {
	at := t.place(n)
	if n.IsMergeKey() {
		t.faults.add(at, "merge keys (<<) are not part of the language", "write the keys out")
		return nil
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MappingKeyNode, *ast.LiteralNode:
		t.faults.add(at, "a key must be a plain or quoted word", "write `key: value`")
		return nil
	}
	key := &node{place: at}
	t.scalar(key, n.GetToken())
	if key.scalar != plain && key.scalar != quoted {
		t.faults.add(at, fmt.Sprintf("the key %s is not text to every reader of YAML", key.text), "write it in quotes")
		key.scalar = quoted
	}
	return key
}
