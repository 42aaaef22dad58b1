//! Graphs that no recorded cluster had.

use proptest::prelude::*;

use super::*;

const A: &str = "0000000000000000000000000000000a";
const B: &str = "0000000000000000000000000000000b";
const C: &str = "0000000000000000000000000000000c";

fn read(plan: &str, vertices: &[String]) -> Result<flink::JobDetails, InvalidDetails> {
    let vertices = vertices.join(",");
    let body = format!(r#"{{"state":"RUNNING","timestamps":{{"RUNNING":5}},"vertices":[{vertices}],"plan":{plan}}}"#);
    serde_json::from_str::<JobDetails<'_>>(&body).unwrap().try_into()
}

fn vertex(id: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"{id}","maxParallelism":128,"status":"{status}",
            "metrics":{{"read-records":7,"write-records":8,"accumulated-busy-time":"NaN"}}}}"#
    )
}

fn node(id: &str, inputs: &[(&str, &str)]) -> String {
    let inputs: Vec<_> =
        inputs.iter().map(|(id, ship)| format!(r#"{{"id":"{id}","ship_strategy":"{ship}","num":0}}"#)).collect();
    format!(r#"{{"id":"{id}","parallelism":2,"inputs":[{}]}}"#, inputs.join(","))
}

fn plan(nodes: &[String]) -> String {
    format!(r#"{{"nodes":[{}]}}"#, nodes.join(","))
}

fn running(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| vertex(id, "RUNNING")).collect()
}

#[test]
fn a_plan_without_nodes_is_a_graph_without_vertices() {
    for empty in ["null", "{}", r#"{"nodes":null}"#, r#"{"nodes":[]}"#] {
        let details = read(empty, &running(&[B, A])).unwrap();
        assert_eq!(details.topology, Topology::default(), "{empty}");
        assert_eq!(details.running_since, Some(Timestamp::from_millis(5)));
    }
}

#[test]
fn every_vertex_stands_after_its_inputs() {
    let nodes = [node(C, &[(B, "HASH")]), node(B, &[(A, "FORWARD")]), node(A, &[])];
    let topology = read(&plan(&nodes), &running(&[C, B, A])).unwrap().topology;
    assert_eq!(topology.vertices.iter().map(|vertex| vertex.name.as_str()).collect::<Vec<_>>(), [A, B, C]);
    let edge = |from, to, ship| Edge { from, to, ship };
    assert_eq!(topology.edges, [edge(0, 1, ShipStrategy::Forward), edge(1, 2, ShipStrategy::Hash)]);
}

#[test]
fn of_several_edges_between_two_vertices_the_last_one_counts() {
    let nodes = [node(A, &[]), node(B, &[(A, "HASH"), (A, "BROADCAST")])];
    let topology = read(&plan(&nodes), &running(&[A, B])).unwrap().topology;
    assert_eq!(topology.edges, [Edge { from: 0, to: 1, ship: ShipStrategy::Broadcast }]);
}

#[test]
fn a_finished_vertex_has_done_nothing() {
    let nodes = [node(A, &[]), node(B, &[])];
    let vertices = [vertex(A, "FINISHED"), vertex(B, "RUNNING")];
    let topology = read(&plan(&nodes), &vertices).unwrap().topology;
    assert_eq!((topology.vertices[0].finished, topology.vertices[0].io), (true, IoMetrics::default()));
    assert!(!topology.vertices[1].finished);
    assert_eq!((topology.vertices[1].io.records_in, topology.vertices[1].io.records_out), (7.0, 8.0));
    assert!(topology.vertices[1].io.accumulated_busy_time.is_nan());
}

#[test]
fn metrics_that_are_left_out_are_unknown_busy_time() {
    let bare = format!(r#"{{"id":"{A}","name":"a","maxParallelism":1,"status":"RUNNING"}}"#);
    let topology = read(&plan(&[node(A, &[])]), &[bare]).unwrap().topology;
    assert_eq!(topology.vertices[0].io.records_in, 0.0);
    assert!(topology.vertices[0].io.accumulated_busy_time.is_nan());
    assert_eq!(topology.vertices[0].slot_sharing_group, None);
}

#[test]
fn details_that_contradict_themselves_are_refused() {
    let id = |text: &str| text.parse::<VertexId>().unwrap();
    let odd = |field: &str| vertex(A, "RUNNING").replace(r#""maxParallelism":128"#, field);
    for (nodes, vertices, expected) in [
        (vec![node(A, &[])], vec![], InvalidDetails::NoVertex(id(A))),
        (vec![node(A, &[(B, "HASH")])], running(&[A]), InvalidDetails::NoInput { vertex: id(A), input: id(B) }),
        (vec![node(A, &[]), node(A, &[])], running(&[A]), InvalidDetails::Twice(id(A))),
        (vec![node(A, &[(B, "HASH")]), node(B, &[(A, "HASH")])], running(&[A, B]), InvalidDetails::Circle),
        (vec![node(A, &[(A, "HASH")])], running(&[A]), InvalidDetails::Circle),
        (
            vec![node(A, &[])],
            vec![odd(r#""maxParallelism":-1"#)],
            InvalidDetails::Number { vertex: id(A), what: "max parallelism", number: -1 },
        ),
        (
            vec![node(A, &[]).replace(r#""parallelism":2"#, r#""parallelism":0"#)],
            running(&[A]),
            InvalidDetails::Number { vertex: id(A), what: "parallelism", number: 0 },
        ),
    ] {
        assert_eq!(read(&plan(&nodes), &vertices).unwrap_err(), expected);
    }
}

proptest! {
    /// Any graph without circles, its nodes listed in any order.
    #[test]
    fn any_graph_is_put_in_order(
        inputs in prop::collection::vec(prop::collection::vec(0_usize..12, 0..4), 1..12),
        seed in prop::collection::vec(any::<u32>(), 12),
    ) {
        let name = |index: usize| format!("{:032x}", index + 1);
        let mut nodes: Vec<_> = inputs.iter().enumerate().map(|(index, from)| {
            let from: Vec<_> = from.iter().filter(|from| **from < index).map(|from| name(*from)).collect();
            let from: Vec<_> = from.iter().map(|id| (id.as_str(), "HASH")).collect();
            (seed[index], node(&name(index), &from))
        }).collect();
        nodes.sort();
        let nodes: Vec<_> = nodes.into_iter().map(|(_, node)| node).collect();
        let ids: Vec<_> = (0..inputs.len()).map(name).collect();
        let topology = read(&plan(&nodes), &ids.iter().map(|id| vertex(id, "RUNNING")).collect::<Vec<_>>()).unwrap().topology;
        prop_assert_eq!(topology.vertices.len(), inputs.len());
        for edge in &topology.edges {
            prop_assert!(edge.from < edge.to);
        }
        let distinct: usize = inputs.iter().enumerate().map(|(index, from)| {
            from.iter().filter(|from| **from < index).collect::<std::collections::BTreeSet<_>>().len()
        }).sum();
        prop_assert_eq!(topology.edges.len(), distinct);
    }
}
