//! Time stamps as Keystone and Nova write them, and as Nova reads them.

use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339, macros::format_description};

use crate::error::{Error, Result};

/// `2026-11-23T03:28:41Z`: a server's `created` and `updated`.
pub(super) fn seconds_z(ms: i64) -> String {
    write(ms, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
}

/// `2026-11-23T03:28:41.000000Z`: as Keystone writes a time, with microseconds that are always zero.
pub(super) fn micros_z(ms: i64) -> String {
    write(ms, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000000Z"))
}

/// `2026-11-23T03:28:41.000000`, without a Z: `OS-SRV-USG:*`, actions, key pairs (gophercloud refuses a Z there).
pub(super) fn micros(ms: i64) -> String {
    of_us(ms.saturating_mul(1000))
}

/// The same of microseconds: a time that a client gave is shown to it as it was given.
pub(super) fn of_us(us: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    write_us(us, format)
}

/// `Mon, 23 Nov 2026 03:28:41 GMT`, as HTTP's headers have it (RFC 9110, 5.6.7).
pub(super) fn http_date(ms: i64) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    write(ms, format)
}

/// Milliseconds since 1970 from an ISO 8601 time; without an offset it is UTC.
pub(super) fn parse(field: &str, text: &str) -> Result<i64> {
    Ok(parse_us(field, text)? / 1000)
}

/// The same in microseconds.
pub(super) fn parse_us(field: &str, text: &str) -> Result<i64> {
    // An unescaped `+` in a query arrives as a blank.
    let text = text.trim().replace(' ', "+");
    let plain = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");
    let day = format_description!("[year]-[month]-[day]");
    let time = OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(&text, plain).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| time::Date::parse(&text, day).map(|day| day.midnight().assume_utc()));
    match time {
        Ok(time) => Ok((time.unix_timestamp_nanos() / 1000) as i64),
        Err(_) => Err(Error::Invalid(format!(
            "Invalid input for query parameters {field}. Value: {text}. It must be a time such as 2026-11-23T03:28:41Z."
        ))),
    }
}

fn write(ms: i64, format: &[time::format_description::BorrowedFormatItem<'_>]) -> String {
    write_us(ms.saturating_mul(1000), format)
}

fn write_us(us: i64, format: &[time::format_description::BorrowedFormatItem<'_>]) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_own_form_of_time() {
        let ms = 1_795_404_521_007;
        assert_eq!(micros_z(ms), "2026-11-23T03:28:41.000000Z");
        assert_eq!(seconds_z(ms), "2026-11-23T03:28:41Z");
        assert_eq!(micros(ms), "2026-11-23T03:28:41.007000");
        assert_eq!(http_date(ms), "Mon, 23 Nov 2026 03:28:41 GMT");
    }

    #[test]
    fn time_is_read_with_and_without_offset_and_fraction() {
        let ms = 1_795_404_521_000;
        for text in [
            "2026-11-23T03:28:41Z",
            "2026-11-23T04:28:41+01:00",
            "2026-11-23T04:28:41 01:00",
            "2026-11-23T03:28:41.000000",
        ] {
            assert_eq!(parse("changes-since", text).unwrap(), ms, "{text}");
        }
        assert!(parse("changes-since", "yesterday").is_err());
    }
}
