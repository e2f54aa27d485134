// Countries of the simulated Address Element: which fields they have, and what those are called.

/** Two-letter codes (ISO 3166-1) that the Address Element offers. */
export const COUNTRIES = (
  "AC AD AE AF AG AI AL AM AO AQ AR AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CD CF CG CH CI CK CL CM CN CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IS IT JE JM JO JP KE KG KH KI KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MK ML MM MN MO MQ MR MS MT MU MV MW MX MY MZ NA NC NE NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PY QA RE RO RS RU RW SA SB SC SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VN VU WF WS XK YE YT ZA ZM ZW"
).split(" ");

/** Countries without postal codes. */
export const WITHOUT_POSTAL_CODE = new Set(
  "AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM DJ DM ER FJ GD GH GM GN GQ GY HK JM KI KM KN LC ML MO MR MS MU MW NR NU PA QA RW SB SC SL SO SR ST SY TF TK TL TO TT TV TZ UG VU YE ZW".split(" "),
);

/**
 * @typedef {object} Region
 * @property {string} label
 * @property {string} codes
 */

/** @type {Record<string, Region>} countries that divide addresses by state */
export const STATES = {
  AU: { label: "State", codes: "ACT NSW NT QLD SA TAS VIC WA" },
  CA: { label: "Province", codes: "AB BC MB NB NL NS NT NU ON PE QC SK YT" },
  US: {
    label: "State",
    codes: "AL AK AS AZ AR AA AE AP CA CO CT DE DC FL GA GU HI ID IL IN IA KS KY LA ME MH MD MA MI FM MN MS MO MT NE NV NH NJ NM NY NC ND MP OH OK OR PW PA PR RI SC SD TN TX UT VT VI VA WA WV WI WY",
  },
};

/** @type {Record<string, {label: string, shape: RegExp, digits?: boolean}>} */
export const POSTAL_CODES = {
  AU: { label: "Postal code", shape: /^\d{4}$/, digits: true },
  CA: { label: "Postal code", shape: /^[a-z]\d[a-z] ?\d[a-z]\d$/i },
  DE: { label: "Postal code", shape: /^\d{5}$/, digits: true },
  GB: { label: "Postal code", shape: /^[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}$/i },
  SE: { label: "Postal code", shape: /^\d{3} ?\d{2}$/, digits: true },
  US: { label: "ZIP code", shape: /^\d{5}(-?\d{4})?$/, digits: true },
};

export const ANY_POSTAL_CODE = { label: "Postal code", shape: /\S{2,}/, digits: false };
