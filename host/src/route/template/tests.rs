//! Promises of templates.

use proptest::prelude::*;

use super::*;

fn origin(path: &str, task: bool) -> Origin {
    Origin {
        source: "airflow".into(),
        path: path.into(),
        host: "worker-1".into(),
        kind: if task { StreamKind::Task } else { StreamKind::Other },
        task: task.then(|| TaskTry {
            dag_id: "etl".into(),
            run_id: "manual__2024-05-01T00:00:00+00:00".into(),
            task_id: "load".into(),
            map_index: None,
            try_number: 2,
        }),
        deployment: Deployment { cluster_id: Some("c1".into()), ..Deployment::default() },
    }
}

fn render(template: &str, origin: &Origin) -> Rendered {
    let env = BTreeMap::from([("TEAM".to_owned(), "data".to_owned())]);
    let template = Template::parse(template).expect(template);
    template.render(&Names { origin, label: "errors", env: &env }).expect("renders")
}

fn named(text: &str) -> Rendered {
    Rendered { text: text.into(), fell_back: false }
}

#[test]
fn every_name_can_be_used() {
    let mut all = origin("a/b.log", true);
    all.task.as_mut().expect("task").map_index = Some(7);
    all.deployment.workspace_id = Some("w1".into());
    all.deployment.deployment_id = Some("d1".into());
    let template = NAMES.map(|name| format!("{{{{ {name} }}}}")).join("|") + "|{{ env.TEAM }}";
    assert_eq!(
        render(&template, &all),
        named(
            "a/b.log|etl|manual__2024-05-01T00:00:00+00:00|load|7|2|task|errors|worker-1|c1|w1|d1|a/b.log|data"
        )
    );
}

#[test]
fn a_name_that_the_stream_lacks_falls_back_to_the_path_however_it_is_printed() {
    let other = origin("x/custom.txt", false);
    for template in [
        "/airflow/{{ dag_id }}",
        "{{ dag_id ~ '/x' }}",
        "{{ dag_id | upper }}/x",
        "{{ [dag_id, host] | join('/') }}",
        "{{ try_number + 1 }}",
        "{% set d = dag_id %}{{ d }}",
        "{{ env.NOT_SET }}",
        "{{ workspace_id }}",
    ] {
        assert_eq!(
            render(template, &other),
            Rendered { text: "x/custom.txt".into(), fell_back: true },
            "{template}"
        );
    }
}

#[test]
fn a_template_can_say_itself_what_stands_for_a_name_that_is_lacking() {
    let other = origin("x/custom.txt", false);
    for template in [
        "{{ dag_id | default('other') }}",
        "{{ dag_id or 'other' }}",
        "{% if dag_id %}{{ dag_id }}{% else %}other{% endif %}",
        "{% if dag_id is none %}other{% else %}{{ dag_id }}{% endif %}",
        "{% if dag_id is defined %}{{ dag_id }}{% else %}other{% endif %}",
        "{{ env.NOT_SET | default('other') }}",
    ] {
        assert_eq!(render(template, &other), named("other"), "{template}");
    }
    assert_eq!(render("{{ dag_id | default('other') }}", &origin("p", true)), named("etl"));
}

#[test]
fn a_template_that_comes_to_nothing_falls_back_to_the_path() {
    let fallen = render("{% if label == 'audit' %}audit{% endif %}", &origin("p.log", true));
    assert_eq!(fallen, Rendered { text: "p.log".into(), fell_back: true });
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_names() {
    let error = Template::parse("/airflow/{{ dagid }}").expect_err("unknown").to_string();
    assert!(error.starts_with("unknown name `dagid`; known are path, dag_id, run_id"), "{error}");
    assert!(Template::parse("{{ env }}").is_err(), "the environment as a whole");
    assert!(Template::parse("{{ env['TEAM'] }}").is_err(), "only env.NAME can be followed");
}

#[test]
fn what_cannot_be_carried_out_is_found_before_any_stream_comes() {
    for template in ["{{ dag_id", "{{ dag_id | no_such_filter }}", "{{ dag_id.no_such_method() }}", "", "\n"]
    {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}

#[test]
fn a_line_break_at_the_end_of_a_template_is_not_part_of_the_name() {
    assert_eq!(render("group\n", &origin("p", true)), named("group"));
    assert_eq!(render("{{ dag_id }}\n", &origin("p", true)), named("etl"));
}

proptest! {
    #[test]
    fn plain_text_and_the_path_come_out_as_they_are(text in "[^{}\n]*[^{}\\s]", path in "[^\n]*[^\\s]") {
        let origin = origin(&path, false);
        prop_assert_eq!(render(&text, &origin), named(&text));
        prop_assert_eq!(render("{{ path }}", &origin), named(&path));
        prop_assert_eq!(render("{{path}}", &origin), named(&path));
        prop_assert_eq!(render("x{{ path }}", &origin).text, format!("x{path}"));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,80}") {
        let _ = Template::parse(&text);
        let _ = Template::parse(&format!("{{{{ {text} }}}}"));
    }
}
