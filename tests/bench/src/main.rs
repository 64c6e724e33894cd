//! What Updraft costs, measured: `cargo xtask bench`.

mod corpus;
mod endpoint;
mod floor;
mod fuel;
mod guard;
mod matrix;
mod page;
mod process;
mod setting;
mod sum;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use matrix::Row;
use setting::Setting;

const HELP: &str = "\
updraft-bench --binary UPDRAFT --place FOLDER [--megabytes N] [--repeats N] [--only ROW,…] [--page FILE --command TEXT]
              [--guard BASELINE | --rewrite BASELINE] [--component WASM]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["endpoint"] => endpoint::serve(),
        ["floor", codec, port, logs, files] => deliver(codec, port, logs, files),
        ["lines", logs, files] => read(logs, files, false),
        ["normalize", logs, files] => read(logs, files, true),
        _ => bench(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("updraft-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn deliver(codec: &str, port: &str, logs: &str, files: &str) -> Result<(), String> {
    let codec = if codec == "raw" { floor::Codec::Raw } else { floor::Codec::Json };
    let port = port.parse().map_err(|_| format!("{port} is no port"))?;
    floor::deliver(Path::new(logs), &paths(files)?, port, codec).map(drop)
}

fn read(logs: &str, files: &str, normalize: bool) -> Result<(), String> {
    floor::read_all(Path::new(logs), &paths(files)?, normalize)
}

fn paths(files: &str) -> Result<Vec<String>, String> {
    let files = files.parse().map_err(|_| format!("{files} is no number of files"))?;
    Ok((0..files).map(corpus::path_of).collect())
}

fn bench(words: &[&str]) -> Result<(), String> {
    let (mut binary, mut place, mut megabytes, mut repeats) = (None, None, 500, 3);
    let (mut only, mut page, mut command) = (Row::ALL.to_vec(), None, String::new());
    let (mut baseline, mut component) = (None, None);
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value\n{HELP}"))?;
        let number = || value.parse::<usize>().ok().filter(|&it| it > 0);
        let number = || number().ok_or_else(|| format!("{word}: `{value}` is no number above 0"));
        match word {
            "--binary" => binary = Some(PathBuf::from(value)),
            "--place" => place = Some(PathBuf::from(value)),
            "--megabytes" => megabytes = number()?,
            "--repeats" => repeats = number()?,
            "--only" => only = value.split(',').map(Row::named).collect::<Result<_, _>>()?,
            "--page" => page = Some(PathBuf::from(value)),
            "--guard" | "--rewrite" => baseline = Some((PathBuf::from(value), word == "--rewrite")),
            "--component" => component = Some(PathBuf::from(value)),
            "--command" => (*value).clone_into(&mut command),
            _ => return Err(format!("what is {word}?\n{HELP}")),
        }
    }
    let setting = Setting::new(&binary.ok_or(HELP)?, &place.ok_or(HELP)?, megabytes, repeats)?;
    if let Some((baseline, rewrite)) = baseline {
        return guard::guard(&setting, &component.ok_or(HELP)?, &baseline, rewrite);
    }
    setting.warm()?;
    let mut figures = Vec::new();
    for row in only {
        println!("\n== {}", row.about());
        let measured = row.measure(&setting)?;
        for figure in &measured {
            println!("   {figure}");
        }
        figures.extend(measured);
    }
    println!("\n{}", table::table(&figures));
    match page {
        Some(page) => process::write(&page, page::page(&setting, &command, &figures)?.as_bytes()),
        None => Ok(()),
    }
}
