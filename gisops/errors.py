"""The tree of domain errors. The domain names what is wrong; only the top floor knows HTTP statuses.

    GisopsError
    ├── InvalidInput                what was sent cannot be right
    │   ├── InvalidCoordinate       NaN, infinite, out of range
    │   │   └── SwappedCoordinate   ... but would be right as lat, lon
    │   ├── UnknownCrs              missing, or not a reference system we convert from
    │   ├── UnknownCategory         no such category in the scheme
    │   ├── UnknownPart             no such part code
    │   ├── UnknownPlace            no such place
    │   ├── UnknownOrganisation     no such organisation
    │   ├── UnknownStaff            no such member of staff, or not of that organisation
    │   ├── OutsideCity             beyond the city's edge by more than the snapping distance
    │   ├── TextTooLong             free text over its limit
    │   ├── InvalidCode             not written as its scheme writes it (codes.py)
    │   │   ├── UnknownCodeScheme   no such scheme, so it cannot be split
    │   │   ├── InvalidGridCellCode
    │   │   ├── InvalidPartCode
    │   │   ├── InvalidAdminCode
    │   │   ├── InvalidCategoryCode
    │   │   └── SequenceOverflow    the numbers of a code's last part are used up
    │   ├── LoadError               a file as a whole cannot be read (loads/failures.py)
    │   │   ├── UnreadableFile      absent, incomplete, not what its name says
    │   │   ├── UnsafeArchive       a bomb, a way out of its folder, locked, nested
    │   │   ├── LayerNotChosen      several layers, and none was named
    │   │   ├── UndeclaredCrs       no system, or one that cannot be relied on
    │   │   ├── CrsConflict         the file states another system than was declared
    │   │   ├── UnknownEncoding     text in none of the encodings tried
    │   │   ├── MissingGeometry     no geometry, or no such column to make it from
    │   │   └── InvalidDate         no date, or one that reads in two ways
    │   ├── InvalidPhoto            no picture that is taken (photos.py)
    │   ├── UnknownPhoto            was not sent in, or was let go of (photos.py)
    │   ├── InvalidHandbook         rows of a handbook's file (handbook.py)
    │   ├── InvalidMapping          a file's columns do not become a target's so (loads/mapping.py)
    │   ├── InvalidLayer            a layer cannot be described so (layers/told.py)
    │   ├── InvalidProfile          no city can be made of this profile (profiles.py)
    │   ├── UnknownUnit             no such area or grid cell to look into (scopes.py)
    │   ├── NoSuchScope             this account cannot be granted that (scopes.py)
    │   ├── InvalidDeviceKey        no public EC key on P-256 (proofs.py)
    │   ├── WeakPassword            too short, or the login (accounts.py)
    │   ├── UnreadableExtract       not an OpenStreetMap extract that could be read (sample/osm)
    │   ├── InvalidGeometry         no shape that can be asked by (layers/shapes.py)
    │   ├── InvalidTimeLimit        cannot be computed from what was given (clocks.py)
    │   ├── OutsideSpan             a moment that no backup leads to (restores.py)
    │   └── InvalidWorkCalendar     never works, or its windows overlap (clocks.py)
    ├── NotFound                    no such thing, or not for this caller
    │   ├── UnknownAccount          no account with this login (accounts.py)
    │   ├── UnknownApiKey           no key with this number that still holds (api_keys.py)
    │   ├── UnknownIndicator        no such indicator or score (indicators/definitions.py)
    │   ├── UnknownWebhook          no webhook with this number that is told anything (webhooks.py)
    │   └── NoBackup                nothing to restore from (backups.py)
    ├── Conflict                    somebody or something was there first
    │   ├── ReusedClientUid         the same client_uid with another body
    │   ├── ReusedMessageId         the same message_id with another text (case_messages.py)
    │   ├── StaleVersion            the case moved on since it was read
    │   ├── StaleRule               the rule for filing was changed since it was read (auto_rules.py)
    │   ├── NotJoinable             no open case near by that a report could join (duplicates.py)
    │   ├── IllegalMove             the case's state does not allow this action
    │   ├── GuardFailed             the case is not as this move needs it (facts.py)
    │   ├── UrgedAlready            this case was urged a short while ago (supervision.py)
    │   ├── LoginTaken              there is an account with this login (accounts.py)
    │   ├── SubjectTaken            linked to another account already (accounts.py)
    │   ├── OtherAccount            done by another account than the one signed in now (api/auth.py)
    │   ├── LayerTaken              there is a layer of this id, or something of its name (layers/city_layers.py)
    │   ├── NotPublishable          a load that cannot come into force (loads/publishing.py)
    │   ├── NotUndoable             a load that cannot be taken back (loads/publishing.py)
    │   ├── CasesMovedOn            cases of a load have been worked on since (loads/past_cases.py)
    │   └── CityIsThere             the database holds a city already (founding.py)
    ├── NotSignedIn                 this needs a sign-in
    │   ├── InvalidRefreshToken     unknown, run out or revoked (devices.py)
    │   │   └── ReusedRefreshToken  used before: the phone's sign-in has ended
    │   ├── InvalidProof            no proof of the phone's key (proofs.py)
    │   │   └── ReplayedProof       ... or one that was shown before (devices.py)
    │   └── OidcFailed              the identity provider's answer signs nobody in (api/oidc.py)
    ├── BadCredentials              login or password is wrong
    ├── NotAllowed                  signed in, but not for this
    │   ├── CrossSite               sent by another site's page (api/origin.py)
    │   ├── ScopeMissing            this key was not made for this (api_keys.py)
    │   └── NoAccount               known to the identity provider, linked to nobody here (api/oidc.py)
    ├── TooManyRequests             over the limit; carries retry_after_s
    │   └── LockedOut               too many wrong passwords (lockout.py)
    ├── StorageFull                 no room on the disk; reading goes on (room.py)
    └── NotReady                    the database or a part of it is not there (yet)
        ├── PrinterMissing          the library that sets type is not installed (printing.py)
        ├── BrokenBackup            cannot be made, or is not what it was (backups.py)
        │   └── MissingWal          a segment a restore needs is not in the archive
        ├── StorageUnavailable      where photographs are kept does not answer (storage.py)
        ├── BrokenArchive           a base map's file cannot be read (tiles/pmtiles_file.py)
        ├── TooSlow             a question for features that was cut off (layers/features.py)
        ├── OidcUnavailable         the identity provider cannot be reached (api/oidc.py)
        └── BrokenMigration         database and migration steps do not belong together (db/migrate.py)

Every class carries a stable ``code`` (for programs), its docstring is the default message, and ``facts``
hold what was wrong and what would be right, as JSON-ready values.
"""

from __future__ import annotations

from typing import Any


class GisopsError(Exception):
    """Something went wrong."""

    code = "error"

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.message = message or (self.__class__.__doc__ or "").strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.message)


class InvalidInput(GisopsError):
    """What was sent cannot be right."""

    code = "invalid_input"


class InvalidCoordinate(InvalidInput):
    """A coordinate is not a finite number within its range."""

    code = "invalid_coordinate"


class SwappedCoordinate(InvalidCoordinate):
    """Longitude and latitude look swapped."""

    code = "swapped_coordinate"


class UnknownCrs(InvalidInput):
    """The coordinate reference system is missing or unknown."""

    code = "unknown_crs"


class UnknownCategory(InvalidInput):
    """There is no such category."""

    code = "unknown_category"


class UnknownPart(InvalidInput):
    """There is no part with this code."""

    code = "unknown_part"


class UnknownPlace(InvalidInput):
    """There is no place with this id."""

    code = "unknown_place"


class UnknownOrganisation(InvalidInput):
    """There is no organisation with this code."""

    code = "unknown_organisation"


class UnknownStaff(InvalidInput):
    """There is no such member of staff in this organisation."""

    code = "unknown_staff"


class OutsideCity(InvalidInput):
    """The point lies outside the city."""

    code = "outside_city"


class TextTooLong(InvalidInput):
    """The text is too long."""

    code = "text_too_long"


class NotFound(GisopsError):
    """There is no such thing."""

    code = "not_found"


class Conflict(GisopsError):
    """Something else was there first."""

    code = "conflict"


class ReusedClientUid(Conflict):
    """This client_uid was used before with another body."""

    code = "client_uid_reused"


class StaleVersion(Conflict):
    """The case has moved on since it was read."""

    code = "stale_version"


class IllegalMove(Conflict):
    """The case's state does not allow this action."""

    code = "illegal_move"


class NotSignedIn(GisopsError):
    """This needs a sign-in."""

    code = "not_signed_in"


class BadCredentials(GisopsError):
    """The login or the password is wrong."""

    code = "bad_credentials"


class NotAllowed(GisopsError):
    """You are signed in, but this is not for your role."""

    code = "not_allowed"


class TooManyRequests(GisopsError):
    """Too many requests; try again later."""

    code = "too_many_requests"


class NotReady(GisopsError):
    """The service is not ready."""

    code = "not_ready"
