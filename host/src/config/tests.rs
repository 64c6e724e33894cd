//! Promises of the whole way from a text to a checked config.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

/// The ids that the platform injects, and where the logs are.
pub(super) const PLATFORM: [(&str, &str); 4] = [
    ("ASTRO_CLUSTER_ID", "c1"),
    ("ASTRO_WORKSPACE_ID", "w1"),
    ("ASTRO_DEPLOYMENT_ID", "d1"),
    ("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "/logs"),
];

pub(super) fn env(pairs: &[&[(&str, &str)]]) -> Env {
    pairs.iter().copied().flatten().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(super) fn yaml(text: &str) -> Result<Config, Error> {
    from_str(text, Format::Yaml, "p.yaml", &env(&[&PLATFORM, &[("MANY", "500"), ("REGION", "eu-west-1")]]))
}

/// A whole config around one sink.
pub(super) fn sink(options: &str) -> Result<Config, Error> {
    yaml(&format!("sources: {{a: {{type: airflow}}}}\nsinks:\n  s: {{inputs: [a], {options}}}\n"))
}

pub(super) fn problems(result: Result<Config, Error>) -> Vec<String> {
    result
        .map(|config| format!("no problem: {config:?}"))
        .expect_err("a problem")
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

pub(super) fn problem(result: Result<Config, Error>) -> String {
    let all = problems(result);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

pub(super) fn cloudwatch(config: &Config) -> &CloudWatch {
    let mut kinds = config.sinks.iter().map(|sink| &sink.kind);
    kinds
        .find_map(|kind| if let SinkKind::CloudWatch(it) = kind { Some(it) } else { None })
        .expect("CloudWatch")
}

pub(super) fn s3(config: &Config) -> &S3 {
    let mut kinds = config.sinks.iter().map(|sink| &sink.kind);
    kinds.find_map(|kind| if let SinkKind::S3(it) = kind { Some(it) } else { None }).expect("S3")
}

pub(super) fn mirror(config: &Config, sink: usize) -> &Mirror {
    match config.sinks[sink].kind.layout() {
        Some(Layout::Mirror(mirror)) => mirror,
        other => panic!("no mirror: {other:?}"),
    }
}

#[test]
fn a_short_config_gets_the_documented_defaults() {
    let config = yaml(
        "sources: {airflow: {type: airflow}}\n\
         transforms: {normalize: {type: wasm, inputs: [airflow], component: builtin:airflow}}\n\
         sinks:\n  cw: {type: aws_cloudwatch_logs, inputs: [normalize], group_name: g}\n  \
         s3: {type: aws_s3, inputs: [airflow], bucket: b}\n  files: {type: file, inputs: [airflow], path: /out}\n  \
         con: {type: console, inputs: [normalize]}\n",
    )
    .expect("good");
    let source = &config.sources[0];
    assert_eq!(source.base_log_folder, Path::new("/logs"));
    assert_eq!(source.include, ["**/*"]);
    assert_eq!(source.exclude[..4], ["scheduler/**", "dag_processor*/**", "**/.*", ".*/**"]);
    assert_eq!((source.read_from, source.join), (ReadFrom::Beginning, Duration::from_millis(200)));
    assert_eq!((source.partial_line, source.rescan), (Duration::from_secs(5), Duration::from_secs(10)));
    let transform = &config.transforms[0];
    assert_eq!(transform.component, Component::Builtin("airflow".into()));
    assert_eq!(transform.limits, Limits::default());
    assert_eq!((transform.limits.memory_bytes, transform.limits.result_bytes), (64 << 20, 64 << 20));
    assert_eq!((transform.on_error, &transform.config), (None, &serde_json::json!({})));
    assert_eq!(
        (transform.grants, &transform.sha256),
        (Grants::default(), &None),
        "nothing is granted by default"
    );
    let cw = cloudwatch(&config);
    assert_eq!(
        (cw.stream_name.source(), cw.codec, cw.create_missing_group),
        ("{{ path }}", Codec::Json, true)
    );
    assert_eq!((cw.max_events, cw.max_bytes, cw.timeout), (10_000, 1_048_576, Duration::from_secs(1)));
    let s3 = s3(&config);
    assert_eq!((&*s3.key_prefix, s3.force_path_style), ("", false));
    assert_eq!(mirror(&config, 1).key.source(), "{{ path }}");
    assert_eq!((mirror(&config, 1).refresh, mirror(&config, 1).write_once), (Duration::from_mins(1), None));
    assert_eq!(s3.objects, Objects::default());
    assert_eq!(config.sinks[0].branches, [Branch { source: 0, transforms: vec![0] }]);
    assert_eq!(config.sinks[1].branches, [Branch { source: 0, transforms: vec![] }]);
    assert_eq!(mirror(&config, 2).codec, Codec::Raw);
    assert_eq!(config.sinks[3].kind, SinkKind::Console(Codec::Json));
    assert_eq!(config.deployment.workspace_id.as_deref(), Some("w1"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

/// A pipeline whose transform has these options, too.
fn with_options(options: &str) -> Result<Config, Error> {
    yaml(&format!(
        "sources: {{a: {{type: airflow}}}}\n\
         transforms:\n  t:\n    type: wasm\n    inputs: [a]\n    component: builtin:airflow\n    {options}\n\
         sinks: {{c: {{type: console, inputs: [t]}}}}\n"
    ))
}

#[test]
fn grants_are_those_that_are_named_and_others_are_refused_with_a_suggestion() {
    let grants = |options: &str| with_options(options).expect(options).transforms[0].grants;
    assert_eq!(grants("grants: []"), Grants::default());
    assert_eq!(grants("grants: [clock]"), Grants { clock: true, random: false });
    assert_eq!(grants("grants: [random, clock]").names(), ["clock", "random"]);
    assert_eq!(
        problems(with_options("grants: [clock, randon]")),
        ["p.yaml:7: transforms.t.grants[1]: unknown value `randon`; did you mean `random`?"]
    );
    assert_eq!(
        problems(with_options("grants: [network]")),
        ["p.yaml:7: transforms.t.grants[0]: unknown value `network`; known: clock, random"]
    );
}

#[test]
fn a_pin_is_a_whole_sha256_in_whatever_case() {
    let hash = "0123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdefABCD";
    let config = with_options(&format!("sha256: {hash}")).expect("good");
    assert_eq!(config.transforms[0].sha256, Some(hash.to_lowercase()));
    for bad in [&hash[1..], &format!("{hash}0"), &hash.replace('f', "g"), "''"] {
        let said = problems(with_options(&format!("sha256: {bad}")));
        assert!(
            said.len() == 1 && said[0].contains("transforms.t.sha256") && said[0].contains("64 hex digits"),
            "{said:?}"
        );
    }
}

#[test]
fn every_problem_is_shown_at_once_with_file_line_and_field() {
    let config = yaml(
        "sources:\n  airflow: {type: airflow, join_ms: soon, incldue: []}\n\
         transforms:\n  mask:\n    type: wasm\n    inputs: [airflwo]\n    component: ./none.wasm\n\
         sinks:\n  cw:\n    type: aws_cloudwatch_logs\n    inputs: [mask]\n    group_name: '{{ dagid }}'\n    \
         batch:\n      max_events: 10001\n  other: {type: aws_s4, inputs: [mask]}\n",
    );
    assert_eq!(
        problems(config),
        [
            "p.yaml:2: sources.airflow.join_ms: expected a whole number, found string \"soon\"",
            "p.yaml:2: sources.airflow.incldue: unknown key `incldue`; did you mean `include`?",
            "p.yaml:6: transforms.mask.inputs[0]: there is no source or transform `airflwo`; did you mean `airflow`?",
            "p.yaml:7: transforms.mask.component: there is no file ./none.wasm; give the path of a .wasm file, or builtin:airflow",
            "p.yaml:12: sinks.cw.group_name: unknown name `dagid`; known are path, dag_id, run_id, task_id, map_index, \
         try_number, kind, label, host, cluster_id, workspace_id, deployment_id, try_path and env.NAME",
            "p.yaml:14: sinks.cw.batch.max_events: 10001 is not between 1 and 10000",
            "p.yaml:15: sinks.other.type: unknown type `aws_s4`; did you mean `aws_s3`?",
        ]
    );
}

#[test]
fn the_line_is_right_in_toml_and_json_too() {
    let env = env(&[&PLATFORM]);
    let toml = "[sources.a]\ntype = \"airflow\"\n[sinks.c]\ntype = \"console\"\ninputs = [\"b\"]\n";
    let error = from_str(toml, Format::Toml, "p.toml", &env).expect_err("unknown input").to_string();
    assert!(error.starts_with("p.toml:5: sinks.c.inputs[0]: there is no source or transform `b`"), "{error}");
    let json = "{\"sources\": {\"a\": {\"type\": \"airflow\"}},\n\"sinks\": {\"c\": {\"type\": \"console\",\n\"inputs\": [\"b\"]}}}";
    let error = from_str(json, Format::Json, "p.json", &env).expect_err("unknown input").to_string();
    assert!(error.starts_with("p.json:3: sinks.c.inputs[0]: there is no source or transform `b`"), "{error}");
}

#[test]
fn a_config_that_leads_nowhere_is_refused() {
    assert_eq!(
        problem(yaml("sources: {a: {type: airflow}}")),
        "p.yaml: sinks: there is no sink: nothing would go anywhere"
    );
    assert_eq!(problems(yaml("")).len(), 2, "neither source nor sink");
    assert_eq!(problems(yaml("sources:\nsinks:\n")).len(), 2, "both left empty");
    assert_eq!(problem(yaml("[sources, sinks]")), "p.yaml:1: a config is a mapping with sources and sinks");
    let no_input = yaml("sources: {a: {type: airflow}}\nsinks:\n  c: {type: console, inputs: []}");
    assert_eq!(problem(no_input), "p.yaml:3: sinks.c.inputs: there is no input: name a source or transform");
    let missing = yaml("sources: {a: {type: airflow}}\nsinks:\n  c: {type: console}");
    assert_eq!(problem(missing), "p.yaml:3: sinks.c: `inputs` is missing");
    let untyped = yaml("sources: {a: {type: airflow}}\nsinks:\n  c: {inputs: [a]}");
    assert_eq!(
        problem(untyped),
        "p.yaml:3: sinks.c: `type` is missing; known: aws_cloudwatch_logs, aws_s3, file, console, blackhole"
    );
}

#[test]
fn a_sink_may_name_a_route_that_there_is() {
    let config = |route: &str, sink: &str| {
        yaml(&format!(
            "sources: {{a: {{type: airflow}}}}\nroutes: {{naming: {{{route}}}}}\nsinks: {{c: {{inputs: [a], {sink}}}}}"
        ))
    };
    let route = "type: wasm, component: 'builtin:airflow', config: {a: 1}";
    let good = config(route, "type: console, route: naming").expect("good");
    assert_eq!((good.routes[0].place(), good.sinks[0].route), ("route `naming`".to_owned(), Some(0)));
    assert_eq!(good.routes[0].config_as_written, serde_json::json!({"a": 1}));
    let error = problem(config(route, "type: console, route: namin"));
    assert_eq!(error, "p.yaml:3: sinks.c.route: there is no route `namin`; did you mean `naming`?");
    let error = problem(config(&format!("{route}, inputs: [a]"), "type: console"));
    assert!(error.starts_with("p.yaml:2: routes.naming.inputs: unknown key `inputs`"), "{error}");
    let unused = config(route, "type: console").expect("good").warnings;
    assert_eq!(unused, ["route `naming` is used by no sink (`route: naming`)"]);
}

#[test]
fn limits_of_aws_are_allowed_and_one_more_is_not() {
    let batch = |batch: &str| sink(&format!("type: aws_cloudwatch_logs, group_name: g, batch: {{{batch}}}"));
    assert!(batch("max_events: 10000, max_bytes: 1048576").is_ok());
    assert!(problem(batch("max_events: 10001")).contains("10001 is not between 1 and 10000"));
    assert!(problem(batch("max_bytes: 1048577")).contains("1048577 is not between 1024 and 1048576"));
    assert!(batch("max_events: 1, max_bytes: 1024").is_ok());
    assert!(problem(batch("max_events: 0")).contains("0 is not between"));
    assert!(problem(batch("max_events: -1")).contains("max_events"));
}

#[test]
fn values_from_variables_fit_every_type() {
    let config = sink(
        "type: aws_cloudwatch_logs, group_name: 'g-${MANY}', region: '${REGION}', \
         create_missing_group: '${NO:-false}', batch: {max_events: '${MANY}', timeout_secs: '${NO:-0.5}'}",
    )
    .expect("good");
    let cw = cloudwatch(&config);
    assert_eq!((cw.group_name.source(), cw.aws.region.as_deref()), ("g-500", Some("eu-west-1")));
    assert_eq!(
        (cw.create_missing_group, cw.max_events, cw.timeout),
        (false, 500, Duration::from_millis(500))
    );
    let error = problem(sink("type: aws_cloudwatch_logs, group_name: g, batch: {max_events: '${REGION}'}"));
    assert!(error.ends_with("max_events: expected a whole number, found string \"eu-west-1\""), "{error}");
    let error = problem(sink("type: aws_cloudwatch_logs, group_name: g, batch: {max_events: '500'}"));
    assert!(error.contains("expected a whole number"), "only what came from a variable: {error}");
}

#[test]
fn a_variable_that_is_not_set_is_one_problem_not_two() {
    let error = problem(sink("type: aws_cloudwatch_logs, group_name: g, batch: {max_events: '${NOT_SET}'}"));
    assert_eq!(
        error,
        "p.yaml:3: sinks.s.batch.max_events: the environment variable NOT_SET is not set; set it, or write ${NOT_SET:-default}"
    );
}

#[test]
fn relative_paths_are_relative_to_the_config_file() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("mask.wasm"), "").expect("component");
    let file = folder.path().join("p.yml");
    let text = "data_dir: state\nsources: {a: {type: airflow, base_log_folder: logs}}\n\
                transforms: {m: {type: wasm, inputs: [a], component: ./mask.wasm}}\n\
                sinks: {f: {type: file, inputs: [m], path: ../out}}\n";
    std::fs::write(&file, text).expect("config");
    let config = load(&file, &Env::new()).expect("good");
    assert_eq!(config.data_dir, folder.path().join("state"));
    assert_eq!(config.sources[0].base_log_folder, folder.path().join("logs"));
    assert_eq!(config.transforms[0].component, Component::Path(folder.path().join("./mask.wasm")));
    assert!(
        matches!(&config.sinks[0].kind, SinkKind::File(sink) if sink.path == folder.path().join("../out"))
    );
}

#[test]
fn a_file_that_is_not_there_or_no_config_is_named() {
    let error = load(Path::new("/nowhere/p.yaml"), &Env::new()).expect_err("not there").to_string();
    assert!(error.starts_with("/nowhere/p.yaml: cannot be read: No such file"), "{error}");
    let error = load(Path::new("p.ini"), &Env::new()).expect_err("no format").to_string();
    assert_eq!(error, "p.ini: a config file is named .yaml, .yml, .toml or .json");
}

#[test]
fn an_unknown_builtin_is_named() {
    let text = "sources: {a: {type: airflow}}\ntransforms:\n  n: {type: wasm, inputs: [a], component: builtin:airlow}\n\
                sinks: {c: {type: console, inputs: [n]}}";
    let expected =
        "p.yaml:3: transforms.n.component: there is no built-in component `airlow`; did you mean `airflow`?";
    assert_eq!(problem(yaml(text)), expected);
}

#[test]
fn a_bad_glob_is_named() {
    let text = "sources:\n  a:\n    type: airflow\n    include:\n      - ok\n      - 'a['\nsinks: {c: {type: console, inputs: [a]}}";
    assert!(problem(yaml(text)).starts_with("p.yaml:6: sources.a.include[1]: error parsing glob 'a['"));
}

#[test]
fn names_of_sections_are_plain_and_clear() {
    let error = problem(yaml("sources: {a.b: {type: airflow}}\nsinks: {c: {type: console, inputs: [a.b]}}"));
    assert!(error.contains("the name `a.b` may have letters, digits, `_` and `-` only"), "{error}");
    let both = "sources: {a: {type: airflow}}\ntransforms: {a: {type: wasm, inputs: [a], component: builtin:airflow}}\n\
                sinks: {c: {type: console, inputs: [a]}}";
    assert!(problems(yaml(both))[0].contains("a source is named `a` too"));
}

#[test]
fn what_leads_nowhere_is_a_warning() {
    let text = "sources: {a: {type: airflow}, b: {type: airflow}}\n\
                transforms: {n: {type: wasm, inputs: [a], component: builtin:airflow}}\nsinks: {c: {type: console, inputs: [a]}}";
    let config = yaml(text).expect("good");
    assert_eq!(config.warnings, ["source `b` leads to no sink", "transform `n` leads to no sink"]);
}

#[test]
fn what_we_write_is_never_read_as_logs() {
    let text = |data_dir: &str, out: &str| {
        format!(
            "data_dir: {data_dir}\nsources: {{a: {{type: airflow}}}}\nsinks: {{f: {{type: file, inputs: [a], path: {out}}}}}"
        )
    };
    let config = yaml(&text("/logs/my[state]", "/out")).expect("good");
    assert_eq!(config.sources[0].exclude.last().map(String::as_str), Some("my[[]state[]]/**"));
    assert!(
        problem(yaml(&text("/logs", "/out"))).contains("data_dir: is the log folder of source `a` itself")
    );
    assert!(
        problem(yaml(&text("/data", "/logs/out")))
            .contains("sinks.f.path: lies in the log folder of source `a`")
    );
}

#[test]
fn a_key_that_leads_out_of_its_folder_is_refused() {
    let key = |key: &str| sink(&format!("type: file, path: /out, key: '{key}'"));
    for upward in
        ["../../x/{{ path }}", "..", "a/../b", "{{ dag_id }}/..", "{% if dag_id %}../{% endif %}{{ path }}"]
    {
        let error = problem(key(upward));
        assert!(error.starts_with(&format!("p.yaml:3: sinks.s.key: `{upward}` leads upward; ")), "{error}");
    }
    for below in
        ["{{ path }}", "..{{ dag_id }}/x", "{{ dag_id }}../x", "a..b/...", "{# ../ #}x/{y}/{{ path }}"]
    {
        assert!(key(below).is_ok(), "{below}");
    }
}

#[test]
fn only_the_variables_that_templates_name_are_kept() {
    let config =
        sink("type: file, path: /out, key: '{{ env.REGION }}/{{ env.TEAM }}/{{ path }}'").expect("good");
    assert_eq!(config.env, env(&[&[("REGION", "eu-west-1")]]));
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("uses env.TEAM, which is not set"), "{:?}", config.warnings);
}

#[test]
fn an_aws_sink_can_assume_a_role() {
    let arn = "arn:aws:iam::123456789012:role/r";
    let config = sink(&format!("type: aws_s3, bucket: b, auth: {{assume_role: '{arn}', external_id: x}}"))
        .expect("good");
    let expected = Auth {
        roles: vec![arn.into()],
        external_id: Some("x".into()),
        session_name: "updraft".into(),
        ..Auth::default()
    };
    assert_eq!(s3(&config).aws.auth, expected);
    assert!(
        problem(sink("type: aws_s3, bucket: b, auth: {assume_role: me}"))
            .contains("`me` is no ARN of an IAM role")
    );
    assert!(
        problem(sink("type: aws_s3, bucket: b, auth: {external_id: x}"))
            .contains("sinks.s.auth.external_id: `external_id` goes with `assume_role` only")
    );
}

#[test]
fn the_example_pipelines_are_good() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/pipelines"));
    let config = |name: &str| load(&folder.join(name), &env(&[&PLATFORM])).expect(name);
    let local = config("local.yaml");
    assert_eq!(local.sinks.iter().map(|sink| sink.kind.as_str()).collect::<Vec<_>>(), ["file", "console"]);
    assert_eq!(config("aws.yaml"), config("aws.toml"), "two syntaxes, one pipeline");
    assert!(local.warnings.is_empty() && config("aws.yaml").warnings.is_empty());
    for name in ["lake.yaml", "airflow-ui.yaml"] {
        assert!(config(name).warnings.is_empty(), "{name}");
    }
}
