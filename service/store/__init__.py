"""The store: tables, connections, migrations, and what analysis reads."""
