//! The methods of `effigy::db`, each on SQLite and on PostgreSQL.
