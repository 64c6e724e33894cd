//! Promises of the sinks' options.

use std::time::Duration;

use crate::config::tests::{mirror, problem, problems, s3, sink, yaml};
use crate::config::{Codec, Compression, Config, Layout, ObjectBatch, SinkKind};

fn batch(config: &Config) -> &ObjectBatch {
    match config.sinks[0].kind.layout() {
        Some(Layout::Batch(batch)) => batch,
        other => panic!("no batch: {other:?}"),
    }
}

#[test]
fn layout_batch_has_defaults_that_fit_a_data_lake() {
    for start in ["type: aws_s3, bucket: b", "type: file, path: /out"] {
        let config = sink(&format!("{start}, layout: batch")).expect("good");
        let batch = batch(&config);
        assert_eq!(batch.folder.to_string(), "date=%F/hour=%H");
        assert_eq!((batch.codec, batch.compression), (Codec::Json, Compression::Gzip));
        assert_eq!((batch.max_bytes, batch.min_bytes), (10_000_000, 131_072));
        assert_eq!((batch.timeout, batch.max_wait), (Duration::from_mins(5), Duration::from_hours(1)));
    }
}

#[test]
fn an_option_of_the_other_layout_is_refused() {
    for (options, said) in [
        ("type: aws_s3, bucket: b, encoding: {codec: json}", "`encoding` goes with `layout: batch` only"),
        ("type: aws_s3, bucket: b, compression: zstd", "`compression` goes with `layout: batch` only"),
        ("type: aws_s3, bucket: b, batch: {max_bytes: 5000}", "`batch` goes with `layout: batch` only"),
        ("type: file, path: /out, compression: zstd", "`compression` goes with `layout: batch` only"),
        (
            "type: aws_s3, bucket: b, layout: batch, refresh_secs: 9",
            "`refresh_secs` goes with `layout: mirror` only",
        ),
        (
            "type: aws_s3, bucket: b, layout: batch, write_once: true",
            "`write_once` goes with `layout: mirror` only",
        ),
        ("type: aws_s3, bucket: b, quiet_secs: 9", "`quiet_secs` goes with `write_once: true` only"),
        (
            "type: aws_s3, bucket: b, write_once: true, refresh_secs: 9",
            "`refresh_secs` goes with `write_once: false` only",
        ),
    ] {
        let said_of_it = problem(sink(options));
        assert!(said_of_it.ends_with(said), "{options}: {said_of_it}");
    }
    let config = sink("type: file, path: /out, layout: mirror, encoding: {codec: text}").expect("good");
    assert_eq!(mirror(&config, 0).codec, Codec::Text);
}

#[test]
fn a_floor_is_never_above_the_size_and_a_wait_never_below_the_age() {
    let options = "type: aws_s3, bucket: b, layout: batch";
    let limits = |limits: &str| sink(&format!("{options}, batch: {{{limits}}}"));
    assert_eq!(batch(&limits("max_bytes: 2000").expect("good")).min_bytes, 2000, "the default is no demand");
    assert!(problem(limits("max_bytes: 2000, min_bytes: 2001")).contains("2001 is not between 0 and 2000"));
    let config =
        limits("max_bytes: 2000, min_bytes: 2000, timeout_secs: 90, max_wait_secs: 5").expect("good");
    assert_eq!((batch(&config).min_bytes, batch(&config).max_wait), (2000, Duration::from_secs(90)));
    assert!(
        problem(limits("max_bytes: 1023, min_bytes: 0")).contains("1023 is not between 1024 and 268435456")
    );
    assert!(limits("max_bytes: 1024, min_bytes: 0").is_ok() && limits("max_bytes: 268435456").is_ok());
    assert!(problem(limits("max_bytes: 268435457")).contains("is not between"));
}

#[test]
fn the_folder_of_a_batch_is_checked() {
    let key = |key: &str| sink(&format!("type: aws_s3, bucket: b, layout: batch, key: '{key}'"));
    assert!(problem(key("%Q")).contains("unknown time `%Q`"));
    assert!(problem(key("{{ dagid }}/%F")).contains("unknown name `dagid`"));
    assert_eq!(batch(&key("%F/{{ dag_id }}").expect("good")).folder.to_string(), "%F/{{ dag_id }}");
    let upward = problem(sink("type: file, path: /out, layout: batch, key: ../%F"));
    assert!(upward.contains("leads upward"), "{upward}");
}

#[test]
fn dead_letters_need_a_sink_that_takes_them() {
    let config = |more: &str, s: &str| {
        yaml(&format!(
            "sources: {{a: {{type: airflow}}}}\nsinks:\n  cw: {{type: aws_cloudwatch_logs, inputs: [a], group_name: g, \
             dead_letter: {s}}}\n  {more}\n"
        ))
    };
    let good = config("dead: {type: file, path: /out}", "dead").expect("a sink without inputs of its own");
    assert_eq!(good.sources.len(), 2);
    assert!(good.sources[1].dead_letters);
    assert!(good.sources[1].base_log_folder.ends_with("dead_letters/dead"));
    assert_eq!((good.sinks[1].branches.len(), good.sinks[1].branches[0].source), (1, 1));
    assert!(good.warnings.is_empty(), "{:?}", good.warnings);

    let both = config("dead: {type: file, path: /out, inputs: [a]}", "dead").expect("and with some");
    assert_eq!(both.sinks[1].branches.len(), 2);

    let misspelt = problems(config("dead: {type: file, path: /out, inputs: [a]}", "daed"));
    assert_eq!(
        misspelt,
        [
            "p.yaml:3: sinks.cw.dead_letter: there is no sink `daed` of type aws_s3 or file; did you mean `dead`?"
        ]
    );
    let wrong = problem(config("dead: {type: console, inputs: [a]}", "dead"));
    assert!(wrong.contains("there is no sink `dead` of type aws_s3 or file"), "{wrong}");
    let alone = problem(sink("type: file, path: /out, dead_letter: s"));
    assert!(alone.contains("unknown key `dead_letter`"), "{alone}");
    let unnamed = problems(config("dead: {type: file, path: /out}", "daed"));
    assert!(
        unnamed[0].ends_with("there is no sink `daed` of type aws_s3 or file; did you mean `dead`?"),
        "{unnamed:?}"
    );
    let idle = problem(yaml("sources: {a: {type: airflow}}\nsinks: {f: {type: file, path: /out}}"));
    assert!(idle.contains("there is no input"), "{idle}");
}

#[test]
fn an_input_that_is_misspelt_casts_no_doubt_on_the_sink_for_dead_letters() {
    let said = problem(yaml(
        "sources: {a: {type: airflow}}\nsinks:\n  cw: {type: aws_cloudwatch_logs, inputs: [b], group_name: g, \
         dead_letter: dead}\n  dead: {type: file, path: /out}\n",
    ));
    assert!(said.contains("sinks.cw.inputs[0]: there is no source or transform `b`"), "{said}");
}

#[test]
fn no_file_is_written_into_the_data_dir() {
    let file = |path: &str| {
        yaml(&format!(
            "data_dir: /data\nsources: {{a: {{type: airflow}}}}\nsinks: {{f: {{type: file, inputs: [a], path: {path}}}}}\n"
        ))
    };
    for bad in ["/data", "/data/dead_letters"] {
        let said = problem(file(bad));
        assert!(said.contains("sinks.f.path: lies in the data dir /data"), "{said}");
    }
    assert!(file("/data-2").is_ok());
}

#[test]
fn a_component_that_sends_dead_letters_says_where() {
    let config = |options: &str| {
        yaml(&format!(
            "sources: {{a: {{type: airflow}}}}\ntransforms: {{t: {{type: wasm, inputs: [a], component: builtin:airflow, \
             {options}}}}}\nsinks: {{f: {{type: file, path: /out, inputs: [t]}}}}"
        ))
    };
    assert!(config("on_error: dead_letter, dead_letter: f").is_ok());
    assert!(problem(config("on_error: dead_letter")).contains("`dead_letter` is missing"));
    assert!(
        problem(config("on_error: drop, dead_letter: f")).contains("goes with `on_error: dead_letter` only")
    );
}

#[test]
fn object_options_go_with_what_they_need() {
    let config =
        sink("type: aws_s3, bucket: b, server_side_encryption: 'aws:kms', ssekms_key_id: k").expect("good");
    assert_eq!(s3(&config).objects.kms_key_id.as_deref(), Some("k"));
    assert!(
        problem(sink("type: aws_s3, bucket: b, server_side_encryption: AES256, ssekms_key_id: k"))
            .contains("goes with `server_side_encryption: aws:kms` only")
    );
    assert!(
        problem(sink("type: aws_s3, bucket: b, object_lock: {mode: governance, days: 1}"))
            .contains("goes with `write_once: true` only")
    );
    let locked = sink("type: aws_s3, bucket: b, write_once: true, object_lock: {mode: compliance, days: 1}");
    assert!(s3(&locked.expect("good")).objects.lock.is_some_and(|lock| lock.compliance));
    assert!(
        problem(sink("type: aws_s3, bucket: b, metadata: {updraft-generation: x}"))
            .contains("cannot be a name")
    );
}

#[test]
fn an_object_has_ten_tags_and_not_eleven() {
    let tags = |count: usize| {
        let tags: Vec<String> = (0..count).map(|at| format!("t{at}: '{{{{ dag_id }}}}'")).collect();
        sink(&format!("type: aws_s3, bucket: b, tags: {{{}}}", tags.join(", ")))
    };
    assert!(tags(10).is_ok());
    assert!(problem(tags(11)).contains("an object has at most 10 tags"));
}

#[test]
fn a_log_group_keeps_events_for_days_that_cloudwatch_knows() {
    let days =
        |days: u32| sink(&format!("type: aws_cloudwatch_logs, group_name: g, retention: {{days: {days}}}"));
    let SinkKind::CloudWatch(sink) = &days(14).expect("good").sinks[0].kind else { panic!("CloudWatch") };
    assert_eq!(sink.new_groups.retention_days, Some(14));
    assert!(
        problem(days(15)).contains("CloudWatch cannot keep events for 15 days; known: 1, 3, 5, 7, 14, 30")
    );
}

#[test]
fn what_airflow_looks_for_is_decided_by_the_preset_and_by_nobody_else() {
    let config = sink("type: aws_s3, bucket: b, for: airflow-ui").expect("good");
    let object = mirror(&config, 0);
    assert_eq!(
        (object.key.source(), object.refresh, object.legible),
        ("{{ path }}", Duration::from_secs(5), true)
    );
    let config = sink("type: aws_s3, bucket: b, for: airflow-ui, refresh_secs: 60").expect("good");
    assert_eq!(mirror(&config, 0).refresh, Duration::from_mins(1), "freshness is the operator's to choose");
    assert!(!mirror(&sink("type: aws_s3, bucket: b").expect("good"), 0).legible);

    for (options, field) in [
        ("type: aws_s3, bucket: b, layout: batch", "layout"),
        ("type: aws_s3, bucket: b, key: '{{ dag_id }}'", "key"),
        ("type: aws_s3, bucket: b, content_encoding: gzip", "content_encoding"),
        ("type: aws_cloudwatch_logs, group_name: g, stream_name: s", "stream_name"),
        ("type: aws_cloudwatch_logs, group_name: g, encoding: {codec: raw}", "encoding"),
    ] {
        let said = problems(sink(&format!("{options}, for: airflow-ui"))).remove(0);
        let expected = format!("sinks.s.{field}: `for: airflow-ui` decides about it: Airflow looks for one ");
        assert!(said.contains(&expected), "{options}: {said}");
    }
    assert!(problem(sink("type: aws_s3, bucket: b, for: airflow")).contains("airflow-ui"));
}

#[test]
fn records_are_put_together_before_airflow_sees_them() {
    let pipeline = |input: &str| {
        yaml(&format!(
            "sources: {{a: {{type: airflow, base_log_folder: /logs}}}}\n\
             transforms: {{n: {{type: wasm, inputs: [a], component: 'builtin:airflow'}}}}\n\
             sinks:\n  s: {{type: aws_cloudwatch_logs, inputs: [{input}], for: airflow-ui, group_name: g}}\n  \
             all: {{type: blackhole, inputs: [n]}}\n"
        ))
    };
    let config = pipeline("n").expect("good");
    let SinkKind::CloudWatch(options) = &config.sinks[0].kind else { panic!("no CloudWatch: {config:?}") };
    assert_eq!((options.codec, options.stream_name.source()), (Codec::Airflow, "{{ try_path }}"));
    let said = problem(pipeline("a"));
    assert!(
        said.contains("sinks.s.inputs: a source gives lines, and a record of Airflow's may have several"),
        "{said}"
    );
}

#[test]
fn a_pattern_that_finds_no_try_is_refused_where_it_stands() {
    let said = problem(yaml(
        "sources: {a: {type: airflow, base_log_folder: /logs, path_patterns: ['(?P<dag_id>x)']}}\n\
         sinks: {s: {type: blackhole, inputs: [a]}}\n",
    ));
    assert!(said.contains("sources.a.path_patterns[0]: it has no group `(?P<run_id>…)`"), "{said}");
}
