//! Names of log groups, log streams and objects, written as Jinja templates over what a stream is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, Rest};
use minijinja::{Environment, Value};

use crate::event::{DEFAULT_LABEL, Deployment, Origin, StreamKind, TaskTry};
use crate::source::identify::try_path;

/// Every name that a template may use, besides `env.NAME`.
pub const NAMES: [&str; 13] = [
    "path",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
    "kind",
    "label",
    "host",
    "cluster_id",
    "workspace_id",
    "deployment_id",
    "try_path",
];

/// A checked template. The two commonest, `{{ path }}` and plain text, never enter the template engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Path,
    Plain,
    /// With the names it uses: those of [`NAMES`], and those behind `env.`.
    Jinja {
        names: Vec<String>,
        variables: Vec<String>,
    },
}

/// What a template may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The stream.
    pub origin: &'a Origin,
    /// The label of its events.
    pub label: &'a str,
    /// For `env.NAME`; holds at least the [`Template::variables`] that are set.
    pub env: &'a BTreeMap<String, String>,
}

/// What a template came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The name; never empty.
    pub text: String,
    /// The template came to nothing, or would have printed a name that this stream lacks, so `text` is the stream's
    /// path. Worth saying once.
    pub fell_back: bool,
}

/// Why a text is no template, or failed for a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing in it.
    #[error("the template is empty")]
    Empty,
    /// Not Jinja.
    #[error("not a valid template: {0}")]
    Syntax(String),
    /// A name that no stream ever has.
    #[error("unknown name `{0}`; known are {known} and env.NAME", known = NAMES.join(", "))]
    UnknownName(String),
    /// Jinja, but it cannot be carried out: an unknown filter, a sum of words…
    #[error("the template fails: {0}")]
    Failed(String),
}

impl Template {
    /// Checks syntax and names, and carries it out once for a made-up stream that has every name.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        // As Jinja does; a YAML block ends with one.
        let source = source.strip_suffix('\n').unwrap_or(source).to_owned();
        if source.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            return Ok(Self { source, shape: Shape::Plain });
        }
        let inner = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if inner.is_some_and(|name| name.trim() == "path") {
            return Ok(Self { source, shape: Shape::Path });
        }
        let (names, variables) = names_in(&source)?;
        let template = Self { source, shape: Shape::Jinja { names, variables } };
        template.rehearse()?;
        Ok(template)
    }

    /// The text it was made from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it uses this one of [`NAMES`].
    pub fn uses(&self, name: &str) -> bool {
        match &self.shape {
            Shape::Jinja { names, .. } => names.iter().any(|used| used == name),
            Shape::Path => name == "path",
            Shape::Plain => false,
        }
    }

    /// The environment variables that it names.
    pub fn variables(&self) -> &[String] {
        match &self.shape {
            Shape::Jinja { variables, .. } => variables,
            Shape::Path | Shape::Plain => &[],
        }
    }

    /// The name for one stream and label.
    pub fn render(&self, names: &Names<'_>) -> Result<Rendered, TemplateError> {
        let text = match &self.shape {
            Shape::Path => Some(names.origin.path.clone()),
            Shape::Plain => Some(self.source.clone()),
            Shape::Jinja { names: used, variables } => {
                self.carry_out(used.iter().map(|name| (&**name, names.get(name))), |variable| {
                    variables
                        .iter()
                        .any(|known| known == variable)
                        .then(|| names.env.get(variable).cloned())?
                })?
            }
        };
        Ok(match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => Rendered { text, fell_back: false },
            None => Rendered { text: names.origin.path.clone(), fell_back: true },
        })
    }

    /// None: it printed, or failed on, a name that is not there.
    fn carry_out<'n>(
        &self,
        names: impl Iterator<Item = (&'n str, Option<Value>)>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, TemplateError> {
        let printed = Arc::new(AtomicBool::new(false));
        let mut lacking = false;
        let mut or_absent = |value: Option<Value>| {
            value.unwrap_or_else(|| {
                lacking = true;
                Value::from_object(Absent { printed: Arc::clone(&printed) })
            })
        };
        let mut context: BTreeMap<&str, Value> =
            names.map(|(name, value)| (name, or_absent(value))).collect();
        let env: BTreeMap<&str, Value> = self
            .variables()
            .iter()
            .map(|name| (&**name, or_absent(variable(name).map(Value::from))))
            .collect();
        context.insert("env", Value::from(env));
        match ENGINE.render_str(&self.source, Value::from(context)) {
            Ok(_) if printed.load(Ordering::Relaxed) => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(_) if lacking => Ok(None),
            Err(error) => Err(TemplateError::Failed(explain(&error))),
        }
    }

    fn rehearse(&self) -> Result<(), TemplateError> {
        let Shape::Jinja { names: used, .. } = &self.shape else { return Ok(()) };
        let task = TaskTry {
            dag_id: "dag".into(),
            run_id: "run".into(),
            task_id: "task".into(),
            map_index: Some(0),
            try_number: 1,
        };
        let id = Some("id".to_owned());
        let origin = Origin {
            source: "source".into(),
            path: "path".into(),
            host: "host".into(),
            kind: StreamKind::Task,
            task: Some(task),
            deployment: Deployment { cluster_id: id.clone(), workspace_id: id.clone(), deployment_id: id },
        };
        let names = Names { origin: &origin, label: DEFAULT_LABEL, env: &BTreeMap::new() };
        self.carry_out(used.iter().map(|name| (&**name, names.get(name))), |_| Some("value".into())).map(drop)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Names<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let task = self.origin.task.as_ref();
        let deployment = &self.origin.deployment;
        match name {
            "path" => Some(Value::from(&self.origin.path)),
            "try_path" => Some(Value::from(try_path(&self.origin.path))),
            "host" => Some(Value::from(&self.origin.host)),
            "kind" => Some(Value::from(self.origin.kind.as_str())),
            "label" => Some(Value::from(self.label)),
            "dag_id" => task.map(|task| Value::from(&task.dag_id)),
            "run_id" => task.map(|task| Value::from(&task.run_id)),
            "task_id" => task.map(|task| Value::from(&task.task_id)),
            "map_index" => task.and_then(|task| task.map_index).map(Value::from),
            "try_number" => task.map(|task| Value::from(task.try_number)),
            "cluster_id" => deployment.cluster_id.as_ref().map(Value::from),
            "workspace_id" => deployment.workspace_id.as_ref().map(Value::from),
            "deployment_id" => deployment.deployment_id.as_ref().map(Value::from),
            _ => None,
        }
    }
}

/// Stands for a name that a stream lacks: `none` to every test, false, and it remembers having been printed, however
/// that came about (`{{ x }}`, `~`, a filter).
#[derive(Debug)]
struct Absent {
    printed: Arc<AtomicBool>,
}

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.printed.store(true, Ordering::Relaxed);
        f.write_str("none")
    }
}

/// Jinja's own filters and tests, except that absent names count as none and as not defined.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    fn absent(value: &Value) -> bool {
        value.is_undefined() || value.is_none() || value.downcast_object_ref::<Absent>().is_some()
    }
    let mut engine = Environment::new();
    engine.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    engine.add_test("none", |value: &Value| absent(value));
    engine.add_test("defined", |value: &Value| !absent(value));
    engine.add_test("undefined", |value: &Value| absent(value));
    engine.add_filter("default", |value: &Value, arguments: Rest<Value>| -> Value {
        let also_false = arguments.get(1).is_some_and(Value::is_true);
        if absent(value) || (also_false && !value.is_true()) {
            arguments.first().cloned().unwrap_or_else(|| Value::from(""))
        } else {
            value.clone()
        }
    });
    engine
});

/// The names that a template uses, each checked: those of [`NAMES`], and those behind `env.`.
fn names_in(source: &str) -> Result<(Vec<String>, Vec<String>), TemplateError> {
    let template = ENGINE.template_from_named_str("template", source);
    let template = template.map_err(|error| TemplateError::Syntax(explain(&error)))?;
    let mut used: Vec<_> = template.undeclared_variables(true).into_iter().collect();
    used.sort();
    let (mut names, mut variables) = (Vec::new(), Vec::new());
    for name in used {
        if let Some(variable) = name.strip_prefix("env.") {
            variables.push(variable.to_owned());
        } else if NAMES.contains(&first_part(&name)) {
            names.push(first_part(&name).to_owned());
        } else if !ENGINE.globals().any(|(global, _)| global == name) {
            return Err(TemplateError::UnknownName(name));
        }
    }
    Ok((names, variables))
}

fn first_part(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// One line, without the name of a template that has none.
fn explain(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests;
