// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"sync"

	"github.com/nymstream/nymstream/internal/detect/span"
)

// cueSet names the cue words that the kinds of this package look for.
type cueSet struct{ card, bank, account, bic, routing, sort, secret, crypto, ip, mac, version span.Cue }

var cues = sync.OnceValue(func() *cueSet {
	d := span.Cues()
	return &cueSet{
		card: d.Must("card"), bank: d.Must("bank"), account: d.Must("bank.account"), bic: d.Must("bank.bic"), routing: d.Must("bank.routing"),
		sort: d.Must("bank.sort"), secret: d.Must("secret"), crypto: d.Must("crypto"), ip: d.Must("ip"), mac: d.Must("mac"), version: d.Must("version"),
	}
})
