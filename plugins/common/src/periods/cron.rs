//! Cron expressions by the rules of Quartz 2.3: 6 or 7 fields, 1 is Sunday, `?`, `L`, `W`, `#`, and names.

use std::collections::BTreeSet;

use crate::time::Timestamp;

/// Years that an open year field reaches to.
const LAST_YEAR: i32 = 2199;

/// The local times, to the second, that a cron expression names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cron {
    seconds: BTreeSet<i32>,
    minutes: BTreeSet<i32>,
    hours: BTreeSet<i32>,
    months: BTreeSet<i32>,
    years: BTreeSet<i32>,
    days_of_month: BTreeSet<i32>,
    days_of_week: BTreeSet<i32>,
    /// Whether the day of the month is `?`, so that the day of the week counts; else it is the other way around.
    by_week: bool,
    last_day_of_month: bool,
    /// Days before the last one of the month.
    last_day_offset: i32,
    nearest_weekday: bool,
    last_day_of_week: bool,
    nth_day_of_week: Option<i32>,
}

/// A field, in the order of the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

impl Cron {
    /// Reads an expression; none if Quartz would not take it. Letters may be of either case.
    pub fn parse(text: &str) -> Option<Self> {
        const FIELDS: [Field; 7] =
            [Field::Second, Field::Minute, Field::Hour, Field::DayOfMonth, Field::Month, Field::DayOfWeek, Field::Year];
        let text = text.to_uppercase();
        let mut texts: Vec<&str> = text.split_ascii_whitespace().collect();
        if texts.len() == 6 {
            texts.push("*");
        }
        if texts.len() < FIELDS.len() {
            return None;
        }
        let mut cron = Self::default();
        let mut unspecified = (false, false);
        for (field, text) in FIELDS.into_iter().zip(texts) {
            match (field, text) {
                (Field::DayOfMonth, "?") => unspecified.0 = true,
                (Field::DayOfWeek, "?") => unspecified.1 = true,
                _ => cron.read_field(field, text)?,
            }
        }
        // Exactly one of the two days counts.
        cron.by_week = unspecified.0;
        (unspecified.0 != unspecified.1).then_some(cron)
    }

    /// Whether the second of `local` is named: a local time, as the instant at which a clock in UTC shows the same.
    pub fn contains(&self, local: Timestamp) -> bool {
        let Some(local) = local.utc() else {
            return false;
        };
        let day = i32::from(local.day());
        let last_day = i32::from(local.month().length(local.year()));
        let day_of_week = i32::from(local.weekday().number_days_from_sunday()) + 1;
        self.seconds.contains(&i32::from(local.second()))
            && self.minutes.contains(&i32::from(local.minute()))
            && self.hours.contains(&i32::from(local.hour()))
            && self.months.contains(&i32::from(u8::from(local.month())))
            && self.years.contains(&local.year())
            && if self.by_week {
                self.has_day_of_week(day, day_of_week, last_day)
            } else {
                self.has_day_of_month(day, day_of_week, last_day)
            }
    }

    fn has_day_of_month(&self, day: i32, day_of_week: i32, last_day: i32) -> bool {
        let wanted = if self.last_day_of_month {
            last_day - self.last_day_offset
        } else if self.nearest_weekday {
            self.days_of_month.first().copied().unwrap_or(0)
        } else {
            return self.days_of_month.contains(&day);
        };
        if !self.nearest_weekday {
            return day == wanted;
        }
        // The day of the week of the wanted day, counted from that of today.
        let shift = match (day_of_week - 1 + wanted - day).rem_euclid(7) + 1 {
            7 if wanted == 1 => 2,
            7 => -1,
            1 if wanted == last_day => -2,
            1 => 1,
            _ => 0,
        };
        day == wanted + shift
    }

    fn has_day_of_week(&self, day: i32, day_of_week: i32, last_day: i32) -> bool {
        let first = || self.days_of_week.first() == Some(&day_of_week);
        if self.last_day_of_week {
            first() && day + 7 > last_day
        } else if let Some(nth) = self.nth_day_of_week {
            first() && (day + 6) / 7 == nth
        } else {
            self.days_of_week.contains(&day_of_week)
        }
    }

    fn read_field(&mut self, field: Field, text: &str) -> Option<()> {
        let several = text.len() > 1 && text.contains(',');
        let is_day = matches!(field, Field::DayOfMonth | Field::DayOfWeek);
        if is_day && several && text.contains('L') || field == Field::DayOfWeek && text.matches('#').count() > 1 {
            return None;
        }
        for item in text.split(',').filter(|item| !item.is_empty()) {
            self.read_item(field, item)?;
        }
        let chosen = field == Field::DayOfMonth && self.last_day_of_month;
        (chosen || !self.values(field).is_empty()).then_some(())
    }

    fn read_item(&mut self, field: Field, item: &str) -> Option<()> {
        let first = item.chars().next()?;
        match first {
            'L' if item == "L" || field == Field::DayOfMonth => self.read_last(field, item),
            'A'..='Z' => self.read_name(field, item),
            '*' if item.len() == 1 => self.add(field, None, None, 1),
            '*' | '/' => {
                let rest = item.strip_prefix('*').unwrap_or(item);
                match rest.strip_prefix('/') {
                    Some(step) => {
                        let step: i32 = step.parse().ok()?;
                        field.check_step(step)?;
                        self.add(field, None, None, step.max(1))
                    }
                    None => self.add(field, None, None, 1),
                }
            }
            '0'..='9' => self.read_number(field, item),
            _ => None,
        }
    }

    /// `L`: the last day of the month or of the week; of the month also `LW`, `L-3`, `L-3W`.
    fn read_last(&mut self, field: Field, item: &str) -> Option<()> {
        match field {
            Field::DayOfWeek => self.add(field, Some(7), Some(7), 0),
            Field::DayOfMonth => {
                self.last_day_of_month = true;
                let mut rest = item.strip_prefix('L')?;
                if let Some(offset) = rest.strip_prefix('-') {
                    let (offset, after) = leading_number(offset)?;
                    self.last_day_offset = offset;
                    rest = after;
                }
                self.nearest_weekday |= rest.starts_with('W');
                (self.last_day_offset <= 30 && matches!(rest, "" | "W")).then_some(())
            }
            _ => None,
        }
    }

    /// `MON`, `MON-FRI`, `FRI#2`, `FRIL`, `JAN`, `JAN-MAR`. What follows otherwise is ignored.
    fn read_name(&mut self, field: Field, item: &str) -> Option<()> {
        let (name, rest) = item.split_at_checked(3)?;
        let start = field.named(name)?;
        if let Some(end) = rest.strip_prefix('-') {
            return self.add(field, Some(start), Some(field.named(end.get(..3)?)?), 1);
        }
        if field == Field::DayOfWeek {
            if let Some(nth) = rest.strip_prefix('#') {
                return self.set_nth(start, nth);
            }
            self.last_day_of_week |= rest.starts_with('L');
        }
        self.add(field, Some(start), None, 0)
    }

    /// `5`, `5-9`, `5-9/2`, `5/2`; of days also `5L`, `5#2`, `15W`. What follows otherwise is ignored.
    fn read_number(&mut self, field: Field, item: &str) -> Option<()> {
        let (start, rest) = leading_number(item)?;
        let mut rest_chars = rest.chars();
        match (rest_chars.next(), field) {
            (Some('L'), Field::DayOfWeek) => {
                self.last_day_of_week = true;
                self.add(field, Some(start), None, 0)
            }
            (Some('W'), Field::DayOfMonth) => {
                self.nearest_weekday = true;
                self.add(field, Some(start), None, 0)
            }
            (Some('#'), Field::DayOfWeek) => self.set_nth(start, rest_chars.as_str()),
            (Some('L' | 'W' | '#'), _) => None,
            (Some('-'), _) => {
                let (end, rest) = leading_number(rest_chars.as_str())?;
                let step = match rest.strip_prefix('/') {
                    Some(step) => leading_number(step)?.0,
                    None => 1,
                };
                self.add(field, Some(start), Some(end), step)
            }
            (Some('/'), _) => {
                let (step, "") = leading_number(rest_chars.as_str())? else {
                    return None;
                };
                field.check_step(step)?;
                self.add(field, Some(start), None, step)
            }
            _ => self.add(field, Some(start), None, 0),
        }
    }

    fn set_nth(&mut self, day: i32, nth: &str) -> Option<()> {
        let nth: i32 = nth.parse().ok()?;
        self.nth_day_of_week = Some(nth);
        (1..=5).contains(&nth).then_some(())?;
        self.add(Field::DayOfWeek, Some(day), None, 0)
    }

    /// Adds the values from `start` (the field's least if absent) to `end` (its largest if absent) by `step`; only
    /// `start` if the step is 0. A range whose end is before its start goes around.
    fn add(&mut self, field: Field, start: Option<i32>, end: Option<i32>, step: i32) -> Option<()> {
        let (least, most) = field.range();
        let valid = |value: i32| field == Field::Year || (least..=most).contains(&value);
        if !start.is_none_or(valid) || end.is_some_and(|end| end > most && field != Field::Year) {
            return None;
        }
        let first = start.unwrap_or(least);
        let values = self.values(field);
        if step == 0 {
            values.insert(first);
            return Some(());
        }
        let last = end.unwrap_or(most);
        let around = most - least + 1;
        if last < first && field == Field::Year {
            return None;
        }
        let stop = if last < first { last + around } else { last };
        for value in (first..=stop).step_by(usize::try_from(step).ok()?) {
            values.insert(if value > most && last < first { value - around } else { value });
        }
        Some(())
    }

    fn values(&mut self, field: Field) -> &mut BTreeSet<i32> {
        match field {
            Field::Second => &mut self.seconds,
            Field::Minute => &mut self.minutes,
            Field::Hour => &mut self.hours,
            Field::DayOfMonth => &mut self.days_of_month,
            Field::Month => &mut self.months,
            Field::DayOfWeek => &mut self.days_of_week,
            Field::Year => &mut self.years,
        }
    }
}

impl Field {
    fn range(self) -> (i32, i32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (1, 7),
            Self::Year => (1970, LAST_YEAR),
        }
    }

    fn check_step(self, step: i32) -> Option<()> {
        let most = self.range().1;
        (self == Self::Year || (0..=most).contains(&step)).then_some(())
    }

    fn named(self, name: &str) -> Option<i32> {
        const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let names: &[&str] = match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &DAYS,
            _ => return None,
        };
        (1..).zip(names).find(|(_, known)| **known == name).map(|(number, _)| number)
    }
}

fn leading_number(text: &str) -> Option<(i32, &str)> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    Some((digits.parse().ok()?, rest))
}
