// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/nymstream/nymstream/internal/event"
	"github.com/nymstream/nymstream/internal/policy"
)

// Proposal is what a schema says about a field: a class, from a tag or from the property nymstream.class.
// A tag that nothing here knows gives a proposal without a class: somebody tagged the field, and a person should look.
type Proposal struct {
	Path  event.Path
	Class policy.Class
	Tag   string // as the schema has it
}

// The properties that are read.
const (
	classProperty = "nymstream.class"
	tagsProperty  = "confluent:tags"
)

// maxProposalDepth ends paths of schemas that contain themselves.
const maxProposalDepth = 16

// Classes reads the tags of a schema. Paths are those of the documents that the format's decoder makes, sorted; where several
// tags name one field, the class that protects most is proposed. A schema that contains itself is followed once.
func Classes(s *Schema) ([]Proposal, error) {
	r := tagReader{found: map[string]Proposal{}}
	var err error
	switch s.Type {
	case "AVRO":
		err = r.ofAvro(s)
	case "JSON":
		err = r.ofJSON(s)
	case "PROTOBUF":
		err = r.ofProtobuf(s)
	default:
		err = fmt.Errorf("schemas of type %q have no tags that are known", s.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("classes of a schema: %w", err)
	}
	out := slices.Collect(maps.Values(r.found))
	slices.SortFunc(out, func(a, b Proposal) int { return cmp.Compare(a.Path.String(), b.Path.String()) })
	return out, nil
}

type tagReader struct{ found map[string]Proposal }

// name appends a member to a path, without touching what else shares it.
func name(p event.Path, n string) event.Path {
	return step(p, event.Segment{Kind: event.Name, Name: n})
}

func step(p event.Path, s event.Segment) event.Path {
	return append(p[:len(p):len(p)], s)
}

// propose takes a field's class, or its tags where it has none.
func (r *tagReader) propose(p event.Path, class string, tags []string) {
	if class != "" {
		c := policy.Class(strings.ToLower(class))
		if !c.Known() {
			c = ""
		}
		r.keep(Proposal{p, c, class})
		return
	}
	for _, tag := range tags {
		c, personal := classOf(tag, p)
		if personal {
			r.keep(Proposal{p, c, tag})
		}
	}
}

func (r *tagReader) keep(p Proposal) {
	key := p.Path.String()
	if old, ok := r.found[key]; !ok || strictness(p.Class) > strictness(old.Class) {
		r.found[key] = p
	}
}

// strictness orders classes as policies do: what may leave least comes first.
func strictness(c policy.Class) int {
	switch {
	case c == "":
		return 0
	case c == policy.Credential:
		return 5
	case c == policy.Special || c == policy.Health || c == policy.Government || c == policy.Finance:
		return 4
	case c.DirectIdentifier():
		return 3
	case c != policy.App && c != policy.Offset && c != policy.Plain:
		return 2
	}
	return 1
}

// words are what tags and field names are made of, without case and punctuation.
var words = map[string]policy.Class{
	"credential": policy.Credential, "credentials": policy.Credential, "secret": policy.Credential, "password": policy.Credential,
	"passwd": policy.Credential, "token": policy.Credential, "accesstoken": policy.Credential, "refreshtoken": policy.Credential, "apikey": policy.Credential,
	"phi": policy.Health, "health": policy.Health, "medical": policy.Health, "hipaa": policy.Health,
	"spi": policy.Special, "special": policy.Special, "specialcategory": policy.Special, "sensitive": policy.Special, "gdprart9": policy.Special,
	"pci": policy.Finance, "finance": policy.Finance, "financial": policy.Finance, "creditcard": policy.Finance, "cardnumber": policy.Finance,
	"iban": policy.Finance, "bankaccount": policy.Finance, "pan": policy.Finance,
	"ssn": policy.Government, "socialsecuritynumber": policy.Government, "nationalid": policy.Government, "passport": policy.Government,
	"taxid": policy.Government, "governmentid": policy.Government, "government": policy.Government, "driverslicense": policy.Government,
	"email": policy.Email, "emailaddress": policy.Email, "mail": policy.Email,
	"phone": policy.Phone, "phonenumber": policy.Phone, "mobile": policy.Phone, "msisdn": policy.Phone,
	"address": policy.Postal, "postal": policy.Postal, "street": policy.Postal, "zip": policy.Postal, "zipcode": policy.Postal, "postcode": policy.Postal,
	"postalcode": policy.Postal, "ip": policy.IP, "ipaddress": policy.IP, "ipaddr": policy.IP,
	"name": policy.PersonName, "firstname": policy.PersonName, "lastname": policy.PersonName, "fullname": policy.PersonName,
	"surname": policy.PersonName, "displayname": policy.PersonName, "givenname": policy.PersonName, "familyname": policy.PersonName,
	"account": policy.Account, "accountid": policy.Account, "userid": policy.Account, "customerid": policy.Account, "authorid": policy.Account,
	"memberid": policy.Account, "handle": policy.Handle, "username": policy.Handle, "screenname": policy.Handle, "login": policy.Handle, "nickname": policy.Handle,
	"device": policy.Device, "deviceid": policy.Device, "idfa": policy.Device, "gaid": policy.Device, "imei": policy.Device,
	"cookie": policy.Cookie, "cookieid": policy.Cookie, "hashed": policy.Hashed, "avatar": policy.Avatar,
	"birth": policy.Birth, "birthdate": policy.Birth, "dateofbirth": policy.Birth, "dob": policy.Birth, "birthday": policy.Birth,
	"age": policy.Age, "gender": policy.Gender, "sex": policy.Gender, "geo": policy.Geo, "location": policy.Geo, "latitude": policy.Geo, "longitude": policy.Geo,
}

// vague tags say that a field is personal, not what it is; public ones that it is not.
var (
	vague  = []string{"pii", "personal", "personaldata", "private", "gdpr", "ccpa", "restricted", "confidential"}
	public = []string{"public", "nonpii", "nonsensitive", "internal"}
)

// classOf gives a tag's class. A vague tag leaves the field's name to say it, and without a word there the class is name: one
// that needs a written reason to stay readable. It reports false for tags that say a field is not personal.
func classOf(tag string, p event.Path) (policy.Class, bool) {
	word := plainWord(tag)
	if slices.Contains(public, word) {
		return "", false
	}
	if c, ok := words[word]; ok {
		return c, true
	}
	if !slices.Contains(vague, word) {
		return "", true
	}
	for _, seg := range slices.Backward(p) {
		if seg.Kind != event.Name {
			continue
		}
		if c, ok := words[plainWord(seg.Name)]; ok {
			return c, true
		}
		break
	}
	return policy.PersonName, true
}

func plainWord(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			return c
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return -1
	}, s)
}

// properties reads the class and the tags of an object of a schema.
func properties(props map[string]any) (class string, tags []string) {
	class, _ = props[classProperty].(string)
	list, _ := props[tagsProperty].([]any)
	for _, t := range list {
		if tag, ok := t.(string); ok {
			tags = append(tags, tag)
		}
	}
	return class, tags
}

func (r *tagReader) ofAvro(s *Schema) error {
	types := avroTypes{}
	schema, err := types.parse(s)
	if err != nil {
		return err
	}
	w := avroTags{r, types}
	w.walk(nil, schema.Root(), nil)
	return nil
}

type avroTags struct {
	*tagReader
	types avroTypes
}

func (w *avroTags) walk(p event.Path, n *avro.SchemaNode, above []avroName) {
	if n == nil || len(p) > maxProposalDepth {
		return
	}
	n = w.types.definition(n)
	switch n.Type {
	case "record", "error":
		if slices.Contains(above, nameOf(n)) {
			return
		}
		above = append(above[:len(above):len(above)], nameOf(n))
		for i := range n.Fields {
			f := &n.Fields[i]
			class, tags := properties(f.Props)
			at := name(p, f.Name)
			w.tag(at, &f.Type, class, tags, above)
		}
	case "array":
		w.walk(step(p, event.Segment{Kind: event.Each}), n.Items, above)
	case "map":
		w.walk(step(p, event.Segment{Kind: event.Members}), n.Values, above)
	case "union":
		for i := range n.Branches {
			w.walk(p, &n.Branches[i], above)
		}
	default:
		class, tags := properties(n.Props)
		w.propose(p, class, tags)
	}
}

// tag carries what a field's tags say to the leaves under it: of a tagged array to its elements, of a tagged record to its fields.
func (w *avroTags) tag(p event.Path, n *avro.SchemaNode, class string, tags []string, above []avroName) {
	if class != "" || len(tags) > 0 {
		for _, leaf := range w.leaves(p, n, above) {
			w.propose(leaf, class, tags)
		}
	}
	w.walk(p, n, above)
}

func (w *avroTags) leaves(p event.Path, n *avro.SchemaNode, above []avroName) (out []event.Path) {
	if n == nil || len(p) > maxProposalDepth {
		return nil
	}
	n = w.types.definition(n)
	switch n.Type {
	case "null":
		return nil
	case "record", "error":
		if slices.Contains(above, nameOf(n)) {
			return nil
		}
		above = append(above[:len(above):len(above)], nameOf(n))
		for i := range n.Fields {
			out = append(out, w.leaves(name(p, n.Fields[i].Name), &n.Fields[i].Type, above)...)
		}
	case "array":
		return w.leaves(step(p, event.Segment{Kind: event.Each}), n.Items, above)
	case "map":
		return w.leaves(step(p, event.Segment{Kind: event.Members}), n.Values, above)
	case "union":
		for i := range n.Branches {
			out = append(out, w.leaves(p, &n.Branches[i], above)...)
		}
	default:
		return []event.Path{p}
	}
	return out
}

func (r *tagReader) ofJSON(s *Schema) error {
	var root map[string]any
	if err := json.Unmarshal([]byte(s.Text), &root); err != nil {
		return err
	}
	w := jsonTags{r, root, map[string]map[string]any{}}
	for _, ref := range s.References {
		var doc map[string]any
		if err := json.Unmarshal([]byte(ref.Text), &doc); err != nil {
			return fmt.Errorf("reference %s: %w", ref.Name, err)
		}
		w.others[ref.Name] = doc
	}
	w.walk(nil, root, "", nil, nil)
	return nil
}

type jsonTags struct {
	*tagReader
	root   map[string]any
	others map[string]map[string]any
}

// walk follows one schema; class and tags are what encloses it says.
func (w *jsonTags) walk(p event.Path, s map[string]any, class string, tags, above []string) {
	if s == nil || len(p) > maxProposalDepth {
		return
	}
	if c, t := properties(s); c != "" || len(t) > 0 {
		class, tags = c, t
	}
	if ref, ok := s["$ref"].(string); ok {
		if !slices.Contains(above, ref) {
			w.walk(p, w.find(ref), class, tags, append(above[:len(above):len(above)], ref))
		}
		return
	}
	nested := false
	sub := func(p event.Path, v any) {
		if m, ok := v.(map[string]any); ok {
			nested = true
			w.walk(p, m, class, tags, above)
		}
	}
	if props, ok := s["properties"].(map[string]any); ok {
		for _, n := range slices.Sorted(maps.Keys(props)) {
			sub(name(p, n), props[n])
		}
	}
	sub(step(p, event.Segment{Kind: event.Each}), s["items"])
	sub(step(p, event.Segment{Kind: event.Members}), s["additionalProperties"])
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := s[word].([]any)
		for _, v := range list {
			sub(p, v)
		}
	}
	if !nested && len(p) > 0 && s["type"] != "null" {
		w.propose(p, class, tags)
	}
}

// find follows a reference inside the document or to one that the registry names.
func (w *jsonTags) find(ref string) map[string]any {
	file, pointer, _ := strings.Cut(ref, "#")
	at := w.root
	if file != "" {
		at = w.others[file]
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if token == "" {
			continue
		}
		next, ok := at[unescape.Replace(token)].(map[string]any)
		if !ok {
			return nil
		}
		at = next
	}
	return at
}

func (r *tagReader) ofProtobuf(s *Schema) error {
	schema, err := compileProtobuf(s)
	if err != nil {
		return err
	}
	w := protoTags{r, proto.UnmarshalOptions{Resolver: schema.types}}
	w.walk(nil, schema.file.Messages().Get(0), "", nil, nil)
	return nil
}

type protoTags struct {
	*tagReader
	how proto.UnmarshalOptions
}

// walk follows one message. Only the first of a file is: it is what records hold whose index list says nothing else.
func (w *protoTags) walk(p event.Path, m protoreflect.MessageDescriptor, class string, tags []string, above []protoreflect.FullName) {
	if len(p) > maxProposalDepth || slices.Contains(above, m.FullName()) {
		return
	}
	above = append(above[:len(above):len(above)], m.FullName())
	fields := m.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		c, t := w.meta(f)
		if c == "" && len(t) == 0 {
			c, t = class, tags
		}
		at := name(p, string(f.Name()))
		value := f
		switch {
		case f.IsMap():
			at, value = step(at, event.Segment{Kind: event.Members}), f.MapValue()
		case f.IsList():
			at = step(at, event.Segment{Kind: event.Each})
		}
		if inner := value.Message(); inner != nil && inner.FullName().Parent() != "google.protobuf" {
			w.walk(at, inner, c, t, above)
			continue
		}
		w.propose(at, c, t)
	}
}

// meta reads (confluent.field_meta): its tags, and nymstream.class among its parameters.
func (w *protoTags) meta(f protoreflect.FieldDescriptor) (class string, tags []string) {
	raw, err := proto.Marshal(f.Options())
	if err != nil || len(raw) == 0 {
		return "", nil
	}
	options := f.Options().ProtoReflect().New()
	if err := w.how.Unmarshal(raw, options.Interface()); err != nil {
		return "", nil
	}
	options.Range(func(x protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if x.FullName() != "confluent.field_meta" || x.Message() == nil {
			return true
		}
		m, ok := v.Message().Interface().(*dynamicpb.Message)
		if !ok {
			return true
		}
		fields := m.Descriptor().Fields()
		if t := fields.ByName("tags"); t != nil && t.IsList() && t.Kind() == protoreflect.StringKind {
			list := m.Get(t).List()
			for i := range list.Len() {
				tags = append(tags, list.Get(i).String())
			}
		}
		if params := fields.ByName("params"); params != nil && params.IsMap() && params.MapKey().Kind() == protoreflect.StringKind &&
			params.MapValue().Kind() == protoreflect.StringKind {
			if v := m.Get(params).Map().Get(protoreflect.ValueOfString(classProperty).MapKey()); v.IsValid() {
				class = v.String()
			}
		}
		return true
	})
	return class, tags
}
