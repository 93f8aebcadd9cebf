//! How the columns of a row become values: from left to right, each borrowed from SQLite until it is what is kept of it.
//!
//! A row is declared once, with [`row`]: its fields are the columns of its statements, by their names and in their order.
//! Whether a statement has these columns is asked once, before its first row; the rows are then read without names.

use rusqlite::types::FromSql;

/// What is made of one column or of several that stand side by side.
pub(super) trait Part: Sized {
    /// Whether the next columns are called as this expects, of which it takes as many as it is made of. `field` is what the
    /// whole is called; in a tuple nothing has a name, and any will do.
    fn is_called(field: &str, names: &mut dyn Iterator<Item = &str>) -> bool;

    /// Takes the next columns.
    fn take(columns: &mut Columns<'_>) -> rusqlite::Result<Self>;
}

/// The columns of a row that are still to be taken.
pub(super) struct Columns<'r> {
    row: &'r rusqlite::Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r rusqlite::Row<'r>) -> Self {
        Columns { row, next: 0 }
    }

    fn one<Value: FromSql>(&mut self) -> rusqlite::Result<Value> {
        let value = self.row.get(self.next);
        self.next += 1;
        value
    }
}

macro_rules! of_one_column {
    ($($kind:ty),*) => {
        $(impl Part for $kind {
            fn is_called(field: &str, names: &mut dyn Iterator<Item = &str>) -> bool {
                names.next().is_some_and(|name| field.is_empty() || field == name)
            }

            fn take(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
                columns.one()
            }
        })*
    };
}
of_one_column!(bool, i64, String, Vec<u8>, Option<i64>, Option<String>, Option<Vec<u8>>);

macro_rules! of_a_tuple {
    ($($part:ident)*) => {
        impl<$($part: Part),*> Part for ($($part,)*) {
            fn is_called(_: &str, names: &mut dyn Iterator<Item = &str>) -> bool {
                true $(&& $part::is_called("", names))*
            }

            fn take(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
                Ok(($($part::take(columns)?,)*))
            }
        }
    };
}
of_a_tuple!(A B);
of_a_tuple!(A B C D);

/// Declares a row. A field that is a row itself stands for its columns.
macro_rules! row {
    (
        $(#[$of_row:meta])*
        $visible:vis struct $row:ident { $($(#[$of_field:meta])* $seen:vis $field:ident: $kind:ty,)* }
    ) => {
        $(#[$of_row])*
        $visible struct $row { $($(#[$of_field])* $seen $field: $kind,)* }

        impl $crate::sqlite::columns::Part for $row {
            fn is_called(_: &str, names: &mut dyn Iterator<Item = &str>) -> bool {
                true $(&& <$kind as $crate::sqlite::columns::Part>::is_called(stringify!($field), names))*
            }

            fn take(columns: &mut $crate::sqlite::columns::Columns<'_>) -> rusqlite::Result<Self> {
                Ok($row { $($field: $crate::sqlite::columns::Part::take(columns)?,)* })
            }
        }
    };
}
pub(super) use row;
