//! What a vertex manages at each parallelism, as it was measured.

use thiserror::Error;

/// Records per second that a vertex processes at most, by its parallelism.
///
/// Between two points the line that joins them; below the first and beyond the last one as many records for each subtask
/// as there.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Ordered by parallelism; at least one.
    points: Vec<(u32, f64)>,
}

/// Points that are no curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CurveError {
    /// There is nothing to go by.
    #[error("a curve needs at least one point")]
    Empty,
    /// Two points for one parallelism, or points out of order.
    #[error("the parallelisms of a curve must rise from point to point")]
    Order,
    /// No parallelism, or no rate.
    #[error("a point of a curve is a parallelism of at least 1 and a rate above 0")]
    Point,
}

impl Curve {
    /// A curve through these points.
    ///
    /// # Errors
    /// When there are none, they do not rise in parallelism, or one of them can be no measurement.
    pub fn new(points: Vec<(u32, f64)>) -> Result<Self, CurveError> {
        if points.is_empty() {
            return Err(CurveError::Empty);
        }
        if points.iter().any(|(parallelism, rate)| *parallelism == 0 || !rate.is_finite() || *rate <= 0.0) {
            return Err(CurveError::Point);
        }
        if !points.iter().zip(points.iter().skip(1)).all(|((one, _), (next, _))| one < next) {
            return Err(CurveError::Order);
        }
        Ok(Self { points })
    }

    /// Records per second of so many subtasks together.
    pub fn at(&self, parallelism: u32) -> f64 {
        let next = self.points.partition_point(|(known, _)| *known < parallelism);
        let before = next.checked_sub(1).and_then(|before| self.points.get(before));
        let wanted = f64::from(parallelism);
        match (before, self.points.get(next)) {
            (Some((low, slow)), Some((high, fast))) => {
                let share = (wanted - f64::from(*low)) / (f64::from(*high) - f64::from(*low));
                slow + (fast - slow) * share
            }
            (Some((known, rate)), None) | (None, Some((known, rate))) => rate * wanted / f64::from(*known),
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_on_as_at_its_ends() {
        let curve = Curve::new(vec![(2, 100.0), (4, 160.0), (8, 240.0)]).unwrap();
        for (parallelism, expected) in
            [(1, 50.0), (2, 100.0), (3, 130.0), (4, 160.0), (7, 220.0), (8, 240.0), (10, 300.0)]
        {
            assert!((curve.at(parallelism) - expected).abs() < 1e-9, "{parallelism}: {}", curve.at(parallelism));
        }
    }

    #[test]
    fn points_that_are_no_curve_are_refused() {
        for (points, wrong) in [
            (vec![], CurveError::Empty),
            (vec![(0, 1.0)], CurveError::Point),
            (vec![(1, 0.0)], CurveError::Point),
            (vec![(1, f64::NAN)], CurveError::Point),
            (vec![(1, 1.0), (1, 2.0)], CurveError::Order),
            (vec![(2, 2.0), (1, 1.0)], CurveError::Order),
        ] {
            assert_eq!(Curve::new(points.clone()), Err(wrong), "{points:?}");
        }
    }
}
