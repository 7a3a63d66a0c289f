//! What settings are taken, from where, and what is said of those that are not.

use std::time::Duration;

use toml::Table;

use super::read::{Reader, unknown_keys};
use super::*;

fn file(text: &str) -> Sources {
    Sources { file: Some(("baton.toml".to_owned(), text.to_owned())), ..Sources::default() }
}

fn read(sources: &Sources) -> Config {
    Config::default().read(sources).unwrap().config
}

fn problems(sources: &Sources) -> Vec<String> {
    Config::default().read(sources).unwrap_err().iter().map(Wrong::to_string).collect()
}

#[test]
fn the_default_file_says_what_the_defaults_are() {
    assert_eq!(read(&file(DEFAULT_FILE)), Config::default());
    assert_eq!(Config::default().read(&file(DEFAULT_FILE)).unwrap().warnings, []);
}

#[test]
fn the_default_file_describes_every_setting() {
    // What has no default stands in a comment: `# key = value`.
    let uncommented: Vec<&str> = DEFAULT_FILE
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|text| text.contains(" = ")).unwrap_or(line))
        .collect();
    let table: Table = uncommented.join("\n").parse().unwrap();
    let mut keys = Vec::new();
    unknown_keys(&table, "", &["limits.", "delivery.", "retention.", "log."], &mut keys);
    keys.sort();
    let none = Sources::default();
    let mut reader = Reader::of(&none);
    Config::default().of(&mut reader);
    let mut known = reader.known;
    known.sort_unstable();
    assert_eq!(keys, known);
}

#[test]
fn what_is_kept_for_an_app_is_kept_for_all() {
    let keep = read(&file("[retention]\nevents = \"90d\"\ndatabase_bytes = 5_000_000\n")).retention;
    assert_eq!((keep.events_ms, keep.database_bytes), (90 * 86_400_000, Some(5_000_000)));
    let found = problems(&file("[retention]\nevents = \"10m\"\nundelivered = \"7d\"\n"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].contains("baton.toml:2: `retention.events`: a duration of an hour or more"),
        "{found:#?}"
    );
    assert!(found[1].contains("baton.toml:3: `retention.undelivered`"), "{found:#?}");
}

#[test]
fn an_unknown_key_names_the_nearest_known_one_and_all_problems_come_at_once() {
    let found = problems(&file(
        "lissten = \"x\"\nclock = \"sundial\"\nstreams = 0\n[delivery]\ntimout = \"5s\"\n[zzz]\na = 1\n",
    ));
    assert_eq!(found.len(), 5, "{found:#?}");
    let all = found.join("\n");
    for part in [
        "baton.toml:1: there is no setting `lissten`; the nearest one is `listen`",
        "baton.toml:5: there is no setting `delivery.timout`; the nearest one is `delivery.timeout`",
        "baton.toml:6: there is no setting `zzz`",
        "baton.toml:2: `clock`: \"system\" or \"virtual\" belongs here, not \"sundial\"",
        "baton.toml:3: `streams`: a whole number from 1 to 1024",
    ] {
        assert!(all.contains(part), "{part}\nin\n{all}");
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let mut sources = file("listen = \"127.0.0.1:1\"\nstreams = 2\n[delivery]\nin_flight = 3\n");
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    sources.environment =
        vec![variable("BATON_LISTEN", "127.0.0.1:4"), variable("BATON_DELIVERY__IN_FLIGHT", "5")];
    sources.flags = vec![("listen", "--listen", "127.0.0.1:6".to_owned())];
    let config = read(&sources);
    assert_eq!((config.listen.port(), config.delivery.in_flight, config.streams), (6, 5, 2));
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn the_environment_has_every_kind_of_value() {
    let given = |name: &str, value: &str| {
        let environment = vec![(name.to_owned(), value.to_owned())];
        Sources { environment, ..Sources::default() }
    };
    assert_eq!(read(&given("BATON_CLOCK", "virtual")).clock, ClockKind::Virtual);
    assert_eq!(read(&given("BATON_DELIVERY__TIMEOUT", "1m30s")).delivery.timeout, Duration::from_secs(90));
    let path = Database::Sqlite("/var/lib/baton/baton.db".into());
    assert_eq!(read(&given("BATON_DATABASE", "sqlite:///var/lib/baton/baton.db")).database, path);
    for text in ["10.0.0.0/8, ::1/128", "[\"10.0.0.0/8\", \"::1/128\"]"] {
        assert_eq!(read(&given("BATON_DELIVERY__ALLOW_ADDRESSES", text)).delivery.allow_addresses.len(), 2);
    }
    let wrong = problems(&given("BATON_STREAMS", "many"));
    assert!(wrong[0].starts_with("BATON_STREAMS: a whole number"), "{wrong:?}");
    let stray = Config::default().read(&given("BATON_LISTN", "x")).unwrap().warnings;
    assert!(stray[0].detail.contains("BATON_LISTEN"), "{stray:?}");
}

#[test]
fn a_database_may_be_postgresql_and_its_password_is_told_nobody() {
    let config =
        read(&file("database = \"postgres://baton:s3cret@db.example:5433/baton\"\nnode = \"one\"\n"));
    let Database::Postgres(address) = &config.database else { panic!("{config:?}") };
    assert_eq!(address.to_string(), "postgres://baton@db.example:5433/baton");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(
        (config.node.as_deref(), config.lease, config.connections),
        (Some("one"), Duration::from_secs(10), 16)
    );
    for (text, part) in [
        ("database = \"postgres://baton:s3cret@/x?port=s3cret\"\n", "PostgreSQL"),
        ("database = \"mysql://baton:s3cret@host/x\"\n", "postgres://user@host/database"),
        ("lease = \"1s\"\n", "from 2s to 10m"),
        ("node = \"\"\n", "at most 100 bytes"),
        ("connections = 1\n", "from 4 to 1000"),
    ] {
        let found = problems(&file(text)).join("\n");
        assert!(found.contains(part) && !found.contains("s3cret"), "{text}: {found}");
    }
}

#[test]
fn https_needs_an_address_and_a_certificate_its_key() {
    let config = read(&file("tls_listen = \":4343\"\ntls_names = [\"graph.facebook.com\"]\n"));
    let tls = config.tls.unwrap();
    assert_eq!((tls.listen.to_string().as_str(), tls.files), ("127.0.0.1:4343", None));
    assert_eq!(tls.names, ["graph.facebook.com"]);
    let files = "tls_certificate = \"c.pem\"\ntls_key = \"k.pem\"\n";
    let config = read(&file(&format!("tls_listen = \"127.0.0.1:4343\"\n{files}")));
    let expected = TlsFiles { certificate: "c.pem".into(), key: "k.pem".into() };
    assert_eq!(config.tls.unwrap().files, Some(expected));
    for (text, part) in [
        (files, "baton.toml:1: `tls_certificate`: `tls_listen` must say where"),
        ("tls_listen = \":1\"\ntls_key = \"k\"", "baton.toml:2: `tls_key`: `tls_certificate` must name"),
        ("tls_listen = \":1\"\ntls_certificate = \"c\"", "`tls_key` must name its private key"),
        ("tls_names = [\"a b\"]", "names of hosts belong here"),
        ("tls_key = \"\"", "the path of a file"),
    ] {
        let found = problems(&file(text)).join("\n");
        assert!(found.contains(part), "{text}: {found}");
    }
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let found = problems(&file("listen = \n"));
    assert!(found[0].starts_with("baton.toml:1: this is not TOML: "), "{found:?}");
}

#[test]
fn durations_are_read_in_parts() {
    assert_eq!(milliseconds("24h"), Some(86_400_000));
    assert_eq!(milliseconds("1h30m"), Some(5_400_000));
    assert_eq!(milliseconds("250ms"), Some(250));
    for wrong in ["", "5", "s", "5 s", "-5s", "5y", "99999999999999999999d", "9223372036854775807d"] {
        assert_eq!(milliseconds(wrong), None, "{wrong}");
    }
}

#[test]
fn every_setting_can_be_said_in_the_environment() {
    for name in Config::variables() {
        // Nothing takes this: a variable that is not read says nothing about it.
        let environment = vec![(name.clone(), "[\u{1}".to_owned())];
        let wrong = Config::default().read(&Sources { environment, ..Sources::default() });
        let places: Vec<String> = wrong.unwrap_err().into_iter().map(|wrong| wrong.place).collect();
        assert_eq!(places, [name]);
    }
}

#[test]
fn an_address_of_a_database_is_not_repeated() {
    let good = read(&file("database = \"postgres://a:secret@db/x\"\n"));
    assert!(!format!("{good:?}").contains("secret"), "{good:?}");
    for text in ["mysql://a:secret@db/x", "sqlite://a:secret@db/x"] {
        let found = problems(&file(&format!("database = \"{text}\"\n")));
        assert!(found[0].contains("sqlite:///path") && !found[0].contains("secret"), "{found:?}");
    }
}
