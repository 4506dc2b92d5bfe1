// SPDX-License-Identifier: Apache-2.0

package nationalid

// The rule of each line is published by the authority named at its end.
var northernEurope = []rule{
	{"dk.cpr", "999999-9999", every(dmyDay(0, 60), divides(11, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)), firm, ""}, // CPR-kontoret
	{"dk.cpr", "999999-9999", dmyDay(0, 60), cued, ""},                                                   // without a sum since 2007
	{"dk.cvr", "99 99 99 99", divides(11, 2, 7, 6, 5, 4, 3, 2, 1), cued, ""},                             // Erhvervsstyrelsen
	{"dk.vat", "dk 99 99 99 99", divides(11, 2, 7, 6, 5, 4, 3, 2, 1), alone, ""},
	{"fi.hetu", "999999[A-FU-Y]999X", every(dmy(0), personFinland), alone, ""}, // DVV
	{"fi.hetu", "999999-999X|999999+999X", every(dmy(0), personFinland), laid, ""},
	{"fi.vat", "9999999-9", complement(11, -1, 7, 9, 10, 5, 8, 4, 2), cued, ""}, // PRH
	{"fi.vat", "fi 99999999", complement(11, -1, 7, 9, 10, 5, 8, 4, 2), alone, ""},
	{"fo.vn", "999 999", nil, cued, "id.tax"},
	{"is.kennitala", "999999-9999", every(dmyDay(0, 40), complement(11, -1, 3, 2, 7, 6, 5, 4, 3, 2)), firm, ""}, // Þjóðskrá
	{"is.vat", "is 9{5,6}", nil, cued, ""},
	{"no.fnr", "999999 99999", personNorway, alone, ""},                                  // Skatteetaten
	{"no.orgnr", "[89]99 999 999", complement(11, -1, 3, 2, 7, 6, 5, 4, 3, 2), cued, ""}, // Brønnøysund
	{"no.vat", "no [89]99 999 999|no [89]99 999 999 mva", complement(11, -1, 3, 2, 7, 6, 5, 4, 3, 2), alone, ""},
	{"se.pnr", "999999-9999|999999+9999", every(ymdDay(0, 60), luhn), firm, ""}, // Skatteverket
	{"se.pnr", "[12]9999999-9999|[12]9999999+9999", every(ymdDay(2, 60), part(2, 12, luhn)), laid, ""},
	{"se.orgnr", "[1-35-9]9[2-9]999-9999", luhn, cued, ""}, // Bolagsverket
	{"se.vat", "se 999999999901", part(0, 10, luhn), alone, ""},
}

// personFinland takes the digits around the sign of the century modulo 31.
func personFinland(v value) bool {
	n := v.number(0, 6)
	for _, s := range v.sym[v.n-4 : v.n-1] {
		n = n*10 + int(s)
	}
	return symbols["0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31]]-1 == v.sym[v.n-1]
}

// personNorway has two digits of check; the day has 40 added for a D number, the month 40 or 80 for others.
func personNorway(v value) bool {
	day := v.number(0, 2)
	if day > 40 {
		day -= 40
	}
	return dated(v.number(2, 4), day, []int{40, 65, 80}) && firstNorway(v) && secondNorway(v)
}

var (
	firstNorway  = complement(11, -1, 3, 7, 6, 1, 8, 9, 4, 5, 2)
	secondNorway = complement(11, -1, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
)
