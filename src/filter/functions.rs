//! Which functions programs have: jq's, but for those by which a result would depend on anything
//! but the record. So a filter gives the same when it runs again, as recovery and several copies
//! of a job need it, and reads neither clock nor environment.

use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Cv, Error, Exn, ValXs};
use jaq_json::Val;
use jaq_std::ValT as _;

use super::meter::Metered;
use super::value;

/// Left out: what the environment, the clock, the zone, the other records and the terminal are to
/// jq, and what ends the process.
pub(super) const LEFT_OUT: [&str; 12] = [
    "debug",
    "debug_empty",
    "env",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "localtime",
    "now",
    "stderr",
    "stderr_empty",
    "strflocaltime",
];

/// Written here, where they are bounded.
const REPLACED: [&str; 2] = ["fromjson", "range"];

/// What is defined in jq itself.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| !LEFT_OUT.contains(&definition.name))
}

/// What is not.
pub(super) fn natives() -> impl Iterator<Item = Fun<Metered>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let kept = |name: &str| !LEFT_OUT.contains(&name) && !REPLACED.contains(&name);
    all.filter(move |(name, ..)| kept(name)).chain([
        run::<Metered>(("fromjson", v(0), |cv| bome(from_json(&cv.1)))),
        run::<Metered>(("range", v(3), range)),
    ])
}

/// One JSON value, nested as deep as a record may be.
///
/// Differs: jq takes several values, and NaN.
fn from_json(text: &Val) -> Result<Val, Error<Val>> {
    let Some(bytes) = text.as_utf8_bytes() else {
        return Err(Error::typ(text.clone(), "string"));
    };
    value::parse(bytes).map_err(|flaw| Error::str(format_args!("cannot parse a string: {flaw}")))
}

/// Counts each element as a step: there may be more than memory holds.
fn range<'a>((mut context, _): Cv<'a, Metered>) -> ValXs<'a, Val> {
    let by = context.pop_var();
    let to = context.pop_var();
    let from = context.pop_var();
    let meter = context.data().meter;
    let upwards = by.cmp(&Val::from(0_isize));
    let mut next = Some(Ok(from));
    Box::new(std::iter::from_fn(move || {
        meter.step();
        match next.take()? {
            Ok(current) => {
                let (ahead, behind) = (current < to, current > to);
                let within = match upwards {
                    std::cmp::Ordering::Greater => ahead,
                    std::cmp::Ordering::Less => behind,
                    std::cmp::Ordering::Equal => ahead || behind,
                };
                if !within {
                    return None;
                }
                next = Some(current.clone() + by.clone());
                Some(Ok(current))
            }
            Err(error) => Some(Err(Exn::from(error))),
        }
    }))
}
