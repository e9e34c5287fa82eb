//! By how much Hydro's limits are higher for a language.
//!
//! Hydro has rates of families of languages, `cc`, and of variants, `cc.cc98`; capsule has those of packs.

use std::collections::BTreeMap;

use super::language::of_hydro;
use super::yaml::Number;
use crate::problem::Problem;

/// The rate of a family is that of its pack; without one, that of its variants is, if they have the same.
pub(super) fn of_packs(
    sheet: &str,
    key: &str,
    rates: &BTreeMap<String, Number>,
    problem: &mut Problem,
) -> BTreeMap<String, f64> {
    let mut named: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
    for (name, rate) in rates {
        let rates = named.entry(of_hydro(name).unwrap_or(name)).or_default();
        rates[usize::from(name.contains('.'))].push(rate.0);
    }
    let mut made = BTreeMap::new();
    for (pack, [of_family, of_variants]) in named {
        let said = if of_family.is_empty() { &of_variants } else { &of_family };
        let Some(rate) = said.first().filter(|first| said.iter().all(|rate| rate == *first)) else {
            problem.unsupported.push(format!("{sheet}: `{key}` with several rates for {pack}"));
            continue;
        };
        if of_variants.iter().any(|other| other != rate) {
            problem
                .warnings
                .push(format!("{sheet}: `{key}`: variants of {pack} have the rate of all, {rate}"));
        }
        made.insert(pack.to_owned(), *rate);
    }
    made
}
