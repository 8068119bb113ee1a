//! Defaults, then the file, then the environment: later layers replace earlier ones key by key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::schema::{ENDPOINTS, Key, Kind, LISTS, SECTIONS, entry_path, path, sibling};
use super::{ConfigError, check};

/// The file that is read when none is named, if it exists.
const DEFAULT_FILE: &str = "textproof.toml";
pub(super) const FILE_VARIABLE: &str = "TEXTPROOF_CONFIG";
const FILE_LIMIT: u64 = 1024 * 1024;

/// All values as read so far, and where each came from.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) table: Table,
    /// From `otp.ttl_seconds` to the variable or file that set it.
    pub(super) origins: BTreeMap<String, String>,
    /// The name of the file, whether it exists or not.
    pub(super) file: String,
}

impl Layers {
    /// Reads the defaults and the file: the one that was named, else the one in `TEXTPROOF_CONFIG`, else
    /// `./textproof.toml` if there is one.
    pub(super) fn from_file(named: Option<&Path>, variable: Option<&str>) -> Result<Self, ConfigError> {
        let named = named.map(Path::to_path_buf).or_else(|| variable.map(PathBuf::from));
        let path = named.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let file = path.display().to_string();
        let text = match read_bounded(path) {
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(|source| ConfigError::Unreadable {
                what: "the configuration".to_owned(),
                path: file.clone(),
                source,
            })?,
        };
        let table = text.parse::<Table>().map_err(|error| ConfigError::syntax(&file, &text, &error))?;
        let mut layers = Self { table: Table::new(), origins: BTreeMap::new(), file };
        layers.add_file(table)?;
        layers.fill_defaults();
        Ok(layers)
    }

    /// Replaces one value of a section.
    pub(super) fn set(&mut self, section: &str, key: &str, value: Value, origin: &str) {
        if let Some(Value::Table(table)) = self.table.get_mut(section) {
            table.insert(key.to_owned(), value);
        }
        self.origins.insert(path(section, key), origin.to_owned());
    }

    /// Forgets one value of a section.
    pub(super) fn unset(&mut self, section: &str, key: &str) {
        if let Some(Value::Table(table)) = self.table.get_mut(section) {
            table.remove(key);
        }
        self.origins.remove(&path(section, key));
    }

    /// The tables of a list with their names, in the order of the file.
    pub(super) fn entries(&mut self, list: &str) -> impl Iterator<Item = (String, &mut Table)> {
        let entries = self.table.get_mut(list).and_then(Value::as_array_mut);
        entries.into_iter().flatten().filter_map(|entry| {
            let entry = entry.as_table_mut()?;
            Some((entry.get("name")?.as_str()?.to_owned(), entry))
        })
    }

    /// Gives every endpoint without a tenant that of codes and texts, once all layers have been read: what somebody texts
    /// to us counts for whoever texts them.
    pub(super) fn fill_tenants(&mut self) {
        let (of_codes, of_endpoint) =
            (path("otp", "tenant"), |name: &str| entry_path(ENDPOINTS, name, "tenant"));
        let origin = self.origins.get(&of_codes).cloned();
        let Some(tenant) = self.table.get("otp").and_then(|otp| otp.get("tenant")).cloned() else { return };
        let mut inherited = Vec::new();
        let endpoints = self.table.get_mut(ENDPOINTS).and_then(Value::as_array_mut);
        // One without a name too: it is refused later, by a message that says so.
        for endpoint in endpoints.into_iter().flatten().filter_map(Value::as_table_mut) {
            if !endpoint.contains_key("tenant") {
                endpoint.insert("tenant".to_owned(), tenant.clone());
                inherited.extend(endpoint.get("name").and_then(Value::as_str).map(of_endpoint));
            }
        }
        let origins = inherited.into_iter().filter_map(|path| Some((path, origin.clone()?)));
        self.origins.extend(origins);
    }

    fn add_file(&mut self, mut table: Table) -> Result<(), ConfigError> {
        for list in LISTS {
            if let Some(mut tables) = table.remove(list.name) {
                let named = format!("[[{}]]", list.name);
                check::value(&mut tables, Kind::Tables(list.keys), &named, &self.file)?;
                self.table.insert(list.name.to_owned(), tables);
            }
        }
        for (name, value) in table {
            let section = SECTIONS.iter().find(|section| section.name == name);
            let section = section.ok_or_else(|| unknown_section(&name, &self.file))?;
            let Value::Table(mut values) = value else {
                return Err(ConfigError::invalid(name, &self.file, "must be a [section]"));
            };
            check::table(&mut values, section.keys, &format!("[{name}]"), &self.file)?;
            for key in values.keys() {
                if let Some(other) = sibling(section.keys, key).filter(|other| values.contains_key(*other)) {
                    let (first, second) = (path(&name, other), path(&name, key));
                    return Err(ConfigError::Conflict { first, second });
                }
                self.origins.insert(path(&name, key), self.file.clone());
            }
            self.table.insert(name, Value::Table(values));
        }
        Ok(())
    }

    fn fill_defaults(&mut self) {
        for section in SECTIONS {
            let table = self.table.entry(section.name).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(table) = table {
                fill(table, section.keys);
            }
        }
        for list in LISTS {
            // One without a name too: it is refused later, by a message that says so.
            let entries = self.table.get_mut(list.name).and_then(Value::as_array_mut);
            for entry in entries.into_iter().flatten().filter_map(Value::as_table_mut) {
                fill(entry, list.keys);
            }
        }
    }
}

/// Parses one TOML value that stands alone, as in a variable.
pub(super) fn literal(text: &str) -> Option<Value> {
    let mut table = format!("value = {text}").parse::<Table>().ok()?;
    // A line break in the text could have begun a second key.
    if table.len() == 1 { table.remove("value") } else { None }
}

fn fill(table: &mut Table, keys: &[Key]) {
    for key in keys.iter().filter(|key| !table.contains_key(key.name)).collect::<Vec<_>>() {
        table.extend(key.default.and_then(literal).map(|value| (key.name.to_owned(), value)));
    }
}

fn unknown_section(name: &str, file: &str) -> ConfigError {
    let sections = SECTIONS.iter().map(|section| format!("[{}]", section.name));
    let known = sections.chain(LISTS.iter().map(|list| format!("[[{}]]", list.name))).collect::<Vec<_>>();
    ConfigError::UnknownKey {
        key: name.to_owned(),
        section: "the file".to_owned(),
        place: file.to_owned(),
        known: known.join(", "),
    }
}

/// Reads a small text file; a larger one is an error, not a surprise in memory.
pub(crate) fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_LIMIT {
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}
