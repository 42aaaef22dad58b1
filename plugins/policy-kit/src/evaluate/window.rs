//! The samples of the window, and what is read off them: rates, averages and latest values.

use tidegate_common::time::Timestamp;

use crate::decision::Failure;
use crate::view::View;

/// The samples that a view holds. A metric is fetched when it is asked for.
pub struct Window<'v> {
    view: &'v dyn View,
    times: Vec<Timestamp>,
    vertices: usize,
}

/// One metric of all vertices over the window; vertices are told by their index in the view.
pub struct Column {
    values: Vec<f64>,
    vertices: usize,
}

impl<'v> Window<'v> {
    /// The samples of `view`, which has that many vertices.
    pub fn new(view: &'v dyn View, vertices: usize) -> Self {
        Self { view, times: view.sample_times(), vertices }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// One metric; all NaN where it is not collected.
    ///
    /// # Errors
    /// When the view has another number of values than samples and vertices.
    pub fn column(&self, metric: &str) -> Result<Column, Failure> {
        let expected = self.times.len() * self.vertices;
        let values = self.view.metric(metric).unwrap_or_else(|| vec![f64::NAN; expected]);
        if values.len() != expected {
            let found = values.len();
            return Err(Failure::Evaluating(format!("{metric} has {found} values where {expected} were expected")));
        }
        Ok(Column { values, vertices: self.vertices })
    }

    /// One metric of the whole job; empty where it is not collected.
    pub fn global(&self, metric: &str) -> Vec<f64> {
        self.view.global_metric(metric).unwrap_or_default()
    }

    /// The rate of a counter of each vertex, per second; NaN where fewer than two samples have a value.
    ///
    /// # Errors
    /// As for [`Window::column`].
    pub fn rates(&self, metric: &str) -> Result<Vec<f64>, Failure> {
        Ok(self.rates_of(&self.column(metric)?))
    }

    /// The rates of a counter that has been fetched.
    pub(super) fn rates_of(&self, column: &Column) -> Vec<f64> {
        (0..self.vertices).map(|vertex| rate(&self.times, column.of(vertex))).collect()
    }

    /// The average of a metric of each vertex, of its finite values; NaN where these are fewer than `min_elements`.
    ///
    /// # Errors
    /// As for [`Window::column`].
    pub fn averages(&self, metric: &str, min_elements: usize) -> Result<Vec<f64>, Failure> {
        let column = self.column(metric)?;
        let mut means = vec![Mean::default(); self.vertices];
        for sample in column.values.chunks_exact(self.vertices.max(1)) {
            means.iter_mut().zip(sample).for_each(|(mean, value)| mean.add(*value));
        }
        Ok(means.iter().map(|mean| mean.value(min_elements)).collect())
    }
}

impl Column {
    /// The values of one vertex, oldest first.
    pub fn of(&self, vertex: usize) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator + '_ {
        self.values.iter().skip(vertex).step_by(self.vertices.max(1)).copied()
    }

    /// The value of one vertex in the latest sample, NaN if there is none.
    pub fn latest(&self, vertex: usize) -> f64 {
        self.of(vertex).next_back().unwrap_or(f64::NAN)
    }
}

/// The growth of a counter per second, between the first and the last sample that have a value; NaN if these are not
/// two.
pub(super) fn rate(times: &[Timestamp], values: impl DoubleEndedIterator<Item = f64> + ExactSizeIterator) -> f64 {
    let mut present = times.iter().zip(values).filter(|(_, value)| !value.is_nan());
    let (Some((start, first)), Some((end, last))) = (present.next(), present.next_back()) else {
        return f64::NAN;
    };
    let millis = end.as_millis().saturating_sub(start.as_millis()).max(1);
    1000.0 * (last - first) / millis as f64
}

/// The plain mean. NaN values are left out; infinite ones too, but where nothing else is left the mean is infinite.
/// NaN if fewer than `min_elements` are finite.
pub(super) fn average(values: impl Iterator<Item = f64>, min_elements: usize) -> f64 {
    let mut mean = Mean::default();
    values.for_each(|value| mean.add(value));
    mean.value(min_elements)
}

/// A mean under way.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
    infinite: bool,
}

impl Mean {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.count += 1;
        } else {
            self.infinite |= value.is_infinite();
        }
    }

    fn value(self, min_elements: usize) -> f64 {
        match self.count {
            0 if self.infinite => f64::INFINITY,
            0 => f64::NAN,
            count if count < min_elements => f64::NAN,
            count => self.sum / count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cases, number};

    #[test]
    fn a_rate_is_taken_between_the_first_and_the_last_value() {
        for case in cases("upstream_rate") {
            let samples = case["samples"].as_array().unwrap();
            let times: Vec<_> = samples.iter().map(|s| Timestamp::from_millis(s[0].as_i64().unwrap())).collect();
            let values: Vec<_> = samples.iter().map(|s| number(&s[1])).collect();
            let (rate, expected) = (rate(&times, values.into_iter()), number(&case["expectedRate"]));
            assert!(rate == expected || rate.is_nan() && expected.is_nan(), "{case}");
        }
    }

    #[test]
    fn an_average_leaves_out_what_is_not_finite() {
        let infinite = f64::INFINITY;
        for (values, min_elements, expected) in [
            (vec![1.0, f64::NAN, 3.0], 1, 2.0),
            (vec![1.0, infinite, 3.0], 2, 2.0),
            (vec![-infinite, f64::NAN], 3, infinite),
        ] {
            assert_eq!(average(values.into_iter(), min_elements), expected);
        }
        assert!(average([1.0, 2.0].into_iter(), 3).is_nan() && average([].into_iter(), 1).is_nan());
    }
}
