//! What people type as a phone number.

use std::sync::LazyLock;

use arbtest::arbitrary::{Result, Unstructured};
use textproof::{Countries, PhoneNumber, phone::PhoneError};

/// Countries with their calling codes, and lists of them with and without a default.
const CALLING_CODES: [(&str, &str); 6] =
    [("NZ", "64"), ("AU", "61"), ("GB", "44"), ("IN", "91"), ("US", "1"), ("CA", "1")];
const LISTS: [(&[&str], Option<&str>); 5] = [
    (&["NZ"], Some("NZ")),
    (&["AU", "NZ"], Some("AU")),
    (&["GB", "IN"], None),
    (&["US"], Some("US")),
    (&["NZ", "AU", "GB", "IN", "US", "CA"], Some("NZ")),
];

struct List {
    members: &'static [&'static str],
    default: Option<&'static str>,
    countries: Countries,
}

static LISTED: LazyLock<Vec<List>> = LazyLock::new(|| {
    let list = |(members, default): (&'static [&str], Option<&'static str>)| List {
        members,
        default,
        countries: Countries::new(members, default).unwrap(),
    };
    LISTS.into_iter().map(list).collect()
});

/// Whatever is accepted is canonical, of the list, and masked; whatever is refused is not repeated.
pub(crate) fn text(input: &str) {
    for list in LISTED.iter() {
        match PhoneNumber::parse(input, &list.countries) {
            Ok(phone) => accepted(input, list, &phone),
            Err(error) => refused(&error),
        }
    }
    match PhoneNumber::parse_international(input) {
        Ok(phone) => {
            assert_eq!(PhoneNumber::parse_international(phone.e164()), Ok(phone.clone()));
            assert_eq!(PhoneNumber::parse_international(phone.digits()), Ok(phone));
        }
        Err(error) => refused(&error),
    }
}

fn accepted(input: &str, list: &List, phone: &PhoneNumber) {
    let e164 = phone.e164();
    let digits = e164.strip_prefix('+').unwrap();
    assert_eq!(digits, phone.digits());
    assert!((8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{e164}");

    assert_eq!(PhoneNumber::parse(e164, &list.countries), Ok(phone.clone()), "parsing twice is parsing once");
    assert_eq!(PhoneNumber::parse_international(digits), Ok(phone.clone()), "replies find their phone");

    let alone = |country: &&&str| PhoneNumber::parse(e164, &only(country)).is_ok();
    let countries: Vec<_> = list.members.iter().filter(alone).collect();
    assert_eq!(countries.len(), 1, "{e164} belongs to one country of {:?}", list.members);
    let calling_code = CALLING_CODES.iter().find(|(country, _)| country == countries[0]).unwrap().1;
    let national = digits.strip_prefix(calling_code).expect("the calling code of its country");

    let typed: String = input.chars().filter_map(decimal).collect();
    assert!(typed.ends_with(national), "{input:?} became {e164}: digits at its end were dropped");

    let masked = phone.masked();
    assert_eq!(masked, format!("+{calling_code}…{}", &national[national.len() - 2..]));
    assert_eq!(phone.to_string(), masked);
    assert_eq!(format!("{phone:?}"), format!("PhoneNumber({masked})"));
    assert_eq!(phone.prefix(), &e164[..calling_code.len() + 3]);
}

fn refused(error: &PhoneError) {
    let digits = error.to_string().chars().filter(char::is_ascii_digit).count();
    assert!(digits <= 2, "{error}");
}

fn only(country: &str) -> Countries {
    Countries::new([country], None).unwrap()
}

/// The value of a decimal digit of some scripts that keyboards have.
fn decimal(c: char) -> Option<char> {
    let zeros = ['0', '０', '٠', '۰', '०'];
    let value =
        zeros.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|v| *v < 10))?;
    char::from_digit(value, 10)
}

/// Two spellings of one number are one phone.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    let (country, trunk, start, more) = u.choose(&[
        ("NZ", "0", "21", 6..=8),
        ("NZ", "0", "22", 7..=7),
        ("NZ", "0", "27", 7..=7),
        ("AU", "0", "4", 8..=8),
        ("GB", "0", "7", 9..=9),
        ("IN", "0", "9", 9..=9),
        ("US", "1", "2", 9..=9),
    ])?;
    let calling_code = CALLING_CODES.iter().find(|(known, _)| known == country).unwrap().1;
    let mut national = (*start).to_owned();
    for _ in 0..u.int_in_range(more.clone())? {
        national.push(char::from(b'0' + u.int_in_range(0..=9)?));
    }
    let e164 = format!("+{calling_code}{national}");
    for list in LISTED.iter().filter(|list| list.members.contains(country)) {
        let plain = PhoneNumber::parse(&e164, &list.countries);
        let spelling = spelled(u, list.default == Some(*country), calling_code, trunk, &national)?;
        if spelling.len() <= 64 {
            text(&spelling);
            assert_eq!(PhoneNumber::parse(&spelling, &list.countries), plain, "{spelling:?} and {e164}");
        }
    }
    Ok(())
}

fn spelled(
    u: &mut Unstructured<'_>,
    is_default: bool,
    calling_code: &str,
    trunk: &str,
    national: &str,
) -> Result<String> {
    let mut start = match u.int_in_range(0..=if is_default { 3 } else { 1 })? {
        0 => format!("+{calling_code}"),
        1 => format!("＋{calling_code}"),
        2 if calling_code == "64" || calling_code == "44" => format!("00{calling_code}"),
        _ if is_default => trunk.to_owned(),
        _ => format!("+{calling_code}"),
    };
    if trunk == "0" && start != trunk && u.ratio(1, 4)? {
        start.push_str("(0)");
    }
    let full_width: bool = u.arbitrary()?;
    let separators = ["", "", "", " ", "-", "\u{a0}", "  ", ".", "\u{2010}", "\u{3000}"];
    let mut spelling = u.choose(&["", "", " ", "\u{a0}"])?.to_string();
    for c in start.chars().chain(['|']).chain(national.chars()) {
        match c {
            '|' => spelling.push_str(u.choose(&["", " ", "-"])?),
            digit if full_width && digit.is_ascii_digit() => {
                spelling.extend(char::from_u32(u32::from(digit) - u32::from('0') + u32::from('０')));
            }
            other => spelling.push(other),
        }
        if c.is_ascii_digit() && u.ratio(1, 3)? {
            spelling.push_str(u.choose(&separators)?);
        }
    }
    Ok(spelling)
}
