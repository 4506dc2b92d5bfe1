// SPDX-License-Identifier: Apache-2.0

package nationalid

// The rule of each line is published by the authority named at its end.
var easternEurope = []rule{
	{"al.nipt", "[A-M]99999999A", nil, cued, ""}, // QKB
	{"al.nipt", "al [A-M]99999999A", nil, alone, ""},
	{"al.nipt", "999999999A", nil, cued, "id.tax"},

	{"bg.egn", "999999 999 9", every(ymd(0, 20, 40), remainder(11, 0, 2, 4, 8, 5, 10, 9, 7, 3, 6)), firm, ""}, // GRAO
	{"bg.pnf", "9999999999", remainder(10, -1, 21, 19, 17, 13, 11, 9, 7, 3, 1), cued, ""},                     // NAP
	{"bg.vat", "999999999", taxBulgaria, cued, ""},                                                            // NAP
	{"bg.vat", "bg 999999999", taxBulgaria, alone, ""},
	{"by.unp", "999999999|[A-CEHKMOPT][A-CEHKMOPT]9999999", taxBelarus, cued, ""}, // MNS
	{"cy.tic", "[013-59]9999999A", taxCyprus, alone, ""},                          // Tax Department
	{"cy.tic", "cy [013-59]9999999A", taxCyprus, alone, ""},

	{"cz.rc", "999999/9999", birthCzech, firm, ""}, // MV
	{"cz.rc", "999999/999", every(ymd(0, 50), within(0, 2, 0, 53)), laid, ""},
	{"cz.rc", "9999999999", ymd(0, 20, 50, 70), cued, ""}, // some were given without a sum
	{"cz.rc", "999999999", ymd(0, 50), cued, ""},
	{"cz.dic", "cz 9999999999", birthCzech, alone, ""},
	{"cz.dic", "99999999", complement(11, 0, 8, 7, 6, 5, 4, 3, 2), cued, ""}, // ARES
	{"cz.dic", "cz 99999999", complement(11, 0, 8, 7, 6, 5, 4, 3, 2), alone, ""},
	{"sk.dic", "9999999999", modulo11, cued, ""}, // Finančná správa
	{"sk.dic", "sk 9999999999", modulo11, alone, ""},

	{"ee.ik", "[1-8]9999999999", every(ymd(1), personBaltic), firm, ""}, // Registrikeskus
	{"ee.kmkr", "ee 999999999", divides(10, 3, 7, 1, 3, 7, 1, 3, 7, 1), alone, ""},
	{"lt.ak", "[3-69]9999999999", personBaltic, cued, ""}, // Registrų centras
	{"lt.vat", "lt 999999999|lt 999999999999", nil, laid, ""},
	{"lv.pk", "999999-99999", every(dmy(0), personLatvia), firm, ""}, // PMLP
	{"lv.pk", "3[2-9]9999-99999", nil, cued, ""},                     // since 2017, without a sum
	{"lv.pvn", "[4-9]9999999999", divides(11, 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1), cued, ""},

	{"gr.amka", "99999999999", every(dmy(0), luhn), firm, ""}, // IDIKA
	{"gr.afm", "999999999", remainder(11, 0, 256, 128, 64, 32, 16, 8, 4, 2), cued, ""},
	{"gr.afm", "el 999999999|gr 999999999", remainder(11, 0, 256, 128, 64, 32, 16, 8, 4, 2), alone, ""}, // AADE
	{"hr.oib", "99999999999", mod1110, cued, ""},                                                        // Porezna uprava
	{"hr.oib", "hr 99999999999", mod1110, alone, ""},

	{"hu.anum", "99999999-9-99|99999999", part(0, 8, complement(10, -1, 9, 7, 3, 1, 9, 7, 3)), laid, ""}, // NAV
	{"hu.anum", "hu 99999999", complement(10, -1, 9, 7, 3, 1, 9, 7, 3), alone, ""},
	{"hu.taj", "999 999 999", remainder(10, -1, 3, 7, 3, 7, 3, 7, 3, 7), cued, ""},   // NEAK
	{"hu.tax", "8999999999", remainder(11, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9), cued, ""}, // NAV

	{"md.idno", "9999999999999", remainder(10, -1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1), cued, ""},                // ASP
	{"mk.edb", "9999999999999", complement(11, 0, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), cued, ""},                 // UJP
	{"mk.edb", "mk 9999999999999", complement(11, 0, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), alone, ""},             // UJP
	{"yu.jmbg", "9999999999999", every(dmy(0), complement(11, 0, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)), firm, ""}, // the states of former Yugoslavia
	{"rs.pib", "999999999", mod1110, cued, ""},                                                                   // APR
	{"me.pib", "99999999", complement(11, 0, 8, 7, 6, 5, 4, 3, 2), cued, ""},
	{"si.ddv", "99999999", complement(11, 0, 8, 7, 6, 5, 4, 3, 2), cued, ""}, // FURS
	{"si.ddv", "si 99999999", complement(11, 0, 8, 7, 6, 5, 4, 3, 2), alone, ""},

	{"pl.pesel", "99999999999", every(ymd(0, 20, 40, 60, 80), complement(10, -1, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)), firm, ""}, // MSWiA
	{"pl.nip", "999-999-99-99|999-99-99-999", remainder(11, -1, 6, 5, 7, 2, 3, 4, 5, 6, 7), laid, ""},                      // KAS
	{"pl.nip", "pl 999-999-99-99", remainder(11, -1, 6, 5, 7, 2, 3, 4, 5, 6, 7), alone, ""},
	{"pl.regon", "999999999", remainder(11, 0, 8, 9, 2, 3, 4, 5, 6, 7), cued, ""}, // GUS
	{"pl.card", "AAA 999999", divides(10, 7, 3, 1, 9, 7, 3, 1, 7, 3), cued, ""},   // MSWiA

	{"ro.cnp", "[1-9]999999999999", every(ymd(1), remainder(11, 1, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)), firm, ""}, // DEPABD
	{"ro.cnp", "9999999999999", nil, cued, "id.tax"},
	{"ro.cui", "9{5,10}", taxRomania, cued, "id.tax"}, // ANAF
	{"ro.cui", "ro 9{7,10}", taxRomania, alone, ""},
	{"ro.cui", "ro 9{5,6}", taxRomania, cued, ""},

	{"ru.inn", "9999999999", firmRussia, cued, ""}, // FNS
	{"ru.inn", "999999999999", personRussia, firm, ""},
	{"ru.snils", "999-999-999 99", insuranceRussia, firm, ""},  // SFR
	{"ru.ogrn", "[1-9]999999999999", registerRussia, cued, ""}, // FNS
	{"ru.passport", "99 99 999999", nil, cued, ""},             // MVD
	{"ua.rntrc", "9999999999", taxUkraine, cued, ""},           // DPS
	{"ua.edrpou", "99999999", nil, cued, "id.tax"},

	{"tr.tckn", "[1-9]9999999999", personTurkey, firm, ""}, // NVI
	{"tr.vkn", "9999999999", taxTurkey, cued, ""},          // GIB
	{"tr.plate", "[0-8]9 A{1,3} 9{2,4}", within(0, 2, 1, 81), cued, "id.plate"},
}

func taxBulgaria(v value) bool {
	c := weigh(&v, []int{1, 2, 3, 4, 5, 6, 7, 8}) % 11
	if c == 10 {
		c = weigh(&v, []int{3, 4, 5, 6, 7, 8, 9, 10}) % 11 % 10
	}
	return c == int(v.sym[8])
}

// taxBelarus counts the letters of a person's number by their place in its alphabet; the second stands for itself.
func taxBelarus(v value) bool {
	if v.sym[0] > 9 {
		return v.sym[2] <= 9 // the letters' values are not published with the rule
	}
	c := weigh(&v, []int{29, 23, 19, 17, 13, 7, 5, 3}) % 11
	return c == int(v.sym[8]) && !v.alike()
}

func taxCyprus(v value) bool {
	sum := 0
	for i, s := range v.sym[:8] {
		if i%2 == 0 {
			s = oddItaly[s]
		}
		sum += int(s)
	}
	return v.sym[8] == byte(sum%26)+10
}

// birthCzech is divisible by 11; a woman's month has 50 added, and both may have 20 more.
func birthCzech(v value) bool {
	return dated(v.number(2, 4), v.number(4, 6), []int{20, 50, 70}) && v.number(0, 9)%11%10 == int(v.sym[9])
}

func modulo11(v value) bool { return v.number(0, v.n)%11 == 0 && !v.alike() }

func personBaltic(v value) bool {
	c := weigh(&v, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}) % 11
	if c == 10 {
		c = weigh(&v, []int{3, 4, 5, 6, 7, 8, 9, 1, 2, 3}) % 11 % 10
	}
	return c == int(v.sym[10]) && !v.alike()
}

func personLatvia(v value) bool {
	return (1101-weigh(&v, []int{1, 6, 3, 7, 9, 10, 5, 8, 4, 2}))%11%10 == int(v.sym[10])
}

// taxRomania weighs from the right.
func taxRomania(v value) bool {
	sum := 0
	for i := range v.n - 1 {
		sum += int(v.sym[v.n-2-i]) * int("235712357"[i]-'0')
	}
	return sum*10%11%10 == int(v.sym[v.n-1]) && !v.alike()
}

var firmRussia = remainder(11, 0, 2, 4, 10, 3, 5, 9, 4, 6, 8)

var personRussia = every(remainder(11, 0, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8), remainder(11, 0, 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))

func insuranceRussia(v value) bool {
	return weigh(&v, []int{9, 8, 7, 6, 5, 4, 3, 2, 1})%101%100 == v.number(9, 11) && !v.alike()
}

func registerRussia(v value) bool { return v.number(0, 12)%11%10 == int(v.sym[12]) && !v.alike() }

func taxUkraine(v value) bool {
	sum := weigh(&v, []int{-1, 5, 7, 9, 4, 6, 10, 5, 7})
	return (sum%11+11)%11%10 == int(v.sym[9]) && !v.alike()
}

func personTurkey(v value) bool {
	odd := weigh(&v, []int{1, 0, 1, 0, 1, 0, 1, 0, 1})
	even := weigh(&v, []int{0, 1, 0, 1, 0, 1, 0, 1})
	return (odd*7-even+100)%10 == int(v.sym[9]) && (odd+even+int(v.sym[9]))%10 == int(v.sym[10])
}

func taxTurkey(v value) bool {
	sum := 0
	for i, s := range v.sym[:9] {
		if d := (int(s) + 9 - i) % 10; d != 0 {
			if d = d << (9 - i) % 9; d == 0 {
				d = 9
			}
			sum += d
		}
	}
	return (10-sum%10)%10 == int(v.sym[9]) && !v.alike()
}
