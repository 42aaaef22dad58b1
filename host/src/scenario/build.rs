//! From a scenario's file to a job, a cluster and a load.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::options;
use toml::Spanned;

use super::ScenarioError;
use super::file::{InputTable, SourceTable, Tables, UtilisationTable, VertexTable};
use crate::config::{ConfigError, Span, from_table, with_hint};
use crate::simulate::{ClusterOptions, Feed, Input, JobShape, Log, Noise, ShapeError, VertexShape};

/// The shortest time between two passes: what is measured is measured every second.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The longest scenario: a year and a day.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The most that may happen by itself in one scenario.
const MOST_STEPS: u128 = 1_000_000;

/// A job, what is offered to it and for how long, and where it runs.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called: the file's name without its ending.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Where its numbers come from, and what was assumed.
    pub about: String,
    /// How long it is simulated.
    pub lasts: Duration,
    /// Between two passes of the host.
    pub interval: Duration,
    /// What chance began with.
    pub seed: u64,
    /// Within which share of its capacity a vertex should be.
    pub utilisation: Utilisation,
    /// How the cluster behaves.
    pub cluster: ClusterOptions,
    /// The host's options.
    pub options: Configuration,
    /// The job.
    pub shape: JobShape,
    /// Whether the policy may scale each vertex.
    pub scaled: Vec<bool>,
    /// When the load goes to another level, the beginning included.
    pub changes: Vec<Duration>,
    /// Published figures to compare with: rescales for each change of the load.
    pub published: BTreeMap<String, f64>,
}

/// Within which share of its capacity a vertex should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilisation {
    /// Below it, fewer subtasks would do.
    pub least: f64,
    /// Above it, a backlog grows.
    pub most: f64,
}

impl Scenario {
    /// Reads a file; `seed` goes over its own.
    ///
    /// # Errors
    /// When it cannot be read, or something in it cannot be meant.
    pub fn read(path: &Path, seed: Option<u64>) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text, seed)
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// When something in it cannot be meant; the place is marked.
    pub fn parse(path: &Path, text: &str, seed: Option<u64>) -> Result<Self, ScenarioError> {
        let wrong = |place: Option<Range<usize>>, reason: String| ConfigError::at(path.to_owned(), text, place, reason);
        let tables: Tables = toml::from_str(text).map_err(|error| wrong(error.span(), with_hint(error.message())))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let seed = seed.unwrap_or(tables.seed);
        let (lasts, interval) = times(&tables).map_err(|(place, reason)| wrong(Some(place), reason))?;
        let mut options = from_table(&tables.options).map_err(|unknown| {
            let place = text.find(&unknown.written).map(|start| start..start + unknown.written.len());
            wrong(place, unknown.reason)
        })?;
        let utilisation = utilisation(&tables).map_err(|(place, reason)| wrong(Some(place), reason))?;

        let mut shape = JobShape::new(&name);
        let mut changes = Vec::new();
        for (index, vertex) in tables.vertex.iter().enumerate() {
            let earlier = tables.vertex.get(..index).unwrap_or_default();
            let built = Part { lasts, seed, index, earlier }.build(vertex);
            let (vertex, more) = built.map_err(|(place, reason)| wrong(Some(place), reason))?;
            shape.vertices.push(vertex);
            changes.extend(more);
        }
        changes.sort_unstable();
        changes.dedup();
        let cluster = &tables.cluster;
        shape.noise = Noise { share: cluster.noise.0.min(0.95), every: cluster.noise_every.0, seed };
        shape.check().map_err(|source| at_vertex(&tables, source, &name, &wrong))?;
        let scaled: Vec<bool> = tables.vertex.iter().map(|vertex| vertex.get_ref().scale).collect();
        exclude(&mut options, &shape, &scaled);
        Ok(Self {
            cluster: ClusterOptions {
                task_managers: cluster.slots.0,
                slots_per_task_manager: 1,
                downtime: cluster.downtime.0,
                meter_window: cluster.meter_window.map(|window| window.0),
                ..ClusterOptions::default()
            },
            published: tables.published.into_iter().map(|(who, figure)| (who, figure.0)).collect(),
            title: tables.title,
            about: tables.about,
            name,
            lasts,
            interval,
            seed,
            utilisation,
            options,
            shape,
            scaled,
            changes,
        })
    }
}

type Wrong = (Range<usize>, String);

fn times(tables: &Tables) -> Result<(Duration, Duration), Wrong> {
    let lasts = tables.lasts.get_ref().0;
    let interval = tables.interval.as_ref().map_or(Duration::from_secs(10), |interval| interval.get_ref().0);
    let place = |span: Option<&Spanned<Span>>| span.map_or(0..0, Spanned::span);
    if lasts > LONGEST {
        return Err((tables.lasts.span(), "a scenario lasts a year at most".to_owned()));
    }
    if interval < SHORTEST_INTERVAL || interval.subsec_nanos() != 0 {
        let reason = "the time between two passes is one or more whole seconds";
        return Err((place(tables.interval.as_ref()), reason.to_owned()));
    }
    if lasts < interval {
        return Err((tables.lasts.span(), "nothing happens: it is over before the first pass".to_owned()));
    }
    Ok((lasts, interval))
}

fn utilisation(tables: &Tables) -> Result<Utilisation, Wrong> {
    let written = tables.utilisation.as_ref();
    let UtilisationTable { least, most } = written.map(|written| *written.get_ref()).unwrap_or_default();
    match written {
        Some(written) if least.0 >= most.0 => Err((written.span(), "`least` must be below `most`".to_owned())),
        _ => Ok(Utilisation { least: least.0, most: most.0 }),
    }
}

/// One vertex of the file, and what it is read with.
struct Part<'a> {
    lasts: Duration,
    seed: u64,
    index: usize,
    earlier: &'a [Spanned<VertexTable>],
}

impl Part<'_> {
    /// The vertex, and when its load changes.
    fn build(&self, written: &Spanned<VertexTable>) -> Result<(VertexShape, Vec<Duration>), Wrong> {
        let table = written.get_ref();
        let whole = |reason: &str| (written.span(), format!("vertex `{}`: {reason}", table.name));
        if self.earlier.iter().any(|other| other.get_ref().name == table.name) {
            return Err(whole("another one has this name: names must differ, inputs go by them"));
        }
        let (capacity, curve) = match (&table.capacity, &table.curve) {
            (Some(_), Some(curve)) => {
                return Err((curve.span(), "give a curve, or a capacity: not both".to_owned()));
            }
            (Some(capacity), None) => (capacity.0, None),
            (None, Some(curve)) => (curve.get_ref().0.at(1), Some(curve.get_ref().0.clone())),
            (None, None) => {
                return Err(whole(
                    "what does it manage? give `capacity` (records per second of one subtask) or `curve` (records per \
                     second at each parallelism)",
                ));
            }
        };
        let (name, feed, changes) = match (&table.source, table.inputs.as_slice()) {
            (Some(source), []) => {
                let (log, changes) = self.log(&table.name, source)?;
                (format!("Source: {}", table.name), Feed::Log(log), changes)
            }
            (None, [_, ..]) => (table.name.clone(), Feed::Inputs(self.inputs(table)?), Vec::new()),
            (Some(_), [_, ..]) => return Err(whole("it is a source and has inputs: take one of them away")),
            (None, []) => return Err(whole("where do its records come from? give [vertex.source] or `inputs`")),
        };
        let shape = VertexShape {
            name,
            parallelism: table.parallelism.0,
            max_parallelism: table.max_parallelism.0,
            scalability: table.scalability.map_or(1.0, |scalability| scalability.0),
            hot_key: table.hot_key.0,
            slot_sharing_group: table.slot_sharing_group,
            curve,
            ..VertexShape::operator("", capacity)
        };
        Ok((VertexShape { feed, ..shape }, changes))
    }

    fn log(&self, name: &str, source: &SourceTable) -> Result<(Log, Vec<Duration>), Wrong> {
        let too_often = |every: Duration| self.lasts.as_millis() / every.as_millis().max(1) > MOST_STEPS;
        let jitter = source.jitter.as_ref();
        if let Some(jitter) = jitter.filter(|jitter| too_often(jitter.get_ref().every())) {
            return Err((jitter.span(), "this happens more than a million times: let it happen less often".to_owned()));
        }
        if source.load.get_ref().every().is_some_and(too_often) {
            let reason = "this happens more than a million times: let it happen less often";
            return Err((source.load.span(), reason.to_owned()));
        }
        let jitter = jitter.map(|jitter| *jitter.get_ref());
        let offered = source.load.get_ref().offered(self.lasts, self.seed, self.index as u64, jitter);
        let log = Log {
            topic: name.to_owned(),
            partitions: source.partitions.0,
            load: offered.load,
            backlog: source.backlog.0,
        };
        Ok((log, offered.changes))
    }

    fn inputs(&self, table: &VertexTable) -> Result<Vec<Input>, Wrong> {
        let input = |input: &InputTable| {
            let wanted = input.from.get_ref();
            let from = self.earlier.iter().position(|other| other.get_ref().name == *wanted).ok_or_else(|| {
                let known: Vec<String> = self.earlier.iter().map(|it| format!("`{}`", it.get_ref().name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let reason = format!("no vertex `{wanted}` stands before this one: those that do are {known}");
                (input.from.span(), reason)
            })?;
            Ok(Input { from, ship: input.ship.into(), ratio: input.ratio.0 })
        };
        table.inputs.iter().map(input).collect()
    }
}

/// What the job's shape finds wrong, at the table of the vertex that it is about.
fn at_vertex(
    tables: &Tables,
    source: ShapeError,
    scenario: &str,
    wrong: &dyn Fn(Option<Range<usize>>, String) -> ConfigError,
) -> ScenarioError {
    let ShapeError::Vertex { vertex, wrong: reason, .. } = &source else {
        return ScenarioError::Shape { scenario: scenario.to_owned(), source };
    };
    let named =
        |written: &&Spanned<VertexTable>| vertex.strip_prefix("Source: ").unwrap_or(vertex) == written.get_ref().name;
    let place = tables.vertex.iter().find(named).map(Spanned::span);
    wrong(place, format!("vertex `{vertex}` {reason}")).into()
}

/// Switches the autoscaler on, and lets it leave the vertices alone that are not to be scaled.
fn exclude(options: &mut Configuration, shape: &JobShape, scaled: &[bool]) {
    if options.get(options::ENABLED.key()).is_none() {
        options.set(options::ENABLED.key(), "true");
    }
    let ids = (0..).zip(scaled).filter(|(_, scaled)| !**scaled).filter_map(|(index, _)| shape.vertex_id(index));
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    if !ids.is_empty() {
        let key = options::VERTEX_EXCLUDE_IDS.key();
        let all = options.get(key).map(str::to_owned).into_iter().chain(ids).collect::<Vec<_>>();
        options.set(key, all.join(";"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Curve, Load};

    const WHOLE: &str = r#"
title = "Orders"
lasts = "1h"
seed = 4

[cluster]
slots = 20
downtime = "15s"

[options]
"job.autoscaler.metrics.window" = "1min"

[[vertex]]
name = "orders"
capacity = 1000
scale = false
[vertex.source]
partitions = 12
load.steps = { hold = "10min", rates = [100, 200] }

[[vertex]]
name = "enrich"
curve = [[1, 100], [4, 250.5]]
parallelism = 2
inputs = [{ from = "orders", ship = "hash", ratio = 0.5 }]
"#;

    fn parse(text: &str) -> Result<Scenario, String> {
        Scenario::parse(Path::new("shop/orders.toml"), text, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_a_job_and_its_load() {
        let scenario = parse(WHOLE).unwrap();
        assert_eq!((scenario.name.as_str(), scenario.seed), ("orders", 4));
        assert_eq!((scenario.lasts, scenario.interval), (Duration::from_secs(3600), Duration::from_secs(10)));
        assert_eq!(scenario.changes, [Duration::ZERO, Duration::from_secs(600)]);
        assert_eq!(scenario.scaled, [false, true]);
        let [orders, enrich] = &scenario.shape.vertices[..] else { panic!("two vertices") };
        assert_eq!((orders.name.as_str(), orders.log().unwrap().partitions), ("Source: orders", 12));
        let steps = vec![(Duration::ZERO, 100.0), (Duration::from_secs(600), 200.0)];
        assert_eq!(orders.log().unwrap().load, Load::Steps(steps));
        assert_eq!(enrich.curve, Some(Curve::new(vec![(1, 100.0), (4, 250.5)]).unwrap()));
        let excluded = scenario.shape.vertex_id(0).unwrap().to_string();
        assert_eq!(scenario.options.get("job.autoscaler.vertex.exclude.ids"), Some(excluded.as_str()));
        let other = Scenario::parse(Path::new("orders.toml"), WHOLE, Some(9)).unwrap();
        assert_eq!((other.seed, other.shape.noise.seed), (9, 9));
    }

    #[test]
    fn what_cannot_be_meant_is_marked() {
        for (from, to, line, says) in [
            ("lasts", "last", 3, "did you mean `lasts`?"),
            ("\"1h\"", "\"1 fortnight\"", 3, "is no duration"),
            ("\"1h\"", "\"5s\"", 3, "over before the first pass"),
            ("seed = 4", "interval = \"500ms\"", 4, "whole seconds"),
            ("slots = 20", "slots = 0", 7, "from 1 to 32768"),
            ("metrics.window", "metrics.windo", 11, "did you mean `job.autoscaler.metrics.window`?"),
            ("capacity = 1000", "capacity = -1", 15, "expected a number above 0"),
            ("capacity = 1000", "hot-key = 0.5", 13, "what does it manage?"),
            ("[vertex.source]", "[vertex.sauce]", 17, "did you mean `source`?"),
            ("load.steps", "load.step", 19, "did you mean `steps`?"),
            ("rates = [100, 200]", "rates = [100, -200]", 19, "at least 0"),
            ("name = \"enrich\"", "name = \"orders\"", 21, "another one has this name"),
            ("[[1, 100], [4, 250.5]]", "[[4, 100], [1, 250.5]]", 23, "must rise from point to point"),
            ("parallelism = 2", "capacity = 2", 23, "not both"),
            ("parallelism = 2", "parallelism = 200", 21, "has more subtasks than key groups"),
            (
                "from = \"orders\"",
                "from = \"order\"",
                25,
                "no vertex `order` stands before this one: those that do are `orders`",
            ),
            ("ship = \"hash\"", "ship = \"hush\"", 25, "did you mean `hash`?"),
            (
                "inputs = [{ from = \"orders\", ship = \"hash\", ratio = 0.5 }]",
                "",
                21,
                "where do its records come from?",
            ),
            ("[options]", "[utilisation]\nleast = 0.9\nmost = 0.8\n[options]", 10, "`least` must be below `most`"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let said = parse(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(said.starts_with(&format!("shop/orders.toml:{line}:")) && said.contains(says), "{from}: {said}");
        }
    }
}
