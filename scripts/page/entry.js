// The parts of OpenLayers that the page of a map uses. scripts/openlayers bundles them.
import Map from "ol/Map.js";
import View from "ol/View.js";
import MousePosition from "ol/control/MousePosition.js";
import { defaults } from "ol/control/defaults.js";
import TileLayer from "ol/layer/Tile.js";
import Projection from "ol/proj/Projection.js";
import XYZ from "ol/source/XYZ.js";
import TileGrid from "ol/tilegrid/TileGrid.js";

window.ol = { Map, View, MousePosition, defaults, TileLayer, Projection, XYZ, TileGrid };
