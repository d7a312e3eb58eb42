"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const layers = data.models[0].cells.length, positions = data.tokens.length;
const SCRIPTS = {Latin: "#60a5fa", Han: "#f87171", Arabic: "#34d399", bytes: "#fbbf24", none: "#d1d5db"};
const OTHER = "#c4b5fd";
const state = {model: data.models.length > 1 ? "tuned" : "base", colour: "entropy", layer: layers - 1, position: 0};
const highest = Math.max(...data.models.flatMap(m => m.cells.flat().map(c => c.entropy)), 1e-9);

// Every token enters the page as text, never as markup.
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
function token(text) {
  return element("bdi", text, /^(<0x[0-9A-F]{2}>)+$/.test(text) ? {class: "byte"} : {});
}
function cellOf(name, layer, position) {
  return data.models[name === "base" ? 0 : data.models.length - 1].cells[layer][position];
}
function ramp(share) { // dark blue to yellow, readable in both directions
  const x = Math.min(1, Math.max(0, share));
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const n = Math.min(3, Math.floor(x * 4)), t = x * 4 - n;
  const rgb = stops[n].map((v, k) => Math.round(v + t * (stops[n + 1][k] - v)));
  return {back: `rgb(${rgb.join(",")})`, ink: x > 0.6 ? "#000" : "#fff"};
}
function change(share) { // blue: less, red: more
  const x = Math.min(1, Math.max(-1, share)), v = Math.round(255 * (1 - Math.abs(x)));
  return {back: x < 0 ? `rgb(${v},${v},255)` : `rgb(255,${v},${v})`, ink: Math.abs(x) > 0.7 ? "#fff" : "#000"};
}
function paint(layer, position) {
  const cell = cellOf(state.model, layer, position);
  if (state.colour === "script") return {back: SCRIPTS[cell.top[0][2]] || OTHER, ink: "#000"};
  if (state.model === "change") {
    const base = cellOf("base", layer, position);
    if (state.colour === "entropy") return change((cell.entropy - base.entropy) / highest);
    return change(cell.top[0][1] - base.top[0][1]);
  }
  return ramp(state.colour === "entropy" ? cell.entropy / highest : cell.top[0][1]);
}

const grid = document.getElementById("grid"), cells = [];
function build() {
  const head = element("thead"), row = element("tr");
  row.append(element("th", "layer"));
  for (const text of data.tokens) { const th = element("th"); th.append(token(text)); row.append(th); }
  head.append(row);
  const body = element("tbody");
  for (let layer = layers - 1; layer >= 0; layer--) {
    const tr = element("tr");
    tr.append(element("th", String(layer)));
    cells[layer] = [];
    for (let position = 0; position < positions; position++) {
      const td = element("td", undefined, {tabindex: "-1", role: "gridcell"});
      td.dataset.layer = layer; td.dataset.position = position;
      cells[layer].push(td); tr.append(td);
    }
    body.append(tr);
  }
  grid.append(head, body);
}
function draw() {
  for (let layer = 0; layer < layers; layer++) for (let position = 0; position < positions; position++) {
    const td = cells[layer][position], cell = cellOf(state.model, layer, position), {back, ink} = paint(layer, position);
    td.replaceChildren(token(cell.top[0][0]));
    td.style.background = back; td.style.color = ink;
    td.classList.toggle("moved", state.model === "change" && cell.top[0][0] !== cellOf("base", layer, position).top[0][0]);
  }
  for (const button of document.querySelectorAll("#controls button"))
    button.setAttribute("aria-pressed", String(button.value === state.model || button.value === state.colour));
  document.getElementById("legend").replaceChildren(...(state.colour === "script" ? scripts() : range()));
}
function scripts() {
  const told = Object.entries({...SCRIPTS, other: OTHER});
  return told.map(([name, colour]) => { const part = element("b", name); part.prepend(swatch(colour)); return part; });
}
function range() {
  const paints = [0, .25, .5, .75, 1].map(x => state.model === "change" ? change(2 * x - 1).back : ramp(x).back);
  const top = state.colour === "entropy" ? highest : 1, unit = state.colour === "entropy" ? " nats" : "";
  const low = state.model === "change" ? (-top).toFixed(1) + unit : "0";
  const high = (state.model === "change" ? "+" : "") + top.toFixed(1) + unit;
  const part = element("b", `${low} \u2013 ${high}`), bar = swatch(`linear-gradient(to right, ${paints.join(",")})`);
  bar.className = "ramp"; part.prepend(bar);
  return [part];
}
function swatch(background) {
  const made = element("i");
  made.style.background = background;
  return made;
}
function tell(layer, position) {
  const panel = document.getElementById("panel"), title = element("h2", `layer ${layer}, position ${position}, after `);
  title.append(token(data.tokens[position]));
  panel.replaceChildren(title);
  for (const [n, model] of data.models.entries()) {
    const cell = model.cells[layer][position];
    panel.append(element("h3", data.models.length > 1 ? `${n ? "tuned" : "base"}: ${model.name}` : model.name));
    panel.append(element("div", `entropy ${cell.entropy.toFixed(3)} nats`));
    const table = element("table");
    for (const [text, probability, script] of cell.top) {
      const tr = element("tr"), first = element("td"), bar = element("td", undefined, {class: "bar"}), fill = element("i");
      first.append(token(text));
      fill.style.width = `${100 * probability}%`; bar.append(fill);
      tr.append(first, element("td", script), element("td", probability.toFixed(4), {class: "number"}), bar);
      table.append(tr);
    }
    panel.append(table);
  }
}
function go(layer, position) {
  state.layer = Math.min(layers - 1, Math.max(0, layer));
  state.position = Math.min(positions - 1, Math.max(0, position));
  for (const td of grid.querySelectorAll('td[tabindex="0"]')) td.tabIndex = -1;
  const td = cells[state.layer][state.position];
  td.tabIndex = 0; td.focus(); tell(state.layer, state.position);
}
function choose(part, value) { state[part] = value; draw(); }
function button(parent, part, value, label) {
  const made = element("button", label, {type: "button", value});
  made.addEventListener("click", () => choose(part, value));
  document.getElementById(parent).append(made);
}

document.getElementById("text").textContent = data.text;
button("models", "model", "base", data.models.length > 1 ? "base" : data.models[0].name);
if (data.models.length > 1) { button("models", "model", "tuned", "tuned"); button("models", "model", "change", "change"); }
for (const colour of ["entropy", "probability", "script"]) button("colours", "colour", colour, colour);
build(); draw(); tell(state.layer, state.position);
cells[state.layer][state.position].tabIndex = 0;
grid.addEventListener("mouseover", event => {
  const td = event.target.closest("td");
  if (td) tell(Number(td.dataset.layer), Number(td.dataset.position));
});
grid.addEventListener("mouseleave", () => tell(state.layer, state.position));
grid.addEventListener("click", event => {
  const td = event.target.closest("td");
  if (td) go(Number(td.dataset.layer), Number(td.dataset.position));
});
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const {layer, position} = state;
  const moves = {
    ArrowUp: [layer + 1, position], ArrowDown: [layer - 1, position], ArrowLeft: [layer, position - 1],
    ArrowRight: [layer, position + 1], Home: [layer, 0], End: [layer, positions - 1],
    PageUp: [layers - 1, position], PageDown: [0, position],
  };
  const several = data.models.length > 1;
  const views = several ? {b: "base", t: "tuned", c: "change"} : {};
  const colours = {e: "entropy", p: "probability", s: "script"};
  if (event.key in moves) { go(...moves[event.key]); event.preventDefault(); }
  else if (event.key in views) choose("model", views[event.key]);
  else if (event.key in colours) choose("colour", colours[event.key]);
});
