//! The rule: a vertex that is busy for too much or too little of the time gets as many subtasks as bring it to a target.

/// Between which loads a vertex is left alone, and where it is brought to.
pub struct Bounds {
    target: f64,
    low: f64,
    high: f64,
}

/// One vertex of a job.
pub struct Vertex {
    pub parallelism: u32,
    pub max_parallelism: u32,
    /// Whether it must stay as it is.
    pub is_excluded: bool,
    /// The busy share of its busiest subtask in every sample, oldest first; NaN where that is not known.
    pub loads: Vec<f64>,
}

/// What comes of a vertex.
pub struct Answer {
    /// The mean load; NaN where it is not known.
    pub mean: f64,
    /// The parallelism that would bring it to the target; 0 where the load is not known.
    pub wanted: u32,
    /// Whether the load is outside of its bounds.
    pub is_outside: bool,
}

impl Bounds {
    /// What a job's options say, and what is wrong with them: a default stands for each that is.
    pub fn read(options: &[(String, String)]) -> (Self, Vec<String>) {
        let mut wrong = Vec::new();
        let mut number = |key: &str, default: f64| {
            let Some((_, text)) = options.iter().find(|(name, _)| name == key) else { return default };
            match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() && number > 0.0 => number,
                _ => {
                    wrong.push(format!("`{key}` must be a positive number, not `{text}`"));
                    default
                }
            }
        };
        let bounds = Self {
            target: number("rule.target-load", 0.7),
            low: number("rule.low", 0.5),
            high: number("rule.high", 0.9),
        };
        (bounds, wrong)
    }
}

impl Answer {
    /// The parallelism that the vertex is to have: that of now, unless its load is outside of its bounds.
    pub fn target(&self, vertex: &Vertex) -> u32 {
        if self.is_outside { self.wanted } else { vertex.parallelism }
    }
}

/// Judges one vertex.
pub fn judge(vertex: &Vertex, bounds: &Bounds) -> Answer {
    let known = vertex.loads.iter().filter(|load| !load.is_nan());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), load| (sum + load, count + 1.0));
    if vertex.is_excluded || count == 0.0 {
        return Answer { mean: f64::NAN, wanted: 0, is_outside: false };
    }
    let mean: f64 = sum / count;
    let wanted = (f64::from(vertex.parallelism) * mean / bounds.target).ceil();
    let wanted = wanted.clamp(1.0, f64::from(vertex.max_parallelism)) as u32;
    Answer { mean, wanted, is_outside: mean < bounds.low || mean > bounds.high }
}
