//! The page of the manual that the figures make: with the machine, the versions and the command, so that anybody can hold
//! theirs beside it.

use std::fs;
use std::process::Command;

use crate::setting::Setting;
use crate::table::{Figure, table};

/// What the rows are, for who reads only the page.
const ABOUT: &str = include_str!("page.md");

/// All of it.
pub fn page(setting: &Setting, command: &str, figures: &[Figure]) -> Result<String, String> {
    let said = |program: &str, arguments: &[&str]| -> Result<String, String> {
        let output = Command::new(program).args(arguments).output();
        let output = output.map_err(|error| format!("{program}: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
    };
    let binary = setting.binary.to_string_lossy();
    let version = said(&binary, &["--version"])?;
    let (kernel, compiler) = (said("uname", &["-sr"])?, said("rustc", &["--version"])?);
    let commit = said("git", &["describe", "--always", "--dirty"])?;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let missed: Vec<String> = figures
        .iter()
        .filter(|figure| figure.is_met() == Some(false))
        .map(|figure| format!("- {figure}\n"))
        .collect();
    let missed = if missed.is_empty() { "None.\n".to_owned() } else { missed.concat() };
    Ok(ABOUT
        .replace("TABLE\n", &table(figures))
        .replace("MISSED\n", &missed)
        .replace("MACHINE", &machine()?)
        .replace("VERSIONS", &format!("{version} (commit {commit}), {compiler}, {kernel}"))
        .replace("DATE", &date.to_string())
        .replace("COMMAND", command)
        .replace("MEGABYTES", &setting.megabytes.to_string())
        .replace("REPEATS", &setting.repeats.to_string()))
}

fn machine() -> Result<String, String> {
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (processors, memory) = (read("/proc/cpuinfo")?, read("/proc/meminfo")?);
    let models: Vec<&str> = processors
        .lines()
        .filter(|line| line.starts_with("model name"))
        .filter_map(|line| line.split_once(": ").map(|(_, model)| model))
        .collect();
    let flags = processors.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let sha = if flags.contains(" sha_ni") { "with" } else { "without" };
    let kb = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let gb = kb.trim().trim_end_matches(" kB").parse::<f64>().map_or(0.0, |kb| kb * 1024.0 / 1e9);
    let model = models.first().copied().unwrap_or("an unknown processor");
    Ok(format!("{} × {model}, {sha} SHA-NI, {gb:.0} GB of memory", models.len().max(1)))
}
