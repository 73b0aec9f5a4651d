"""Our server with a catalogue that thins nothing: ``python -m bench.whole PORT``.

So that the same content can be compared: every feature by itself with every attribute that anybody may see, at every
zoom, without labels; at most 10,000 in a tile, which is where the peer stops.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import uvicorn

from api import deps
from api.app import create_app
from gisops.settings import Settings
from layers.catalog import Catalog, load_catalog
from layers.layer import Layer, Tiling
from tiles import mvt

MOST = 10_000


def thinned_by_nothing(layer: Layer) -> Layer:
    """The layer with all that it tells anybody in its tiles."""
    return replace(
        layer,
        fields=tuple(replace(field, in_tiles=True, in_labels=False) for field in layer.public_fields),
        minzoom=0,
        tiling=replace(
            layer.tiling,
            counted_below=0,
            max_features=MOST,
            label_minzoom=None,
            by_zoom_field=None,
            by_zoom=(),
            **_not_thinned(layer.tiling),
        ),
        fingerprint=f"{layer.fingerprint}.whole",
    )


def _not_thinned(tiling: Tiling) -> dict[str, object]:
    """Whatever else a tiling may ask for is left out: what it has where a folder says nothing."""
    return {}


def main(port: int) -> None:
    """Serve until told to stop."""
    mvt.MAX_BYTES = 1 << 30
    app = create_app(Settings())
    catalog = Catalog(tuple(thinned_by_nothing(layer) for layer in load_catalog() if layer.public))
    app.dependency_overrides[deps.catalog] = lambda: catalog
    config = uvicorn.Config(app, port=port, loop="uvloop", http="httptools", ws="none", log_level="warning")
    config.access_log = False
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
