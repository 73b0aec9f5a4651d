"""``gisops sample``: a city to try things in, drawn or from OpenStreetMap, with a year of cases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from api import progress, sign_ins
from api.console import bring_up_to_date, database, out, read_settings
from gisops.cluster import Urls
from gisops.errors import Conflict, InvalidInput
from gisops.settings import SampleSize, Settings

# What is being done, in the order in which it is; tables that are not named here are soon done.
STEPS = {
    "ground": "地形、街道、建筑 / ground, streets, buildings",
    "zones": "网格、责任区、人员 / cells, zones, staff",
    "grid_cells": "单元网格 / grid cells",
    "rosters": "排班 / rosters",
    "roads": "道路 / roads",
    "buildings": "建筑 / buildings",
    "pipes": "管线 / pipes",
    "parts": "部件 / parts",
    "places": "单位场所 / places",
    "scopes": "看得见的范围 / scopes",
    "order": "整理 / order",
    "cases": "一年的案件 / a year of cases",
}


def sample(
    size: Annotated[
        SampleSize | None, typer.Option(help="district: small, drawn by hand; city; full. Default: GISOPS_SAMPLE_SIZE.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="An OpenStreetMap extract: *.osm.pbf, *.osm, *.osm.gz.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another city.", min=0)] = 1,
    until: Annotated[
        datetime | None,
        typer.Option(help="The sample's now (UTC); default: this minute.", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    ] = None,
) -> None:
    """装入样例城市 / Load a sample city into a database that holds no city."""
    settings = read_settings()
    moment = until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until
    if moment is not None and moment > datetime.now(UTC):
        raise InvalidInput("The sample's now lies in the future; its cases would be yet to come.", field="until")
    with database(settings) as urls:
        bring_up_to_date(urls)
        if sign_ins.has_city(urls.owner):
            if finish(urls):
                return
            raise Conflict("The database holds a city already.", do="gisops reset   (deletes it)")
        with progress.steps(STEPS) as show:
            sign_ins.load_sample(urls.owner, settings, size=size, source=source, seed=seed, until=moment, show=show)
        print_sign_ins(urls, settings)


def finish(urls: Urls) -> bool:
    """Tell what is left of a sample's past whose telling was cut off; returns whether anything was left."""
    from gisops.sample import loading

    with progress.steps(STEPS) as show:
        return loading.tell(urls.owner, show) > 0


def print_sign_ins(urls: Urls, settings: Settings) -> None:
    """Print the sample's sign-ins, if there are any."""
    logins = sign_ins.sample_logins(urls.owner)
    if not logins:
        return
    password = sign_ins.kept_password(settings) or "GISOPS_SAMPLE_PASSWORD"
    out.print("  样例账号 / sample sign-ins: " + " ".join(login for login, _ in logins), markup=False)
    out.print(f"  密码 / password: {password}", markup=False)
