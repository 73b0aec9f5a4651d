"""Settings: read once, at a door (command line, HTTP, worker, tests), then passed in. Never read at import."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SampleSize = Literal["district", "city", "full"]


class Settings(BaseSettings):
    """Every setting of gisops. Each is an environment variable ``GISOPS_<NAME>`` (or a line of ``.env``)."""

    model_config = SettingsConfigDict(env_prefix="GISOPS_", env_file=".env", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".gisops"), description="Folder of the private cluster, files and logs.")
    backup_dir: Path | None = Field(
        default=None, description="Folder of the private cluster's backups and WAL, best on another disk."
    )
    database_url: SecretStr | None = Field(
        default=None, description="A PostGIS of your own; then no private cluster is started. The role the doors use."
    )
    migrate_url: SecretStr | None = Field(
        default=None, description="The owner's address for migrations, where database_url is a lesser role."
    )
    pooler: Literal["none", "transaction"] = Field(
        default="none", description="Whether a pooler by transaction (PgBouncer) answers at database_url."
    )
    direct_url: SecretStr | None = Field(
        default=None, description="The database's own address, past the pooler: what listens or works needs it."
    )
    host: str = Field(default="127.0.0.1", description="Address the web server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the web server listens on.")
    processes: int = Field(
        default_factory=lambda: max(2, min(os.cpu_count() or 2, 8)), ge=1, description="Web processes."
    )
    pool_size: int = Field(default=8, ge=1, description="Database connections, and request threads, per web process.")
    sample_password: SecretStr | None = Field(
        default=None, description="Password of the sample city's accounts; made at random and printed when absent."
    )
    sample_size: SampleSize = Field(
        default="city", description="How large the sample city is that `gisops up` loads into an empty database."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token that may read /metrics beside an administrator: the monitor's."
    )
    session_hours: int = Field(default=12, ge=1, description="How long a sign-in lasts.")
    anonymous_reports_per_minute: int = Field(
        default=30, ge=1, description="Reports one network address may send without a sign-in, per minute."
    )
    log_level: str = Field(default="INFO", description="Least severe log level that is written.")
