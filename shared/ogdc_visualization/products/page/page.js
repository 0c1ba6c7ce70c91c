// The map of an output: reads the description in the page, and shows its tiles in their own grid and projection.
"use strict";

const map = JSON.parse(document.getElementById("description").textContent);

const projection = new ol.Projection({ code: map.crs, units: map.units, extent: map.gridExtent });

const grid = new ol.TileGrid({
  origin: map.origin,
  resolutions: map.resolutions,
  minZoom: map.minLevel,
  tileSize: map.tileSize,
  extent: map.extent,
});

const layers = map.layers.map(
  (layer) =>
    new ol.TileLayer({
      visible: false,
      source: new ol.XYZ({ url: layer.template, projection, tileGrid: grid, wrapX: false, interpolate: false }),
    }),
);

const view = new ol.View({
  projection,
  // Two levels further out than there are tiles, and four further in.
  maxResolution: map.resolutions[map.minLevel] * 4,
  minResolution: map.resolutions[map.resolutions.length - 1] / 16,
});

const position = new ol.MousePosition({
  target: document.getElementById("position"),
  placeholder: map.crs,
  coordinateFormat: ([x, y]) => `${map.crs}: ${x.toFixed(map.digits)}, ${y.toFixed(map.digits)}`,
});

const target = new ol.Map({
  target: "map",
  layers,
  view,
  controls: ol.defaults({ attribution: false, rotate: false }).extend([position]),
});

let shown = 0;

const number = (value) => new Intl.NumberFormat("en", { maximumSignificantDigits: 6 }).format(value);

function showLegend() {
  const layer = map.layers[shown];
  const level = Math.max(map.minLevel, grid.getZForResolution(view.getResolution() ?? map.resolutions[map.minLevel]));
  const [smallest, largest] = layer.ranges[level] ?? ["", ""];
  document.getElementById("colors").style.background = `linear-gradient(to right, ${layer.colors.join(", ")})`;
  document.getElementById("smallest").textContent = smallest === "" ? "" : number(smallest);
  document.getElementById("largest").textContent = largest === "" ? "" : number(largest);
  document.getElementById("level").textContent = `level ${level}`;
}

function show(index) {
  shown = index;
  layers.forEach((layer, each) => layer.setVisible(each === index));
  showLegend();
}

function addLayer(layer, index) {
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "layer", checked: index === 0 });
  input.addEventListener("change", () => show(index));
  const label = document.createElement("label");
  label.append(input, ` ${layer.name}`);
  document.getElementById("layers").append(label);
}

function link(text, href) {
  return Object.assign(document.createElement("a"), { textContent: text, href });
}

function addFile({ title, href }) {
  const item = document.createElement("li");
  item.append(link(title, href));
  document.getElementById("files").append(item);
}

map.layers.forEach(addLayer);
map.files.forEach(addFile);
document.getElementById("source").append(map.doiUrl ? link(map.doi, map.doiUrl) : (map.doi ?? ""));
// Beside the panel where there is room, and not below it.
const panel = document.querySelector("aside").offsetWidth;
const room = window.innerWidth > 2 * panel ? panel + 32 : 24;
view.fit(map.extent, { size: target.getSize(), padding: [24, room, 24, 24] });
view.on("change:resolution", showLegend);
if (layers.length) show(0);
