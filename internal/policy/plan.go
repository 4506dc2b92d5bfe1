// SPDX-License-Identifier: Apache-2.0

// Package policy turns YAML packs (what a field is) and a policy (what each recipient may have) into one checked, immutable plan.
package policy

import (
	"time"

	"github.com/nymstream/nymstream/internal/event"
)

// Plan is a compiled policy with its packs. It is immutable and safe for concurrent use.
type Plan struct {
	Hash       string // SHA-256 of the canonical plan, lower-case hex
	Controller Controller
	Ages       Ages
	Purposes   []Purpose   // sorted by name
	Sources    []Source    // sorted by name
	Recipients []Recipient // sorted by name
	Flows      []Flow      // every joined source and recipient, by source, then recipient
	Warnings   []Problem
	Files      []string // that it was read from: the policy's, then the packs' that are files
}

type Controller struct{ Name, Contact, DPO string }

// Purpose is why data is used. Basis is one of BasisConsent …
type Purpose struct {
	Name, Basis, Description, DPV string
	Sale                          bool     // an opt-out of sale withholds the event
	Sharing                       bool     // an opt-out of sharing for cross-context advertising does
	Accepts                       *Accepts `json:",omitempty"` // what counts as consent inside an event; nil: nothing does
}

// Accepts says which answers of foreign consent strings and objects in an event are consent to a purpose: all that are named.
type Accepts struct {
	TCF        []int    `json:",omitempty"` // purposes of the IAB Transparency and Consent Framework
	Vendor     int      `json:",omitempty"` // of the framework's vendor list; 0: no vendor is asked
	Categories []string `json:",omitempty"` // of Segment and RudderStack
	Google     []string `json:",omitempty"` // of Google's consent mode: analytics_storage …
}

// Ages says what somebody counts as whose age is not known.
type Ages struct {
	UnknownIsAdult bool   // else a minor
	Reason         string // why, where UnknownIsAdult
	MinorBelow     int    // years: who is younger, as an event tells, is a minor
}

// Source is one kind of raw topic and what its fields are.
type Source struct {
	Name     string
	Instance string // platform instance named by labels; default: the pack's name
	Topics   []string
	Format   string       // what its records are wrapped in: one of SourceFormats
	Pack     string       // name@version
	Key      Leaf         // what the record key is; Class "" when the pack does not say
	Each     []event.Path // arrays whose elements are events of their own; none: a record is one event
	Headers  []HeaderLeaf
	Events   []Event        // tried in order; the first whose When holds
	Consents []ConsentPlace // where events carry what people agreed to, sorted by path

	Reclassified []Reclassification // what the policy says other than the pack, sorted by path
}

// ConsentPlace is where an event carries what its subjects agreed to: a consent string, or an object.
type ConsentPlace struct {
	Path event.Path
	Form string // one of ConsentForms
}

// Reclassification is a field that the policy gives another class than the pack does.
type Reclassification struct {
	Path     event.Path
	From, To Class
	Reason   string // mandatory where To protects less than From
}

// HeaderLeaf is what the header Name is.
type HeaderLeaf struct {
	Name string
	Leaf Leaf
}

// Event is one kind of payload.
type Event struct {
	Name      string
	Each      event.Path   // the elements that the event is looked for in; nil: whole records
	Key       Leaf         // what the record key is with this event; Class "": what the source says
	When      []Condition  // all must hold; empty: always
	Subjects  []event.Path // acting subjects: the first path that is present counts (all its matches, where it has [*])
	NoSubject bool         // subject: none
	Time      event.Path   // nil: the broker timestamp
	Signal    string       // "" or object-deleted, account-deleted, scrub-geo, consent-withdrawn …
	Facets    []Facet
	Leaves    []Leaf // every classified field; and containers that a count or presence rule names
}

// Condition holds when the value at Path equals one of Equals, begins with Prefix, is present, or is absent.
// A path with [*] holds when any element does; with Every, when there is one and all do.
type Condition struct {
	Path   event.Path `json:",omitzero"`
	Equals []Literal  `json:",omitzero"`
	Prefix string     `json:",omitzero"`
	Every  bool       `json:",omitzero"` // of Equals
	Exists bool       `json:",omitzero"`
	Absent bool       `json:",omitzero"`
}

// Clause is a part of a case: it holds when all of When do, or, with Not, when one of them does not.
type Clause struct {
	When []Condition
	Not  bool
}

// Literal is a JSON scalar of a condition or exception: Kind says how it is spelled in JSON.
type Literal struct {
	Kind LiteralKind
	Text string // decoded text; numbers as written; true, false, null as such
}

type LiteralKind uint8

const (
	String LiteralKind = iota
	Number
	Bool
	Null
)

// Facet is a platform-neutral word about an event, such as visibility.
type Facet struct {
	Name  string
	Words []FacetWord // tried in order
	Else  string      // "" means unknown
}

// FacetWord says when a word fits. A word with several sets of conditions stands in the list once for each.
type FacetWord struct {
	Word   string
	Always bool
	When   []Condition
}

// Leaf is one classified field: a scalar at Path, or a container when Container is set.
type Leaf struct {
	Path       event.Path   `json:",omitzero"` // behind a string: the document inside; .*~ is the name of a member
	Case       []Clause     `json:",omitzero"` // the leaf is this only where all hold; nil: always
	Class      Class        `json:",omitzero"`
	Type       *Type        `json:",omitzero"` // of class plain; else nil
	Templates  []Template   `json:",omitzero"` // what a composite identifier is made of; the first that fits
	OwnParts   bool         `json:",omitzero"` // an account or handle in it is another spelling of its owner
	Owner      event.Path   `json:",omitzero"` // identifier of the person the leaf belongs to; nil: the event's subject. For account-like classes: Path itself
	Same       event.Path   `json:",omitzero"` // another spelling of the same identifier that must agree; nil: none
	Alias      bool         `json:",omitzero"`
	Except     []Literal    `json:",omitzero"` // values that are not what the class says
	Timestamp  Timestamp    `json:",omitzero"` // of class timestamp
	Geo        string       `json:",omitzero"` // of class geo: "number" (one coordinate), "lat,lon", "lon,lat", "text"
	Markup     string       `json:",omitzero"` // of class text: plain, html, markdown, slack, discord
	Offsets    []event.Path `json:",omitzero"`
	OffsetUnit string       `json:",omitzero"` // of Offsets: codepoint, utf16, utf8
	Links      event.Path   `json:",omitzero"`
	Container  bool         `json:",omitzero"`
	Rule       string       `json:",omitzero"` // where the pack says so, for people: "mastodon@1 shape account, field id"
}

// Template is the parts of a composite value, in their order.
type Template []TemplatePart

// TemplatePart is fixed text, or a part that names something.
type TemplatePart struct {
	Kind    PartKind `json:",omitzero"`
	Literal string   `json:",omitzero"` // of PartLiteral
	Class   Class    `json:",omitzero"` // of PartIdentifier
	Words   []string `json:",omitzero"` // of PartWords
}

type PartKind uint8

const (
	PartLiteral    PartKind = iota // text as it stands
	PartIdentifier                 // leaves as its pseudonym
	PartWord                       // 1 to 64 letters, points and hyphens: kept
	PartInteger                    // up to 9 digits: kept
	PartWords                      // one of these words: kept
	PartHost                       // a host name: kept
	PartDropped                    // anything: not written
)

// Timestamp tells how a time is written.
type Timestamp struct {
	Unit   string `json:",omitzero"` // auto, s, ms, us for numbers and digit strings
	Format string `json:",omitzero"` // rfc3339 (default), ruby, date, http
	Zone   string `json:",omitzero"` // of times without one; default UTC
}

// Type is what a plain value must be to be kept.
type Type struct {
	Kind     TypeKind  `json:",omitzero"`
	Enum     []string  `json:",omitzero"`
	Pattern  string    `json:",omitzero"` // RE2, matched against the whole decoded text
	Max      int       `json:",omitzero"` // longest string in code points; 0: no limit stated
	Or       []Literal `json:",omitzero"`
	Nullable bool      `json:",omitzero"`
	Text     bool      `json:",omitzero"` // numbers and booleans may be written as strings
}

type TypeKind uint8

const (
	TypeInteger TypeKind = iota + 1
	TypeNumber
	TypeBoolean
	TypeEnum
	TypeString
)

// Role says what law calls a recipient.
type Role string

const (
	Processor  Role = "processor"
	Controls   Role = "controller"
	ThirdParty Role = "third-party"
)

// Recipient is one reader of sanitized events: a pseudonymization domain of its own.
type Recipient struct {
	Name        string
	Role        Role
	Purpose     int // index into Plan.Purposes
	Topic       string
	Renew       time.Duration // length of an epoch; 0: epochs change only by command
	Overlap     time.Duration // how long an ended epoch still serves late records
	Retention   time.Duration
	Minors      string        // withhold, with-parental-consent, allow
	Key         string        // what the output key is made of: KeySubject (where every subject leaves as a pseudonym, the default) …
	PartitionBy string        // key (default) or source; see stream
	Format      string        // what its records are wrapped in: one of RecipientFormats
	RecordTime  time.Duration // output timestamps are processing time truncated to this; default an hour
	Hash        string        // of this recipient's own part of the plan, lower-case hex
}

// Flow is what one recipient gets from one source.
type Flow struct {
	Source    int         // index into Plan.Sources
	Recipient int         // index into Plan.Recipients
	Events    []FlowEvent // parallel to Source.Events
	Headers   []Decision  // parallel to Source.Headers; with an event that is a signal only the pseudonyms leave
}

// FlowEvent is what the recipient gets of one event. Selected is false when from: does not name the event.
type FlowEvent struct {
	Selected  bool
	Only      []Only
	Decisions []Decision // parallel to Event.Leaves; nil when not selected
	// KeyFrom tells whether the output key may be made of a subject (parallel to Event.Subjects), or of the event's id or
	// the source's key (one element), as Recipient.Key says. Where false, its pseudonym does not leave, and the key is null.
	KeyFrom []bool
}

// Only keeps events whose facet has one of Words. Unknown never matches.
type Only struct {
	Facet string
	Words []string
}

// Decision is the rule that decides one leaf for one recipient. Technique "" means nothing names the leaf: dropped.
type Decision struct {
	Technique Technique `json:",omitzero"`
	Rule      string    `json:",omitzero"` // the deciding rule, for people: "policy.yaml:31 classes.account" or "policy.yaml:44 paths.$.user.email"
	Rebuild   []bool    `json:",omitzero"` // by template of the leaf: its parts get pseudonyms; else the whole value gets one. nil: none
	Clear     string    `json:",omitzero"` // the written reason why a direct identifier stays clear
}

// Technique is a technique's name with its parameters; zero where they do not apply. See techniques.go for which takes which.
type Technique struct {
	Name          string        `json:",omitzero"`
	Type          *Type         `json:",omitzero"` // keep
	Deterministic bool          `json:",omitzero"` // seal
	Keep          int           `json:",omitzero"` // mask, truncate(text): characters kept
	At            string        `json:",omitzero"` // mask: start or end (default end)
	IPv4, IPv6    int           `json:",omitzero"` // truncate(ip): prefix bits kept; defaults 24 and 48
	Places        int           `json:",omitzero"` // round(number): decimal places, may be negative; default 0
	Grid          float64       `json:",omitzero"` // round(geo): kilometers; 0: use Places
	Bounds        []float64     `json:",omitzero"` // bucket: lower bounds, ascending
	Step          time.Duration `json:",omitzero"` // time: hour, day, week
	Shift         bool          `json:",omitzero"` // time: moved by a span of its person's own
	Alphabet      string        `json:",omitzero"` // fpe: digits, hex, letters, alphanumeric
	Value         *Literal      `json:",omitzero"` // replace
	Text          *TextRule     `json:",omitzero"` // text
}
