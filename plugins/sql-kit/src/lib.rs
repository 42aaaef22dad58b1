//! What differs between the databases, as far as it is the same for every table.

/// Whose SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
    /// MySQL's and MariaDB's.
    MySql,
}

impl Dialect {
    /// That of the host's word for it.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "sqlite" => Some(Self::Sqlite),
            "postgres" => Some(Self::Postgres),
            "mysql" => Some(Self::MySql),
            _ => None,
        }
    }

    /// `statement`, written with `?`, with this database's placeholders. No text in it may hold a `?`.
    pub fn placeholders(self, statement: &str) -> String {
        if self != Self::Postgres {
            return statement.to_owned();
        }
        let mut parts = statement.split('?');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (number, part) in (1..).zip(parts) {
            text.push_str(&format!("${number}{part}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_where_the_database_wants_them_so() {
        let statement = "delete from t where a = ? and b in (?, ?)";
        for (word, expected) in
            [("sqlite", statement), ("mysql", statement), ("postgres", "delete from t where a = $1 and b in ($2, $3)")]
        {
            assert_eq!(Dialect::of(word).unwrap().placeholders(statement), expected, "{word}");
        }
        assert_eq!(Dialect::Postgres.placeholders("select 1"), "select 1");
        assert_eq!(Dialect::of("oracle"), None);
    }
}
