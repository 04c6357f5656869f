// Sends a picture to the local server, which answers with class ids; this script draws the colours.
"use strict";

const ORIGINAL = -1; // the layer without a model
const element = (id) => document.getElementById(id);
const canvas = element("canvas");
const drawing = canvas.getContext("2d");

let facts; // the server's description of models, samples and limits
let photo = null; // ImageBitmap
let results = []; // one per model: { ids: Uint8Array, shares, overlay: canvas }
let latest = 0; // number of the latest request: answers to earlier requests are ignored
const hidden = new Set(); // names of the classes that are not shown

function showStatus(text, isError = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", isError);
}

function createElement(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

// --- Choosing a picture

async function open(blob, name) {
  const request = ++latest;
  if (blob.size > facts.max_upload_mb * 2 ** 20) {
    showStatus(`${name} is larger than ${facts.max_upload_mb} MB, the limit of this page.`, true);
    return;
  }
  showStatus(`Segmenting ${name} …`);
  try {
    const answers = await Promise.all(facts.models.map((_, model) => segment(blob, model)));
    const shown = await bitmap(blob, name);
    if (request !== latest) return;
    photo = shown;
    results = await Promise.all(answers.map(decoded));
    if (request !== latest) return;
    show(name, answers[0]);
  } catch (error) {
    if (request === latest) showStatus(error.message, true);
  }
}

async function segment(blob, model) {
  let response;
  try {
    response = await fetch(`/segment/${model}`, { method: "POST", body: blob });
  } catch {
    throw new Error("The server does not answer: check that `vocseg demo` is running.");
  }
  const answer = await response.json().catch(() => ({ error: "The server failed to process this picture." }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function bitmap(blob, name) {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new Error(`${name} was segmented, but this browser cannot show its format: try JPEG, PNG or WebP.`);
  }
}

async function decoded(answer, model) {
  const bytes = Uint8Array.from(atob(answer.class_map), (character) => character.charCodeAt(0));
  const exact = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const map = await createImageBitmap(new Blob([bytes], { type: "image/png" }), exact);
  const overlay = createElement("canvas", { width: map.width, height: map.height });
  const context = overlay.getContext("2d", { willReadFrequently: true });
  context.drawImage(map, 0, 0);
  const pixels = context.getImageData(0, 0, map.width, map.height);
  const ids = new Uint8Array(map.width * map.height);
  for (let i = 0; i < ids.length; i++) ids[i] = pixels.data[4 * i];
  return { model, ids, pixels, overlay, context, shares: answer.shares };
}

// --- Showing the result

function show(name, { width, height }) {
  const first = results[0].overlay;
  [canvas.width, canvas.height] = [first.width, first.height];
  element("result").hidden = false;
  const seen = new Set(results.flatMap((result) => Object.keys(result.shares)));
  facts.models.forEach(({ background }) => seen.delete(background));
  showStatus(`${name}, ${width} × ${height} pixels: ${[...seen].join(", ") || `${facts.models[0].background} only`}.`);
  listClasses();
  repaint();
}

function repaint() {
  for (const { model, ids, pixels, context } of results) {
    const { background, classes } = facts.models[model];
    const colours = new Uint32Array(256); // little-endian: alpha, blue, green, red
    classes.forEach(({ name, colour: [red, green, blue] }, id) => {
      if (name !== background && !hidden.has(name)) colours[id] = (255 << 24) | (blue << 16) | (green << 8) | red;
    });
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < ids.length; i++) words[i] = colours[ids[i]];
    context.putImageData(pixels, 0, 0);
  }
  draw();
}

function draw() {
  if (!photo || !results.length) return;
  const { width, height } = canvas;
  const edge = Math.round((width * element("line").valueAsNumber) / 100);
  drawing.globalAlpha = 1;
  drawing.drawImage(photo, 0, 0, width, height);
  drawing.globalAlpha = element("opacity").valueAsNumber / 100;
  for (const [side, begin, end] of [["left", 0, edge], ["right", edge, width]]) {
    const layer = Number(element(side).value);
    if (layer === ORIGINAL || end <= begin) continue;
    drawing.save();
    drawing.beginPath();
    drawing.rect(begin, 0, end - begin, height);
    drawing.clip();
    drawing.imageSmoothingEnabled = false;
    drawing.drawImage(results[layer].overlay, 0, 0, width, height);
    drawing.restore();
  }
  const position = element("line").valueAsNumber;
  element("divider").style.left = `${position}%`;
  element("divider").hidden = position <= 0 || position >= 100;
  for (const side of ["left", "right"]) {
    const name = element(`${side}-name`);
    name.textContent = element(side).selectedOptions[0].textContent;
    name.hidden = side === "left" ? position < 8 : position > 92;
  }
  element("opacity-shown").textContent = `${element("opacity").value} %`;
}

const foreground = ({ background, classes }) => classes.filter(({ name }) => name !== background);

function listClasses() {
  const entries = new Map(); // name → colour, over all models
  for (const model of facts.models) foreground(model).forEach(({ name, colour }) => entries.has(name) || entries.set(name, colour));
  const share = (name) => Math.max(...results.map((result) => result.shares[name] ?? 0));
  const names = [...entries.keys()].sort((a, b) => share(b) - share(a));
  element("classes").replaceChildren(...names.map((name) => {
    const box = createElement("input", { type: "checkbox", checked: !hidden.has(name) });
    box.dataset.name = name;
    box.addEventListener("change", () => {
      box.checked ? hidden.delete(name) : hidden.add(name);
      repaint();
    });
    const shares = results.map((result) => percent(result.shares[name] ?? 0));
    const label = createElement("label", { className: share(name) ? "" : "absent-class" }, box, swatch(entries.get(name)), createElement("span", { textContent: name }));
    label.append(createElement("span", { className: "share", textContent: share(name) ? shares.join(" | ") : "" }));
    return createElement("li", {}, label);
  }));
}

const percent = (share) => (share === 0 ? "–" : share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

function swatch(colour) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const square = document.createElementNS(space, "rect");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  Object.entries({ x: 0.5, y: 0.5, width: 15, height: 15, rx: 3, fill: `rgb(${colour})` }).forEach(([key, value]) => square.setAttribute(key, value));
  picture.append(square);
  return picture;
}

function showAllClasses(shown) {
  hidden.clear();
  if (!shown) facts.models.forEach((model) => foreground(model).forEach(({ name }) => hidden.add(name)));
  document.querySelectorAll("#classes input").forEach((box) => (box.checked = shown));
  repaint();
}

// --- The pointer on the picture

function pointAt(event) {
  if (!results.length) return;
  const box = canvas.getBoundingClientRect();
  const across = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  const down = Math.min(Math.max((event.clientY - box.top) / box.height, 0), 1);
  if (event.buttons & 1) {
    element("line").value = Math.round(100 * across);
    draw();
  }
  const names = results.map(({ model, ids, overlay: { width, height } }) => {
    const x = Math.min(Math.floor(across * width), width - 1);
    const y = Math.min(Math.floor(down * height), height - 1);
    return facts.models[model].classes[ids[y * width + x]].name;
  });
  const titled = names.map((name, model) => (names.length > 1 ? `${facts.models[model].title}: ${name}` : name));
  element("pointer-class").textContent = titled.join("   ·   ");
}

function save() {
  canvas.toBlob((blob) => {
    const link = createElement("a", { href: URL.createObjectURL(blob), download: "overlay.png" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }, "image/png");
}

// --- Start

function listLayers() {
  const layers = [[ORIGINAL, "Original picture"], ...facts.models.map(({ title }, model) => [model, title])];
  for (const side of ["left", "right"]) {
    element(side).replaceChildren(...layers.map(([value, name]) => createElement("option", { value, textContent: name })));
    element(side).addEventListener("change", draw);
  }
  const two = facts.models.length > 1;
  element("left").value = two ? 0 : ORIGINAL;
  element("right").value = two ? 1 : 0;
  element("line").value = two ? 50 : 0;
}

function listSamples() {
  element("samples").replaceChildren(...facts.samples.map(({ title, address }) => {
    const button = createElement("button", { type: "button" }, createElement("img", { src: address, alt: "" }), createElement("span", { textContent: title }));
    button.addEventListener("click", async () => {
      markSample(button);
      open(await (await fetch(address)).blob(), `the sample ${title}`);
    });
    return button;
  }));
}

function markSample(button) {
  document.querySelectorAll("#samples button").forEach((other) => other.setAttribute("aria-pressed", other === button));
}

function openFile(file) {
  markSample(null);
  open(file, file.name || "the picture");
}

async function start() {
  facts = await (await fetch("/facts.json")).json();
  element("models").textContent = facts.models.map(({ title, image_size: size, classes }) => `${title} (${classes.length} classes, ${size} pixels)`).join("   compared with   ");
  element("limits").textContent = `Up to ${facts.max_upload_mb} MB. The picture stays on this machine and is not stored.`;
  listLayers();
  listSamples();
  element("file").addEventListener("change", ({ target }) => {
    if (target.files.length) openFile(target.files[0]);
    target.value = ""; // allows choosing the same file again
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      element("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("paste", (event) => event.clipboardData.files.length && openFile(event.clipboardData.files[0]));
  for (const id of ["line", "opacity"]) element(id).addEventListener("input", draw);
  for (const kind of ["pointermove", "pointerdown"]) element("stage").addEventListener(kind, pointAt);
  element("all").addEventListener("click", () => showAllClasses(true));
  element("none").addEventListener("click", () => showAllClasses(false));
  element("save").addEventListener("click", save);
}

start().catch(() => showStatus("The server does not answer: check that `vocseg demo` is running.", true));
