"""The database: models, repositories, unit of work, migrations. Nobody else imports SQLAlchemy."""
