"""Settings: read once, at a door (command line, HTTP, worker, tests), then passed in. Never read at import."""

from __future__ import annotations

import os
import re
import socket
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gisops import basemaps

Network = IPv4Network | IPv6Network
SampleSize = Literal["district", "city", "full"]

# Names that others' names end with. Two labels are told by their form: com.cn, gov.cn, ac.uk.
_SUFFIX = re.compile(r"[a-z0-9-]+|(ac|co|com|edu|gov|mil|net|org)\.[a-z]{2}")


class Settings(BaseSettings):
    """Every setting of gisops. Each is an environment variable ``GISOPS_<NAME>`` (or a line of ``.env``)."""

    # What is refused is not repeated: it may hold a password or a key.
    model_config = SettingsConfigDict(
        env_prefix="GISOPS_", env_file=".env", frozen=True, extra="ignore", hide_input_in_errors=True
    )

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
    audit_seals: Path | None = Field(
        default=None, description="File outside the database for the audit's digests, best on another machine's disk."
    )
    sample_password: SecretStr | None = Field(
        default=None, description="Password of the sample city's accounts; made at random and printed when absent."
    )
    sample_size: SampleSize = Field(
        default="city", description="How large the sample city is that `gisops up` loads into an empty database."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token that may read /metrics beside an administrator: the monitor's."
    )
    tls: bool = Field(
        default=False, description="Whether the web server speaks HTTPS, by a certificate made here for a trial."
    )
    tls_certificate: Path | None = Field(
        default=None, description="A certificate of yours to speak HTTPS by, with its chain: a PEM file."
    )
    tls_key: Path | None = Field(default=None, description="The private key of that certificate: a PEM file.")
    tls_names: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None, description="Further names and addresses the certificate made here is for."
    )
    public_url: str | None = Field(
        default=None, description="The address by which callers reach the server: scheme, host and port, no path."
    )
    trusted_proxies: Annotated[tuple[Network, ...] | None, NoDecode] = Field(
        default=None, description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed."
    )
    oidc_issuer: str | None = Field(
        default=None, description="An identity provider people may sign in through (OpenID Connect): its address."
    )
    oidc_client_id: str | None = Field(default=None, description="Who this server is at the identity provider.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="What it shows the identity provider for that."
    )
    basemap: SecretStr | None = Field(
        default=None, description="The map below the layers: a .pmtiles file, or addresses of tiles (XYZ, WMTS)."
    )
    basemap_attribution: str | None = Field(
        default=None, description="Whose map it is, as the map says it; by default what the file or the service says."
    )
    question_seconds: float = Field(
        default=3.0, ge=0.1, le=25, description="How long a question for features (OGC API) may take, in seconds."
    )
    session_hours: int = Field(default=12, ge=1, description="How long a sign-in lasts.")
    anonymous_reports_per_minute: int = Field(
        default=30, ge=1, description="Reports one network address may send without a sign-in, per minute."
    )
    photos: str | None = Field(
        default=None, description="Where photographs are kept: a folder, or s3://bucket/prefix; by default in the home."
    )
    photo_bytes: int = Field(
        default=10_000_000, ge=100_000, le=50_000_000, description="The largest file a photograph may be, in bytes."
    )
    anonymous_photos_per_minute: int = Field(
        default=30, ge=1, description="Photographs one network address may send without a sign-in, per minute."
    )
    anonymous_photo_bytes_per_address: int = Field(
        default=100_000_000,
        ge=1,
        description="How much of what one address sent without a sign-in may lie here unnamed, copies included.",
    )
    anonymous_photo_bytes: int = Field(
        default=2_000_000_000, ge=1, description="How much of what all such addresses sent may, in bytes."
    )
    photos_endpoint: str | None = Field(
        default=None, description="Address of the S3-compatible store that GISOPS_PHOTOS names, where it is not AWS."
    )
    photos_region: str | None = Field(default=None, description="Region of that store.")
    photos_access_key: str | None = Field(default=None, description="Who this server is at that store.")
    photos_secret_key: SecretStr | None = Field(default=None, description="What it shows the store for that.")
    sms: SecretStr | None = Field(
        default=None,
        description="Where SMS go: a gateway's address (http, https), or a folder that takes them as files.",
    )
    sms_token: SecretStr | None = Field(default=None, description="Bearer token that the SMS gateway is shown.")
    mail: SecretStr | None = Field(
        default=None, description="Where e-mail goes: smtp://user:password@host:port, smtps://…, or a folder."
    )
    mail_from: str | None = Field(default=None, description="The address that e-mail is sent from.")
    webhook_private: bool = Field(
        default=False, description="Whether webhooks may lead to addresses that are not of the public internet."
    )
    notices_days: int = Field(
        default=90,
        ge=30,
        description="Days for which a notice is kept once it was read; what nobody reads is kept four times as long.",
    )
    log_level: str = Field(default="INFO", description="Least severe log level that is written.")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _separate(cls, value: object) -> object:
        """Networks are written with commas between them."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip()) or None
        return value

    @field_validator("tls_names", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        """Names are written with commas between them; what is none would spoil the certificate for all others."""
        if value is None:
            return None
        told = value.split(",") if isinstance(value, str) else value
        if not isinstance(told, list | tuple):
            raise ValueError("is names with commas between them, as gis.local,192.168.1.20")
        names = tuple(one.strip().lower() for one in told if one.strip())
        for one in names:
            try:
                ip_address(one)
            except ValueError:
                if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", one) or ".." in one:
                    raise ValueError(f"{one} is neither a host's name nor an address") from None
                # The root may sign for all names below: by "com" for every site there is.
                if _SUFFIX.fullmatch(one) and one not in ("localhost", socket.gethostname().lower()):
                    raise ValueError(f"{one} is no host's name but what others' end with; as gis.local") from None
        return names or None

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        """An origin, written as browsers write it."""
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.path not in ("", "/"):
            raise ValueError("is scheme, host and port, as https://gis.example")
        if parts.query or parts.fragment:
            raise ValueError("is scheme, host and port, without anything behind")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @field_validator("sms", "mail")
    @classmethod
    def _way_out(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """A folder by its whole path, or a server's address; not repeated, as it may hold a password."""
        schemes = {"sms": ("http", "https"), "mail": ("smtp", "smtps")}[info.field_name or ""]
        if value is not None and not Path(value.get_secret_value()).is_absolute():
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in schemes or not parts.hostname:
                raise ValueError(f"is the whole path of a folder, or {' or '.join(f'{one}://host' for one in schemes)}")
        return value

    @field_validator("photos")
    @classmethod
    def _kept(cls, value: str | None) -> str | None:
        """A folder by its whole path, or a bucket by its name."""
        if value is None or Path(value).expanduser().is_absolute():
            return value
        parts = urlsplit(value)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("is the whole path of a folder, or s3://bucket/prefix")
        return value

    @field_validator("basemap")
    @classmethod
    def _drawn(cls, value: SecretStr | None) -> SecretStr | None:
        """A map that what we draw fits on. It is kept as it is told, as it may hold a key."""
        if value is not None:
            basemaps.parse(value.get_secret_value())
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        """An address nobody can stand in for: by TLS, or on this machine."""
        if value is None:
            return None
        parts = urlsplit(value)
        near = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and near)):
            raise ValueError("is an https address (http on this machine only)")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """A provider without our name there is of no use, and should be said at the start."""
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("GISOPS_OIDC_ISSUER and GISOPS_OIDC_CLIENT_ID go together")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("GISOPS_TLS_CERTIFICATE and GISOPS_TLS_KEY go together")
        if (self.tls or self.tls_certificate) and self.public_url is not None and self.public_url.startswith("http:"):
            raise ValueError("GISOPS_PUBLIC_URL says http, but the server is to speak https (GISOPS_TLS)")
        if self.mail is not None and self.mail_from is None and not Path(self.mail.get_secret_value()).is_absolute():
            raise ValueError("GISOPS_MAIL needs GISOPS_MAIL_FROM")
        return self
