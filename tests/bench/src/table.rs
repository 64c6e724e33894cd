//! Figures beside their goals.

use std::fmt::{self, Write as _};

/// What is wanted of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// That, or more.
    AtLeast(f64),
    /// That, or less.
    AtMost(f64),
    /// Nothing: it is there to be read.
    None,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// How much it is: the median of all repeats.
    pub value: f64,
    /// The least and the most of them.
    pub spread: (f64, f64),
    /// Of what.
    pub unit: &'static str,
    /// How much it should be.
    pub goal: Goal,
}

impl Figure {
    /// The median of some values. None: there are none.
    pub fn of(what: impl Into<String>, mut values: Vec<f64>, unit: &'static str, goal: Goal) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let spread = (*values.first()?, *values.last()?);
        Some(Self { what: what.into(), value: values[values.len() / 2], spread, unit, goal })
    }

    /// Whether it is as it should be; none: nothing is wanted.
    pub fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(least) => Some(self.value >= least),
            Goal::AtMost(most) => Some(self.value <= most),
            Goal::None => None,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::AtLeast(least) => format!("≥ {}", number(least)),
            Goal::AtMost(most) => format!("≤ {}", number(most)),
            Goal::None => String::new(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, spread: (least, most), unit, .. } = self;
        write!(f, "{what}: {} {unit} ({} to {})", number(*value), number(*least), number(*most))
    }
}

/// As a table of Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut table = "| what | measured | from … to | goal | |\n|---|---|---|---|---|\n".to_owned();
    for figure in figures {
        let Figure { what, value, spread: (least, most), unit, .. } = figure;
        let (value, least, most) = (number(*value), number(*least), number(*most));
        let (goal, verdict) = (figure.goal(), figure.verdict());
        // A string takes all.
        let _ = writeln!(table, "| {what} | {value} {unit} | {least} … {most} | {goal} | {verdict} |");
    }
    table
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_missed_is_said_to_be() {
        let figure = |goal| Figure::of("x", vec![3.0, 1.0, 2.0], "MB", goal).unwrap();
        assert_eq!(figure(Goal::AtLeast(2.5)).is_met(), Some(false));
        assert_eq!(figure(Goal::AtMost(2.5)).is_met(), Some(true));
        assert_eq!(figure(Goal::None).is_met(), None);
        assert!(
            table(&[figure(Goal::AtLeast(150.0))])
                .contains("| x | 2.00 MB | 1.00 … 3.00 | ≥ 150 | **missed** |")
        );
    }
}
