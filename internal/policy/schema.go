// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/nymstream/nymstream/internal/event"
)

// schema is a JSON Schema, or a part of one.
type schema = map[string]any

// PolicySchema gives the JSON Schema (2020-12) of policies, PackSchema that of packs, for editors that complete and check YAML.
// They know the words of the language and where they stand; `policy check` knows what they mean together.
func PolicySchema() []byte { return spellSchema("nymstream policy", policyFile(), policyParts()) }

// PackSchema is PolicySchema for packs.
func PackSchema() []byte { return spellSchema("nymstream pack", packFile(), packParts()) }

func spellSchema(title string, root, parts schema) []byte {
	root["$schema"], root["title"], root["$defs"] = "https://json-schema.org/draft/2020-12/schema", title, parts
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // it is maps, lists and texts
	}
	return b.Bytes()
}

// closed is a mapping that has these keys only.
func closed(properties schema, required ...string) schema {
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// named is a mapping whose keys are names of things.
func named(value any) schema {
	return schema{"type": "object", "propertyNames": schema{"pattern": nameSpelling.String()}, "additionalProperties": value}
}

// keyed is a mapping whose keys are paths or texts of the author's.
func keyed(keys, value any) schema {
	return schema{"type": "object", "propertyNames": keys, "additionalProperties": value}
}

func ref(part string) schema { return schema{"$ref": "#/$defs/" + part} }

func words[T ~string](list ...T) schema { return schema{"enum": list} }

func oneOf(list ...any) schema { return schema{"oneOf": list} }

// some is one value, or a list of at least one.
func some(value any) schema {
	return oneOf(value, schema{"type": "array", "items": value, "minItems": 1})
}

// about adds what an editor shows.
func about(s schema, description string) schema {
	s["description"] = description
	return s
}

func text(description string) schema {
	return schema{"type": "string", "minLength": 1, "description": description}
}

func flagSchema() schema { return schema{"type": "boolean"} }

func whole(low, high int) schema { return schema{"type": "integer", "minimum": low, "maximum": high} }

func commonParts() schema {
	return schema{
		"language": about(schema{"const": 1}, "the version of the language"),
		"name":     schema{"type": "string", "pattern": nameSpelling.String()},
		"class":    about(words(classNames()...), "what a field is"),
		"identity": about(words(slices.DeleteFunc(classNames(), func(s string) bool { return s == string(Plain) })...), "a class that needs no type"),
		"path":     about(schema{"type": "string", "pattern": `^\$`}, "a path from the root: $.user.id, $.items[*].id"),
		"relative": about(schema{"type": "string", "pattern": `^[^$]`}, "a path relative to the object; ^ is the object around it"),
		"anypath":  schema{"type": "string", "minLength": 1},
		"duration": about(schema{"type": "string", "pattern": "^[1-9][0-9]*[dhm]$"}, "a number with d, h or m: 395d"),
		"topic":    schema{"type": "string", "pattern": topicSpelling.String()},
		"literal":  schema{"type": []string{"string", "number", "boolean", "null"}},
		"type":     typeSchema(),
		"field":    fieldSchema("relative"),
		"absolute": fieldSchema("path"),
		"leaf":     leafSchema("relative"),
		"shape":    shapeSchema(false),
		"map":      shapeSchema(true),
		"whens":    keyed(ref("anypath"), ref("test")),
		"test": about(oneOf(some(ref("literal")), closed(schema{"exists": schema{"const": true}}, "exists"), closed(schema{"absent": schema{"const": true}}, "absent"),
			closed(schema{"every": some(ref("literal"))}, "every"), closed(schema{"prefix": text("what the text begins with")}, "prefix")), "what must hold of the value"),
	}
}

// typeSchema is what a plain or kept value must be.
func typeSchema() schema {
	kinds := slices.Sorted(maps.Keys(typeKinds))
	bare := slices.DeleteFunc(slices.Clone(kinds), func(s string) bool { return s == "string" })
	return about(oneOf(words(bare...), closed(schema{
		"type": words(kinds...), "enum": schema{"type": "array", "items": schema{"type": "string"}, "minItems": 1},
		"pattern": schema{"type": "string", "format": "regex"}, "max": whole(1, maxText),
		"or": some(ref("literal")), "nullable": flagSchema(), "text": flagSchema(),
	})), "what a value must be to leave")
}

// leafSchema is {class: …} or {plain: …} with what the class lets one say.
func leafSchema(paths string) schema {
	path := ref(paths)
	known := schema{
		"class": ref("identity"), "plain": ref("type"), "or": some(ref("literal")), "nullable": flagSchema(),
		"template": about(some(schema{"type": "string", "minLength": 1}), "what a composite value is put together from: {group}_{object-id}"),
		"of":       about(path, "whose it is"), "same": about(path, "another spelling of the same identifier"),
		"alias": about(flagSchema(), "another name of its account"), "except": exceptSchema(),
		"markup":  words("plain", "html", "markdown", "slack", "discord"),
		"offsets": about(some(path), "where positions in the text stand"), "links": path,
		"unit":   words("codepoint", "utf16", "utf8", "auto", "s", "ms", "us", "µs"),
		"format": words("rfc3339", "ruby", "date", "http"), "zone": schema{"type": "string", "pattern": zoneSpelling.String()},
		"form": oneOf(words("number", "text"), schema{"enum": [][]string{{"lat", "lon"}, {"lon", "lat"}}}),
	}
	properties, depends := schema{}, schema{}
	for _, key := range fieldKeys {
		properties[key] = known[key]
		if known[key] == nil {
			properties[key] = true // a word that is not described here yet
		}
		if of := options[key]; of != nil {
			depends[key] = schema{"required": []string{"class"}, "properties": schema{"class": words(of...)}}
		}
	}
	for _, key := range []string{"or", "nullable"} {
		depends[key] = schema{"required": []string{"plain"}}
	}
	s := closed(properties)
	s["oneOf"] = []schema{{"required": []string{"class"}}, {"required": []string{"plain"}}}
	s["dependentSchemas"] = depends
	return s
}

func exceptSchema() schema {
	return about(closed(schema{"plain": some(ref("literal"))}, "plain"), "values that are nobody")
}

// fieldSchema is all that a field can be.
func fieldSchema(paths string) schema {
	leaf := leafSchema(paths)
	if paths == "relative" {
		leaf = ref("leaf")
	}
	return oneOf(ref("identity"), leaf,
		closed(schema{"shape": ref("name"), "depth": whole(1, maxShapeDepth)}, "shape"),
		ref("shape"),
		closed(schema{"cases": about(schema{"type": "array", "minItems": 1, "items": schema{"type": "object", "properties": schema{"when": ref("whens")}}}, "the first whose when: holds")}, "cases"),
		closed(schema{
			"decode": about(words(event.Codecs...), "how the document inside the string is encoded"), "value": ref("field"), "shape": ref("name"),
			"depth": whole(1, maxShapeDepth), "subject": some(ref("relative")), "fields": fieldsSchema("relative", "field"), "keys": ref("field"), "values": valuesSchema(),
		}, "decode"))
}

func fieldsSchema(path, field string) schema { return keyed(ref(path), ref(field)) }

func valuesSchema() schema {
	return about(schema{"anyOf": []any{ref("field"), ref("map")}}, "what the members are")
}

// shapeSchema is a recurring object, or one written in place.
func shapeSchema(value bool) schema {
	subject := some(ref("relative"))
	if value {
		subject = schema{"anyOf": []any{schema{"const": "key"}, subject}}
	}
	s := closed(schema{
		"subject": about(subject, "whose the fields are"), "value": about(schema{"anyOf": []any{ref("identity"), ref("leaf")}}, "what a bare scalar in its place is"),
		"fields": fieldsSchema("relative", "field"), "except": exceptSchema(),
		"keys": about(schema{"anyOf": []any{ref("identity"), ref("leaf")}}, "what the names of its members are"), "values": valuesSchema(),
	})
	s["anyOf"] = []schema{{"required": []string{"value"}}, {"required": []string{"fields"}}, {"required": []string{"keys", "values"}}}
	return s
}

func packFile() schema {
	return closed(schema{
		"language": ref("language"), "pack": ref("name"), "version": schema{"type": "integer", "minimum": 1}, "description": text("what the platform is"),
		"each":     about(some(ref("path")), "arrays whose elements are events of their own"),
		"shapes":   about(named(ref("shape")), "objects that recur"),
		"fields":   about(fieldsSchema("path", "absolute"), "fields of every event"),
		"consents": about(keyed(ref("path"), words(ConsentForms...)), "where events carry what people agreed to"),
		"record":   about(closed(schema{"key": ref("part"), "headers": schema{"type": "object", "additionalProperties": ref("part")}}), "what Kafka's key and headers are"),
		"events":   about(named(ref("event")), "tried in order; none matches: withheld"),
	}, "language", "pack", "version", "events")
}

func packParts() schema {
	parts := commonParts()
	parts["part"] = schema{"anyOf": []any{ref("identity"), leafSchema("path")}}
	parts["event"] = closed(schema{
		"in":      about(schema{"anyOf": []any{schema{"const": "$"}, some(ref("path"))}}, "where it occurs: some of the pack's each:, or $ for whole records"),
		"when":    about(ref("whens"), "all of these must hold"),
		"subject": about(schema{"anyOf": []any{schema{"const": "none"}, some(ref("anypath"))}}, "who acts: the first that is present"),
		"time":    ref("anypath"), "signal": about(words(signals...), "a deletion: it reaches recipients without consent, as pseudonyms only"),
		"shape": ref("name"), "fields": keyed(ref("anypath"), schema{"anyOf": []any{ref("absolute"), ref("field")}}), "facets": facetsSchema(),
		"record": closed(schema{"key": ref("part")}, "key"),
	})
	return parts
}

// facetsSchema knows the words of facets that mean the same everywhere.
func facetsSchema() schema {
	fits := schema{"anyOf": []any{schema{"const": "always"}, ref("whens"), schema{"type": "array", "items": ref("whens"), "minItems": 1}}}
	shared := schema{}
	for name, vocabulary := range vocabulary {
		properties := schema{"else": words(vocabulary...)}
		for _, w := range vocabulary {
			properties[w] = fits
		}
		shared[name] = closed(properties)
	}
	return about(schema{"type": "object", "properties": shared, "propertyNames": ref("name"),
		"additionalProperties": schema{"type": "object", "properties": schema{"else": ref("name")}, "additionalProperties": fits}},
		"platform-neutral words about an event")
}

func policyFile() schema {
	return closed(schema{
		"language":   ref("language"),
		"controller": about(closed(schema{"name": text("who answers for this data"), "contact": text("how people reach the controller"), "dpo": text("the data protection officer")}, "name", "contact"), "who answers for this data"),
		"ages": about(closed(schema{"unknown": about(words("adult", "minor"), "what people of unknown age count as; default minor"),
			"reason": text("how the platforms know that they are adults"), "minor_below": about(whole(youngestOfAge, oldestMinor), "years; default 18")}), "who counts as a minor"),
		"purposes":   about(named(ref("purpose")), "why data is used; each recipient has one"),
		"sources":    about(named(ref("source")), "raw topics, and what is in them"),
		"recipients": about(named(ref("recipient")), "who gets what; each is a pseudonymization domain of its own"),
	}, "language", "controller", "purposes", "sources", "recipients")
}

func policyParts() schema {
	parts := commonParts()
	parts["purpose"] = closed(schema{"basis": about(words(bases...), "GDPR Art. 6"), "description": text("what the data is for"),
		"sale": about(flagSchema(), "an opt-out of sale withholds the event"), "sharing": about(flagSchema(), "an opt-out of sharing withholds the event"),
		"accepts": about(closed(schema{"tcf": closed(schema{"purposes": some(whole(1, 24)), "vendor": whole(1, 65535)}, "purposes"),
			"categories": some(text("a category of Segment or RudderStack")), "google": some(words(googleTypes...))}), "what counts as consent inside an event"),
		"dpv": text("a term of the Data Privacy Vocabulary")}, "basis", "description")
	parts["source"] = closed(schema{
		"topics": some(ref("topic")), "format": about(words(SourceFormats...), "what its records are wrapped in; default json"), "pack": text("name@version, or ./pack.yaml"), "instance": text("account 7 of this instance is not account 7 of another"),
		"add":        about(fieldsSchema("path", "absolute"), "fields that the pack does not know"),
		"reclassify": about(fieldsSchema("path", "reclassification"), "fields that are something else here; weaker needs the reason"),
	}, "topics", "pack")
	again := leafSchema("path")
	again["properties"].(schema)["reason"] = text("why it is that, and not what the pack says")
	parts["reclassification"] = oneOf(ref("identity"), again)
	parts["rule"] = ruleSchema()
	parts["recipient"] = recipientSchema()
	return parts
}

func recipientSchema() schema {
	classRules := schema{}
	for _, c := range classNames() {
		classRules[c] = ref("rule")
	}
	return closed(schema{
		"role": words(roles...), "purpose": ref("name"), "topic": about(ref("topic"), "the topic that it reads"),
		"pseudonyms": about(closed(schema{"renew": ref("duration"), "overlap": ref("duration")}), "how long one person has one pseudonym"),
		"retention":  about(ref("duration"), "how long it keeps the data"), "minors": words("withhold", "with-parental-consent", "allow"),
		"key": about(words(KeySubject, KeyEvent, KeySource, KeyNone), "what record keys are made of"), "partition_by": words("key", "source"),
		"record_time": about(words(slices.Sorted(maps.Keys(recordTimes))...), "what output timestamps are truncated to"),
		"format":      about(words(RecipientFormats...), "what its records are wrapped in; default json"),
		"from": about(named(closed(schema{"events": about(some(ref("name")), "default: all"),
			"only": about(named(some(ref("name"))), "keep events by what their facets say")})), "the sources it gets; {} for all of a source's events"),
		"classes": about(closed(classRules), "what to do with fields, by class"),
		"paths":   about(named(keyed(ref("path"), ref("rule"))), "exceptions, by source and path"),
		"headers": about(named(schema{"type": "object", "additionalProperties": ref("rule")}), "headers, by source and name"),
	}, "role", "purpose", "topic", "retention", "from")
}

// ruleSchema is one technique, bare or with its parameters and the reason why something stays clear.
func ruleSchema() schema {
	parameters := schema{
		Keep: ref("type"), Seal: closed(schema{"deterministic": flagSchema()}), Mask: closed(schema{"keep": whole(0, 64), "at": words("start", "end")}),
		Truncate: closed(schema{"ipv4": whole(1, 32), "ipv6": whole(1, 128), "keep": whole(1, maxText)}),
		Round:    oneOf(schema{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?k?m$`}, closed(schema{"places": whole(-12, 12)})),
		Bucket:   schema{"type": "array", "items": schema{"type": "number"}, "minItems": 1, "maxItems": maxBounds},
		Time:     words("hour", "day", "week", "shift"), FPE: words("digits", "hex", "letters", "alphanumeric"), InText: textSchema(), Replace: closed(schema{"value": ref("literal")}, "value"),
	}
	var bare []string
	var told []any
	for _, name := range techniqueNames() {
		entry := catalog[name]
		if entry.bare {
			bare = append(bare, name)
		}
		p := parameters[name]
		switch {
		case p != nil:
		case entry.read != nil:
			p = schema{} // parameters that are not described here yet
		default:
			p = schema{"type": "object", "maxProperties": 0}
		}
		if entry.fitting != "" {
			p = schema{"allOf": []any{p}, "description": "fits " + entry.fitting}
		}
		told = append(told, closed(schema{name: p, "clear": text("why it stays readable")}, name))
	}
	return about(oneOf(append([]any{words(bare...)}, told...)...), "what is done to the field")
}
