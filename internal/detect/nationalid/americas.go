// SPDX-License-Identifier: Apache-2.0

package nationalid

// The rule of each line is published by the authority named at its end.
var americas = []rule{
	{"us.ssn", "[0-8]99-99-9999|[0-8]99 99 9999", socialAmerica, laid, ""}, // SSA
	{"us.ssn", "[0-8]99999999", nil, cued, ""},
	{"us.itin", "[9]99-[5-9]9-9999", nil, laid, ""},          // IRS
	{"us.ein", "99-9999999", nil, cued, "id.tax"},            // IRS
	{"us.ptin", "p99999999", nil, cued, ""},                  // IRS
	{"us.npi", "[12]999 999 999", providerAmerica, cued, ""}, // CMS
	{"us.mbi", "[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]9-[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]9-[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y]99", nil, laid, ""}, // CMS
	{"us.dea", "[A-HJ-MPRSTUX][A-Z]9999999", licenseAmerica, cued, ""},                                                                             // DEA
	{"us.license", "A999-9999-9999|A999-9999-99999|A99-99-9999|A9{6,14}|AA9{6,7}|99AAA9999|999AA9999", nil, cued, "id.sure"},                       // AAMVA

	{"ca.sin", "[1-79]99 999 999|[1-79]99-999-999", luhn, cued, ""},    // ESDC
	{"ca.bn", "999999999 [R][CMPTZ]9999", part(0, 9, luhn), alone, ""}, // CRA

	{"mx.curp", "A[AEIOUX]AA999999[HMX]AAAAAX9", every(ymd(4), populationMexico), alone, ""}, // RENAPO
	{"mx.rfc", "A{3,4}-999999-XXX", taxMexico, alone, ""},                                    // SAT

	{"br.cpf", "999.999.999-99", personBrazil, firm, ""}, // Receita Federal
	{"br.cpf", "br 999.999.999-99", nil, laid, ""},
	{"br.cnpj", "99.999.999/9999-99", firmBrazil, alone, ""},                                              // Receita Federal
	{"br.cnpj", "XX.XXX.XXX/XXXX-99", firmLettersBrazil, laid, ""},                                        // since 2026
	{"br.pis", "999.99999.99-9", complement(11, 0, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), laid, ""},               // Caixa
	{"ar.cuit", "[235][03457]-99999999-9", complement(11, 9, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), laid, ""},     // AFIP
	{"ar.dni", "9{1,2}.999.999", nil, cued, ""},                                                           // RENAPER
	{"cl.rut", "99.999.999-[0-9K]|99999999-[0-9K]", complement(11, 20, 3, 2, 7, 6, 5, 4, 3, 2), laid, ""}, // SII
	{"cl.rut", "9.999.999-[0-9K]|9999999-[0-9K]", complement(11, 20, 2, 7, 6, 5, 4, 3, 2), laid, ""},
	{"co.nit", "999.999.999-9", complement(11, 1, 41, 37, 29, 23, 19, 17, 13, 7, 3), laid, ""}, // DIAN
	{"co.nit", "99.999.999-9", complement(11, 1, 37, 29, 23, 19, 17, 13, 7, 3), laid, ""},
	{"co.nit", "9999999999-9", complement(11, 1, 43, 41, 37, 29, 23, 19, 17, 13, 7, 3), laid, ""},
	{"co.cc", "9{6,10}", nil, cued, ""},                           // Registraduría
	{"cr.cpf", "0[1-9]-9999-9999|[1-9]-9999-9999", nil, cued, ""}, // TSE
	{"cr.cpj", "[2-5]-999-999999", nil, cued, ""},                 // Hacienda
	{"cr.cr", "9{11,12}", nil, cued, "id.tax"},
	{"cu.ni", "99999999999", ymd(0), cued, ""},                                  // Cuba, carné de identidad
	{"do.cedula", "999-9999999-9", luhn, laid, ""},                              // JCE
	{"do.cedula", "999-9999999-9|0[0-4]999999999", nil, cued, ""},               // some were given without a sum
	{"do.rnc", "9-99-99999-9", taxDominican, laid, ""},                          // DGII
	{"ec.ci", "[0-3]9[0-5]9999999", every(within(0, 2, 1, 30), luhn), cued, ""}, // Registro Civil
	{"ec.ruc", "[0-3]999999999[0-9][0-9][0-9]", within(0, 2, 1, 30), cued, ""},  // SRI
	{"gt.nit", "9{4,8}-[0-9K]", taxGuatemala, cued, ""},                         // SAT
	{"hn.rtn", "9999-9999-999999", nil, cued, ""},                               // SAR
	{"pe.cui", "99999999-X", personPeru, cued, ""},                              // RENIEC
	{"pe.ruc", "[12]9999999999", taxPeru, cued, ""},                             // SUNAT
	{"py.ruc", "9{5,8}-9", taxParaguay, cued, ""},                               // SET
	{"py.ruc", "py 9{6,8}-9", nil, laid, ""},
	{"sv.nit", "9999-999999-999-9", taxSalvador, laid, ""},                                    // Hacienda
	{"sv.dui", "99999999-9", complement(10, -1, 9, 8, 7, 6, 5, 4, 3, 2), cued, ""},            // RNPN
	{"uy.rut", "999999999999", complement(11, -1, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), cued, ""}, // DGI
	{"uy.ci", "9.999.999-9", complement(10, -1, 2, 9, 8, 7, 6, 3, 4), laid, ""},               // DNIC
	{"ve.rif", "[VEJPG]-99999999-9", taxVenezuela, alone, ""},                                 // SENIAT
	{"ve.rif", "[VEJPG]-99999999-9|ve [VEJPG]-99999999-9", nil, laid, ""},
	{"ve.ci", "[VE]-9{7,8}", nil, cued, ""},
	{"bo.ci", "9{6,8}", nil, cued, ""},
}

func socialAmerica(v value) bool {
	area := v.number(0, 3)
	return area != 0 && area != 666 && v.number(3, 5) != 0 && v.number(5, 9) != 0
}

// providerAmerica is a Luhn number once the prefix 80840 of the United States' health applications stands before it.
func providerAmerica(v value) bool {
	sum := 24
	for i, s := range v.sym[:10] {
		sum += crossed(int(s), i+1)
	}
	return sum%10 == 0
}

func licenseAmerica(v value) bool {
	return weigh(&v, []int{0, 0, 1, 2, 1, 2, 1, 2})%10 == int(v.sym[8])
}

// populationMexico counts the Ñ between N and O.
func populationMexico(v value) bool {
	sum := 0
	for i, s := range v.sym[:17] {
		if s >= 24 {
			s++
		}
		sum += int(s) * (18 - i)
	}
	return (10-sum%10)%10 == int(v.sym[17])
}

// taxMexico wants a date before the three symbols of the homonym key, whose sum early ones do not keep.
func taxMexico(v value) bool { return dated(v.number(v.n-7, v.n-5), v.number(v.n-5, v.n-3), nil) }

var (
	personBrazil = every(complement(11, 0, 10, 9, 8, 7, 6, 5, 4, 3, 2), complement(11, 0, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2))
	firmBrazil   = every(complement(11, 0, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), complement(11, 0, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
)

// firmLettersBrazil counts letters by their place in ASCII after 0.
func firmLettersBrazil(v value) bool {
	for i, s := range v.sym[:12] {
		if s > 9 {
			v.sym[i] = s + 7
		}
	}
	return firmBrazil(v)
}

func taxDominican(v value) bool {
	return (10-weigh(&v, []int{7, 9, 8, 6, 5, 4, 3, 2})%11+9)%9+1 == int(v.sym[8]) && !v.alike()
}

// fromRight sums all but the last symbol by weights 2, 3, 4 and so on from the right.
func fromRight(v *value) int {
	sum := 0
	for i := range v.n - 1 {
		sum += int(v.sym[v.n-2-i]) * (i + 2)
	}
	return sum
}

func taxGuatemala(v value) bool {
	c := (11 - fromRight(&v)%11) % 11
	if c == 10 {
		c = 20
	}
	return c == int(v.sym[v.n-1]) && !v.alike()
}

func taxParaguay(v value) bool { return (11-fromRight(&v)%11)%11%10 == int(v.sym[v.n-1]) && !v.alike() }

// personPeru ends with a digit or the letter for it.
func personPeru(v value) bool {
	c := weigh(&v, []int{3, 2, 7, 6, 5, 4, 3, 2}) % 11
	return symbols["65432110987"[c]]-1 == v.sym[8] || symbols["KJIHGFEDCBA"[c]]-1 == v.sym[8]
}

func taxPeru(v value) bool {
	return (11-weigh(&v, []int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2})%11)%10 == int(v.sym[10])
}

// taxSalvador has an older rule for serial numbers up to 100.
func taxSalvador(v value) bool {
	if v.number(10, 13) <= 100 {
		return weigh(&v, []int{14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2})%11%10 == int(v.sym[13])
	}
	return (11-weigh(&v, []int{2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2})%11)%11%10 == int(v.sym[13])
}

func taxVenezuela(v value) bool {
	kind := 4 * (indexOf("VEJPG", v.sym[0]) + 1)
	return "00987654321"[(kind+weigh(&v, []int{0, 3, 2, 7, 6, 5, 4, 3, 2}))%11]-'0' == v.sym[9]
}
