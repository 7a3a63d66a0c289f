//! What a shell makes of `baton completions`, and a terminal of colours.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use super::support::World;

/// What bash offers for a command line whose last word is not finished.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let script = world.path("baton.bash");
    let said = world.run(&["completions", "bash"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    std::fs::write(&script, said.out).unwrap();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let before = if words.len() > 1 { words[words.len() - 2] } else { "" };
    let ask = format!(
        "set -u; source '{}' && COMP_WORDS=({}) COMP_CWORD={} && _baton baton '{}' '{before}' && \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        quoted.join(" "),
        words.len() - 1,
        words.last().unwrap(),
    );
    let output = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    out.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_loads_the_script_and_completes_commands_flags_and_values() {
    let world = World::new();
    assert_eq!(offered(&world, &["baton", "ch"]), ["check"]);
    assert_eq!(offered(&world, &["baton", "clock", "fr"]), ["freeze"]);
    assert_eq!(offered(&world, &["baton", "apply", "--dr"]), ["--dry-run"]);
    assert_eq!(offered(&world, &["baton", "token", "create", "--tasks", "MOD"]), ["MODERATE"]);
    assert_eq!(offered(&world, &["baton", "completions", "z"]), ["zsh"]);
}

/// What a shell says to a line, with the directory of a script of `baton completions` as its argument.
fn said_by(world: &World, shell: &str, name: &str, line: &str) -> String {
    let script = world.path(name);
    let said = world.run(&["completions", shell]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
    std::fs::write(&script, said.out).unwrap();
    let options: &[&str] = if shell == "zsh" { &["-f", "-c"] } else { &["--no-config", "-c"] };
    let output = Command::new(shell).args(options).arg(line).arg(script.parent().unwrap()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{shell} is needed (apt-get install {shell}): {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{shell}: {out}{err}");
    out.into_owned()
}

#[test]
fn zsh_loads_the_script() {
    let line = "fpath=($0 $fpath); autoload -Uz compinit && compinit -u -d $0/dump && autoload +X _baton && \
                print $_comps[baton] $functions[_baton]";
    let loaded = said_by(&World::new(), "zsh", "_baton", line);
    assert!(loaded.starts_with("_baton ") && loaded.contains("_baton_commands"), "{loaded}");
}

#[test]
fn fish_loads_the_script_and_completes() {
    let offered =
        said_by(&World::new(), "fish", "baton.fish", "source $argv[1]/baton.fish; complete -C 'baton che'");
    assert!(offered.starts_with("check\t"), "{offered}");
}

#[test]
fn manual_pages_are_one_for_each_command() {
    let world = World::new();
    let page = world.run(&["man"]);
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    assert!(page.out.contains(".TH baton 1") && page.out.contains(".SH SUBCOMMANDS"), "{}", page.out);
    let pages = world.path("man1");
    let written = world.run(&["man", "--out", pages.to_str().unwrap()]);
    assert_eq!((written.code, written.out.as_str(), written.err.as_str()), (0, "", ""));
    for name in ["baton.1", "baton-send.1", "baton-thread-explain.1"] {
        assert!(std::fs::read_to_string(pages.join(name)).unwrap().contains(".SH SYNOPSIS"), "{name}");
    }
}

#[test]
fn other_shells_get_a_script_of_their_own() {
    let world = World::new();
    for (shell, mark) in [("elvish", "edit:completion"), ("powershell", "Register-ArgumentCompleter")] {
        let said = world.run(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        assert!(said.out.contains(mark) && said.out.contains("dry-run"), "{shell}");
    }
    let unknown = world.run(&["completions", "tcsh"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
}

/// What a command writes where both its outputs are a terminal.
fn on_a_terminal(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = || File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = world.command(arguments);
    command.env("TERM", "xterm-256color").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
    command.envs(variables.iter().copied());
    let mut child = command.stdout(Stdio::from(terminal())).stderr(Stdio::from(terminal())).spawn().unwrap();
    // The command's own copies of the terminal are the last ones: when it ends, so does what it wrote.
    drop(command);
    let mut written = Vec::new();
    let mut controller = File::from(controller);
    let mut part = [0; 4096];
    while let Ok(length) = controller.read(&mut part) {
        if length == 0 {
            break;
        }
        written.extend_from_slice(&part[..length]);
    }
    child.wait().unwrap();
    String::from_utf8(written).unwrap()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let world = World::new();
    let file = world.write("routing.toml", "[[apps]]\nnme = \"A\"\n");
    for arguments in [&["check", "-f", &file][..], &["clock"], &["--help"], &["--nope"]] {
        let coloured = on_a_terminal(&world, arguments, &[]);
        assert!(coloured.contains("\u{1b}["), "{arguments:?}: {coloured:?}");
        for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let said = on_a_terminal(&world, arguments, &[plain]);
            assert!(!said.is_empty() && !said.contains('\u{1b}'), "{arguments:?} {plain:?}: {said:?}");
        }
    }
    let json = on_a_terminal(&world, &["check", "-f", &file, "--json"], &[("NO_COLOR", "1")]);
    assert!(json.contains("\"errors\""), "{json}");
}
