// SPDX-License-Identifier: Apache-2.0

package policy

// Class says what a leaf is, whoever gets it.
type Class string

const (
	Account    Class = "account"
	Handle     Class = "handle"
	ObjectID   Class = "object-id" // posts, comments, messages
	Group      Class = "group"     // guild, channel, team, page: no consent asked
	App        Class = "app"       // a client program
	PersonName Class = "name"
	Email      Class = "email"
	Phone      Class = "phone"
	Postal     Class = "postal"
	IP         Class = "ip"
	Device     Class = "device"
	Cookie     Class = "cookie"
	Geo        Class = "geo"
	PlaceID    Class = "place-id"
	Locale     Class = "locale"
	Birth      Class = "birth"
	Age        Class = "age"
	Gender     Class = "gender"
	Text       Class = "text"
	URL        Class = "url"
	Media      Class = "media"  // references to pictures and video
	Avatar     Class = "avatar" // a person's picture
	Times      Class = "timestamp"
	Offset     Class = "offset"  // a position in a text
	Special    Class = "special" // GDPR Art. 9
	Health     Class = "health"
	Finance    Class = "finance"
	Credential Class = "credential" // never leaves
	Government Class = "government"
	Hashed     Class = "hashed" // already hashed identifiers: identifiers all the same
	Free       Class = "free"   // untyped user input
	Plain      Class = "plain"  // not personal; always typed
)

// Kinds of classes: what a class allows is decided by these sets.
var (
	// directIdentifiers name a person by themselves: kept clear only with a written reason.
	directIdentifiers = set(Account, Handle, PersonName, Email, Phone, Postal, IP, Device, Cookie, Avatar, Government, Hashed, Finance)
	// subjectIdentifiers have a subject's secret of their own; their pseudonyms end with it.
	subjectIdentifiers = set(Account, Handle, Email, Phone, IP, Device, Cookie, PersonName, Hashed, Government)
	// objectIdentifiers name things; their pseudonyms end with the epoch.
	objectIdentifiers = set(ObjectID, Group, App, PlaceID, URL, Media, Avatar)
	classes           = set(Account, Handle, ObjectID, Group, App, PersonName, Email, Phone, Postal, IP, Device, Cookie, Geo, PlaceID, Locale, Birth, Age,
		Gender, Text, URL, Media, Avatar, Times, Offset, Special, Health, Finance, Credential, Government, Hashed, Free, Plain)
)

func set(cs ...Class) map[Class]bool {
	m := make(map[Class]bool, len(cs))
	for _, c := range cs {
		m[c] = true
	}
	return m
}

// Known tells whether the class is one of the language.
func (c Class) Known() bool { return classes[c] }

// DirectIdentifier tells whether the class names a person by itself.
func (c Class) DirectIdentifier() bool { return directIdentifiers[c] }

// OfSubject tells whether pseudonyms of the class are made from a subject's secret; those of objects are not.
func (c Class) OfSubject() bool { return subjectIdentifiers[c] }

// Identifier tells whether leaves of the class can be pseudonymized.
func (c Class) Identifier() bool { return subjectIdentifiers[c] || objectIdentifiers[c] }

// identityTypes are the three letters pseudonyms begin with.
var identityTypes = map[Class]string{
	Account: "acc", Handle: "hdl", ObjectID: "obj", Group: "grp", App: "app", PersonName: "nam", Email: "eml", Phone: "phn", IP: "ipa", Device: "dev",
	Cookie: "cke", PlaceID: "plc", Hashed: "hsh", Government: "gov", URL: "url", Media: "med", Avatar: "ava",
}

// IdentityType gives the three letters that pseudonyms of the class begin with; "" where it has none.
func (c Class) IdentityType() string { return identityTypes[c] }

// ClassOfType gives the class whose pseudonyms begin with the three letters; "": none.
func ClassOfType(letters string) Class {
	for c, t := range identityTypes {
		if t == letters {
			return c
		}
	}
	return ""
}

// Sensitive tells whether people may limit the use of what the class holds (Cal. Civ. Code 1798.140(ae)).
func (c Class) Sensitive() bool {
	return c == Special || c == Health || c == Finance || c == Government
}

// OfThings tells whether the class is about things: it says nothing of a person whom nothing else names.
func (c Class) OfThings() bool {
	return c == Plain || c == ObjectID || c == Group || c == App
}

// Everywhere tells whether an identifier of the class names the same person on every platform (an e-mail address does,
// an account number does not): then labels leave the platform instance out.
func (c Class) Everywhere() bool {
	return c == Email || c == Phone || c == IP || c == Device || c == Government
}
