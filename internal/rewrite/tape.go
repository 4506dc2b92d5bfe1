// SPDX-License-Identifier: Apache-2.0

// Package rewrite reads a JSON payload once, strictly, into a tape of the fields that the plan names,
// and from that tape writes for every recipient what it may have. What no rule names is never on the tape.
package rewrite

import "github.com/nymstream/nymstream/internal/transform"

// kind is what an entry of the tape stands for. Scalars have the values of transform.Kind.
type kind uint8

const (
	object   kind = kind(transform.Null) + 1 + iota
	array         // its elements
	member        // a member whose name is data: the name and, where the plan names it, the value
	document      // a string that holds a document: the document, where it could be read
)

// none marks an absent tape index or node.
const none = -1

// entry is one named field of the payload, in the order of the bytes. The entries of a container follow it directly.
type entry struct {
	node    int32 // place in the source's trie
	up      int32 // tape index of the enclosing container
	end     int32 // containers: tape index behind their last entry; scalars: payload offset behind the token
	start   int32 // payload offset of the token
	count   int32 // arrays: number of elements, named or not
	subject int32 // scalars: number of the person named among the scope's People, plus one; 0: nobody, or not yet known
	kind    kind  //
	exact   bool  // the token is the one way to write its value: no escapes, no point, no exponent
}

func (e *entry) container() bool { return e.kind >= object }

// raw gives the token as it stands in the payload.
func (e *entry) raw(payload []byte) []byte { return payload[e.start:e.end] }
