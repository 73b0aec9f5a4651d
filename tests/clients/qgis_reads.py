"""Run by QGIS's own Python, which has none of the project's packages: reads layers as features and as tiles, draws
them, and prints what it found as JSON.

Usage: python3 qgis_reads.py ADDRESS TOKEN FOLDER LAYER:ZOOM...; each is drawn at that zoom, round its first feature.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsNetworkAccessManager,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIDE_PX = 512
CIRCUMFERENCE_M = 2 * 20037508.342789244


def main(address: str, token: str, folder: str, *layers: str) -> None:
    """Read each layer both ways and print what came."""
    application = QgsApplication([], False)
    application.initQgis()
    sign_in(token)
    mercator = QgsCoordinateReferenceSystem("EPSG:3857")
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    to_metres = QgsCoordinateTransform(degrees, mercator, QgsProject.instance())
    told = {}
    for layer, _, zoom in (each.partition(":") for each in layers):
        source = f"url='{address}/ogc' typename='{layer}' pageSize='1000'"
        features = QgsVectorLayer(source, layer, "OAPIF")
        tiles = QgsVectorTileLayer(f"type=xyz&url={address}/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt&zmin=0&zmax=18", layer)
        middle = to_metres.transform(next(features.getFeatures()).geometry().pointOnSurface().asPoint())
        half = CIRCUMFERENCE_M / 256 / 2 ** int(zoom) * SIDE_PX / 2
        extent = QgsRectangle(middle.x() - half, middle.y() - half, middle.x() + half, middle.y() + half)
        told[layer] = {
            "valid": features.isValid(),
            "read": sum(1 for _ in features.getFeatures()),
            "fields": [field.name() for field in features.fields()],
            "tiles_valid": tiles.isValid(),
            "drawn": draw([features], mercator, extent, Path(folder) / f"{layer}_features.png"),
            "tiles_drawn": draw([tiles], mercator, extent, Path(folder) / f"{layer}_tiles.png"),
        }
    print(json.dumps(told), flush=True)
    # Its threads outlive what signs their requests, and the interpreter would fall over them on its way out.
    os._exit(0)


def sign_in(token: str) -> None:
    """Send the token with every request: what a person sets as an API header; the release of Debian 12 has no such."""

    def sign(request: object) -> None:
        request.setRawHeader(b"Authorization", f"Bearer {token}".encode())

    QgsNetworkAccessManager.setRequestPreprocessor(sign)


def draw(layers: list[object], crs: object, extent: object, file: Path) -> int:
    """Draw layers on white into a file; return how many pixels are not white."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(SIDE_PX, SIDE_PX))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(str(file))
    white = QColor("white").rgb()
    return sum(image.pixel(x, y) != white for x in range(SIDE_PX) for y in range(SIDE_PX))


if __name__ == "__main__":
    main(*sys.argv[1:])
