//! Which ways lead from sources to sinks, as `inputs` say.

use super::Branch;
use super::error::{Report, suggest};
use super::parse::item;

/// A transform or sink, with what it takes.
#[derive(Debug)]
pub(super) struct Node {
    /// Where the config has it: `transforms.NAME`.
    pub(super) field: String,
    pub(super) id: String,
    /// Empty where that is already reported, and where none are needed.
    pub(super) inputs: Vec<String>,
    /// It may do without inputs: others send their dead letters to it.
    pub(super) takes_dead_letters: bool,
}

/// The branches of each sink; none where an input is wrong. Reports inputs that do not exist, cycles, and two ways from
/// one source into one sink, by which each line would arrive twice.
pub(super) fn branches(
    sources: &[String],
    transforms: &[Node],
    sinks: &[Node],
    report: &mut Report,
) -> Vec<Vec<Branch>> {
    let graph = Graph { sources, transforms };
    let mut sound = true;
    for node in transforms.iter().chain(sinks) {
        sound &= graph.check_inputs(node, report);
    }
    sound &= !graph.report_cycles(report);
    // Where every way leads to a source the second way from the same one ends the search; ways that lead nowhere can
    // be as many as 2ⁿ.
    if !sound {
        return Vec::new();
    }
    sinks.iter().map(|sink| graph.branches_of(sink, report)).collect()
}

struct Graph<'a> {
    sources: &'a [String],
    transforms: &'a [Node],
}

enum Input {
    Source(usize),
    Transform(usize),
}

impl Graph<'_> {
    fn find(&self, id: &str) -> Option<Input> {
        let transform =
            || self.transforms.iter().position(|transform| transform.id == id).map(Input::Transform);
        self.sources.iter().position(|source| source == id).map(Input::Source).or_else(transform)
    }

    /// Whether it has inputs and all of them exist.
    fn check_inputs(&self, node: &Node, report: &mut Report) -> bool {
        let field = format!("{}.inputs", node.field);
        let mut sound = node.takes_dead_letters || !node.inputs.is_empty();
        for (index, input) in node.inputs.iter().enumerate() {
            if self.find(input).is_none() {
                let known = self.sources.iter().chain(self.transforms.iter().map(|transform| &transform.id));
                let others = known.map(String::as_str).filter(|id| *id != node.id);
                let what = format!("there is no source or transform `{input}`");
                report.add_with_help(&item(&field, index), what, suggest(input, others));
                sound = false;
            }
        }
        sound
    }

    /// Each cycle once, beginning where the config has its first transform.
    fn report_cycles(&self, report: &mut Report) -> bool {
        let mut done = vec![false; self.transforms.len()];
        let mut found = false;
        for start in 0..self.transforms.len() {
            found |= self.look_for_cycle(start, &mut Vec::new(), &mut done, report);
        }
        found
    }

    fn look_for_cycle(
        &self,
        at: usize,
        way: &mut Vec<usize>,
        done: &mut [bool],
        report: &mut Report,
    ) -> bool {
        if let Some(begin) = way.iter().position(|&earlier| earlier == at) {
            // Inputs point backwards; lines would flow the other way round.
            let ids = way[begin..].iter().chain([&at]).rev().map(|&index| &*self.transforms[index].id);
            let shown = ids.collect::<Vec<_>>().join(" → ");
            report.add(&format!("{}.inputs", self.transforms[at].field), format!("a cycle: {shown}"));
            return true;
        }
        if std::mem::replace(&mut done[at], true) && !way.is_empty() {
            return false;
        }
        way.push(at);
        let mut found = false;
        for input in &self.transforms[at].inputs {
            if let Some(Input::Transform(next)) = self.find(input) {
                found |= (!done[next] || way.contains(&next)) && self.look_for_cycle(next, way, done, report);
            }
        }
        way.pop();
        found
    }

    fn branches_of(&self, sink: &Node, report: &mut Report) -> Vec<Branch> {
        let mut found: Vec<Branch> = Vec::new();
        // Ways still to be walked back: what to look at, and the transforms after it, the last one first.
        let mut open: Vec<(&str, Vec<usize>)> =
            sink.inputs.iter().rev().map(|input| (&**input, Vec::new())).collect();
        while let Some((id, after)) = open.pop() {
            match self.find(id) {
                Some(Input::Source(source)) => {
                    let branch = Branch { source, transforms: after.into_iter().rev().collect() };
                    if let Some(other) = found.iter().find(|other| other.source == source) {
                        let what = format!(
                            "two ways from one source: {} and {}",
                            self.show(other, sink),
                            self.show(&branch, sink)
                        );
                        report.add_with_help(
                            &format!("{}.inputs", sink.field),
                            what,
                            "each line would arrive twice; keep one",
                        );
                        return found;
                    }
                    found.push(branch);
                }
                Some(Input::Transform(index)) => {
                    let after: Vec<_> = after.into_iter().chain([index]).collect();
                    open.extend(
                        self.transforms[index].inputs.iter().rev().map(|input| (&**input, after.clone())),
                    );
                }
                None => {}
            }
        }
        found
    }

    fn show(&self, branch: &Branch, sink: &Node) -> String {
        let source = std::iter::once(&self.sources[branch.source]);
        let transforms = branch.transforms.iter().map(|&index| &self.transforms[index].id);
        source.chain(transforms).chain([&sink.id]).map(String::as_str).collect::<Vec<_>>().join(" → ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse::Lines;
    use super::*;

    fn node(kind: &str, id: &str, inputs: &[&str]) -> Node {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        Node { field: format!("{kind}.{id}"), id: id.to_owned(), inputs, takes_dead_letters: false }
    }

    fn resolve(
        transforms: &[(&str, &[&str])],
        sinks: &[(&str, &[&str])],
    ) -> Result<Vec<Vec<Branch>>, String> {
        let sources = ["s0".to_owned(), "s1".to_owned()];
        let transforms: Vec<_> =
            transforms.iter().map(|(id, inputs)| node("transforms", id, inputs)).collect();
        let sinks: Vec<_> = sinks.iter().map(|(id, inputs)| node("sinks", id, inputs)).collect();
        let mut report = Report::new("f", Lines::default());
        let branches = branches(&sources, &transforms, &sinks, &mut report);
        report.finish(Some(branches)).map(|(branches, _)| branches).map_err(|error| error.to_string())
    }

    #[test]
    fn a_branch_has_its_transforms_in_the_order_that_lines_pass_them() {
        let branches = resolve(&[("mask", &["parse"]), ("parse", &["s1"])], &[("out", &["s0", "mask"])]);
        let expected = vec![vec![
            Branch { source: 0, transforms: vec![] },
            Branch { source: 1, transforms: vec![1, 0] },
        ]];
        assert_eq!(branches, Ok(expected));
    }

    #[test]
    fn a_transform_may_take_several_sources() {
        let branches = resolve(&[("parse", &["s0", "s1"])], &[("out", &["parse"])]).expect("fine");
        assert_eq!(branches[0].iter().map(|branch| branch.source).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn an_unknown_input_is_named_with_a_suggestion() {
        let error = resolve(&[("normalize", &["s0"])], &[("out", &["normalise"])]).expect_err("unknown");
        assert_eq!(
            error,
            "f: sinks.out.inputs[0]: there is no source or transform `normalise`; did you mean `normalize`?"
        );
    }

    #[test]
    fn a_cycle_is_shown_once_as_lines_would_run_round_it() {
        let error = resolve(&[("a", &["c"]), ("b", &["a"]), ("c", &["b", "s0"])], &[("out", &["c"])])
            .expect_err("cycle");
        assert_eq!(error, "f: transforms.a.inputs: a cycle: a → b → c → a");
        let error = resolve(&[("a", &["a"])], &[]).expect_err("cycle");
        assert_eq!(error, "f: transforms.a.inputs: a cycle: a → a");
    }

    #[test]
    fn two_ways_from_one_source_into_one_sink_are_refused() {
        let error = resolve(&[("a", &["s0"])], &[("out", &["s0", "a"])]).expect_err("twice");
        assert!(
            error.starts_with("f: sinks.out.inputs: two ways from one source: s0 → out and s0 → a → out"),
            "{error}"
        );
        assert!(
            resolve(&[("a", &["s0"])], &[("x", &["s0"]), ("y", &["a"])]).is_ok(),
            "into two sinks they are fine"
        );
    }

    #[test]
    fn ways_that_lead_nowhere_are_not_walked() {
        let ids: Vec<_> = (0..=30).map(|index| format!("t{index}")).collect();
        for (last, problems) in [(&["nowhere"][..], 1), (&[], 0)] {
            // A chain of diamonds: 2³⁰ ways from the sink to the last one.
            let pairs: Vec<_> = ids.windows(2).map(|pair| [&*pair[1], &*pair[1]]).collect();
            let mut transforms: Vec<_> =
                ids.iter().zip(&pairs).map(|(id, pair)| node("transforms", id, pair)).collect();
            transforms.push(node("transforms", "t30", last));
            let mut report = Report::new("f", Lines::default());
            let sinks = [node("sinks", "out", &["t0"])];
            assert!(branches(&["s0".to_owned()], &transforms, &sinks, &mut report).is_empty());
            let found = report.finish(None::<()>).expect_err("no branches").problems;
            assert_eq!(found.len(), problems, "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_inputs_are_it_ends(edges in proptest::collection::vec((0usize..8, 0usize..9), 0..24)) {
            let ids = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "s0"];
            let inputs = |of: usize| edges.iter().filter(|(to, _)| *to == of).map(|(_, from)| ids[*from]).collect::<Vec<_>>();
            let or_source = |inputs: Vec<_>| if inputs.is_empty() { vec!["s0"] } else { inputs };
            let all: Vec<_> = (0..8).map(inputs).map(or_source).collect();
            let transforms: Vec<_> = (0..8).map(|index| (ids[index], &*all[index])).collect();
            if let Ok(branches) = resolve(&transforms, &[("out", &["t0"])]) {
                prop_assert_eq!(branches[0].len(), 1, "only one source is used");
            }
        }
    }
}
